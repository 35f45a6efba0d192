// tsc emits only TypeScript; the migrations and queries beside it are read at run time, so they are copied too.
import { cpSync } from "node:fs";

const [source, target] = process.argv.slice(2);
if (!source || !target) throw new Error("usage: copy-sql.mjs SOURCE TARGET");
cpSync(source, target, {
  recursive: true,
  filter: (path) => !/\.[cm]?tsx?$/.test(path),
});
