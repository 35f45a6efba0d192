import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import express, { type Express, type Request } from "express";
import serveCompressed from "express-static-gzip";

const FOLDER = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@keybrake/console/package.json")),
  "dist",
);
const PAGE = "index.html";
/** These names contain a hash of what they hold. */
const ASSETS = "/assets";
const YEAR_SECONDS = 31_536_000;

/**
 * The console's files. Every address that a browser opens and that is nothing else is a page of the console, which reads the
 * address itself. Nobody needs to have signed in for the files: they hold no data. Throws when the console was not built.
 */
export function mountConsole(app: Express): void {
  const page = path.join(FOLDER, PAGE);
  if (!existsSync(page)) throw new Error("the console is not built: build the workspace");
  app.use(
    ASSETS,
    // The build has compressed them, smaller than could be done while somebody waits.
    serveCompressed(path.join(FOLDER, ASSETS), {
      enableBrotli: true,
      orderPreference: ["br", "gzip"],
      index: false,
      serveStatic: {
        cacheControl: false,
        fallthrough: true,
        setHeaders: (response) => {
          response.setHeader("cache-control", `public, max-age=${YEAR_SECONDS}, immutable`);
        },
      },
    }),
  );
  app.use(express.static(FOLDER, { cacheControl: false, index: false }));
  app.use((request, response, next) => {
    if (isNavigation(request)) response.sendFile(page, { cacheControl: false });
    else next();
  });
}

function isNavigation(request: Request): boolean {
  const isRead = request.method === "GET" || request.method === "HEAD";
  return isRead && request.accepts(["json", "html"]) === "html";
}
