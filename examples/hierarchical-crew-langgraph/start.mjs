// In a checkout of Keybrake: installs and builds what is missing, with a Node.js that is new enough. Elsewhere: just starts.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, "main.ts");
const toolchain = join(here, "../../scripts/with-toolchain.mjs");
const args = existsSync(toolchain) ? [toolchain, "example", main] : [main];
const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
process.exitCode = status ?? 1;
