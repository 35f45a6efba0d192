// A Python with the vendors' official packages and pytest, in a virtual environment of its own.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../child.mjs";
import { findProgram, ServiceMissing } from "./program.mjs";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const INSTALL_TIMEOUT_MS = 300_000;
const PROBE_TIMEOUT_MS = 30_000;

/**
 * Finds the Python for the tests. With `install` it is made, once per set of requirements; without, it must be there: the
 * virtual environment of an earlier run, or a `python3` on PATH that has the packages.
 * @param {{ root: string, install: boolean }} options
 * @returns {Promise<{ value: string, close: () => Promise<void> }>} the path of the executable
 * @throws {ServiceMissing} when there is none
 */
export async function openPython({ root, install }) {
  const version = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12);
  const directory = join(root, "node_modules/.cache/keybrake", `python-${version}`);
  const stamp = join(directory, "complete");
  if (!existsSync(stamp)) {
    const base = findProgram("python3");
    if (!base) throw new ServiceMissing("python3 is not installed", "apt-get install python3 python3-venv");
    if (!install) return usePathPython();
    await createEnvironment(base, directory);
    writeFileSync(stamp, "");
  }
  return { value: join(directory, "bin/python"), close: async () => {} };
}

async function createEnvironment(base, directory) {
  rmSync(directory, { recursive: true, force: true });
  const steps = [
    [base, ["-m", "venv", directory]],
    [
      join(directory, "bin/python"),
      ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r", REQUIREMENTS],
    ],
  ];
  for (const [command, args] of steps) {
    const { code, output } = await runProgram(command, args, { timeoutMs: INSTALL_TIMEOUT_MS });
    if (code !== 0)
      throw new Error(`making the Python environment failed: ${command} ${args.join(" ")}\n${output}`);
  }
}

// By name and not by its real path: a version manager's shim answers to the name only.
async function usePathPython() {
  const args = ["-c", "import sys, pytest, resend, stripe, twilio; print(sys.executable)"];
  const { code, stdout } = await runProgram("python3", args, { timeoutMs: PROBE_TIMEOUT_MS });
  if (code === 0) return { value: stdout.trim(), close: async () => {} };
  const remedy = "KEYBRAKE_TEST_INSTALL=1 npm test (makes a virtual environment under node_modules)";
  throw new ServiceMissing("no Python with `pytest`, `resend`, `stripe` and `twilio`", remedy);
}
