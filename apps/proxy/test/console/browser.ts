import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import type { TestServer } from "../support/server.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
const SCREENSHOTS = fileURLToPath(new URL("../../../../docs/images", import.meta.url));
const ACTION_MS_MAX = 15_000;
/** The two sizes that the console is made for. */
export const LAPTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Whether there is a browser to test with. */
export const HAS_BROWSER = CHROMIUM !== undefined;

/** A browser that keeps what a good console never does. */
export interface TestBrowser {
  /** Opens a page in a profile of its own, signed in with a login link in the name of `token`, the bootstrap token if absent. */
  signIn(options?: { readonly token?: string; readonly viewport?: typeof LAPTOP }): Promise<Page>;
  /** Opens a page in a profile of its own, signed out. */
  open(viewport?: typeof LAPTOP): Promise<Page>;
  /** Console errors, exceptions, requests that failed or left the origin, in any page so far; best compared with `[]`. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Starts Chromium for the console of a server. */
export async function openBrowser(server: TestServer): Promise<TestBrowser> {
  if (CHROMIUM === undefined) throw new Error("there is no Chromium");
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const faults: string[] = [];
  const open = async (viewport = LAPTOP) => {
    const context: BrowserContext = await browser.newContext({ viewport, timezoneId: "Europe/Vienna" });
    context.setDefaultTimeout(ACTION_MS_MAX);
    const page = await context.newPage();
    watch(page, server.adminUrl, faults);
    return page;
  };
  return {
    open,
    signIn: async ({ token = server.adminToken, viewport = LAPTOP } = {}) => {
      const answer = await fetch(`${server.adminUrl}/api/v1/login-codes`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      const { code } = (await answer.json()) as { code: string };
      const page = await open(viewport);
      await page.goto(`${server.adminUrl}/#login=${code}`);
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
      return page;
    },
    faults,
    close: () => browser.close(),
  };
}

function watch(page: Page, origin: string, faults: string[]): void {
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    // A browser reports each refusal that the page itself asked for and handles, such as the first look for a session,
    // or a form that the server does not accept.
    if (/status of (400|401|403|404|409|422)/.test(message.text())) return;
    faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== origin) faults.push(`left the origin: ${url.href}`);
  });
}

const LOOKS = [
  { viewport: LAPTOP, colorScheme: "light" },
  { viewport: LAPTOP, colorScheme: "dark" },
  { viewport: PHONE, colorScheme: "dark" },
  { viewport: PHONE, colorScheme: "light" },
] as const;

/** What `findBarriers` finds on the page on a laptop and on a phone, light and dark, and whether it is wider than the screen. */
export async function findBarriersInEveryLook(page: Page): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { viewport, colorScheme } of LOOKS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const barriers = [...(await findBarriers(page))];
    const width = await page.evaluate("document.documentElement.scrollWidth");
    if (Number(width) > viewport.width) barriers.push(`the page is ${width} pixels wide`);
    found.push(...barriers.map((barrier) => `${viewport.width} ${colorScheme}: ${barrier}`));
  }
  return found;
}

/** Every serious or critical violation that axe finds on the page as it is now. */
export async function findBarriers(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).options({ resultTypes: ["violations"] }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`),
    );
}

/** Expects of a value that it comes to be so, in the time that a page may take. */
export const soon: typeof expect.poll = (read, options) =>
  expect.poll(read, { timeout: ACTION_MS_MAX, ...options });

/** Takes a picture for the docs, when `KEYBRAKE_TEST_PICTURES=1` asks for them: a test run changes no file. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (process.env["KEYBRAKE_TEST_PICTURES"] !== "1") return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}
