import { existsSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { lockDataDir } from "../../src/ledger/data-dir-lock.ts";

// Started by data-dir-lock.test.ts: when the file `go` is there, takes every directory below `root` that it can, and
// lives on until killed. It looks for the file without a pause, so that several of these begin in the same moment.
const [, , root = "", go = ""] = process.argv;
writeSync(1, "ready\n");
// Nobody will write it when the test was ended from outside.
const untilMs = performance.now() + 60_000;
while (!existsSync(go)) if (performance.now() > untilMs) process.exit(1);
for (const name of readdirSync(root)) {
  try {
    lockDataDir(join(root, name));
    writeSync(1, `took ${name}\n`);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("is in use by process")) throw error;
  }
}
writeSync(1, "done\n");
setInterval(() => undefined, 60_000);
