// Runs one of the examples: `npm run example -- per-run-keys`. Everything is installed and built when this starts.
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitStatus } from "./child.mjs";

const EXAMPLES = join(dirname(dirname(fileURLToPath(import.meta.url))), "examples");
const isExample = (name) => existsSync(join(EXAMPLES, name, "package.json"));

const [name = ""] = process.argv.slice(2);
if (/^[a-z0-9-]+$/.test(name) && isExample(name)) {
  // It gets the signals as we do: from the terminal, or from the script that has started us.
  const child = spawn("npm", ["start"], { cwd: join(EXAMPLES, name), stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  child.on("error", (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = exitStatus(code, signal);
  });
} else {
  console.error(
    `usage: npm run example -- NAME, one of ${readdirSync(EXAMPLES).filter(isExample).join(", ")}`,
  );
  process.exitCode = 2;
}
