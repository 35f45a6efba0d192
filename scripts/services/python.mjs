// Pythons with the vendors' official packages, CrewAI and pytest, each in a virtual environment of its own.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../child.mjs";
import { findProgram, ServiceMissing } from "./program.mjs";

/** By what its tests import: the newest versions of everything, and the oldest that keybrake-crewai supports. */
const REQUIREMENTS = { newest: "requirements.txt", oldest: "requirements-oldest-crewai.txt" };
const INSTALL_TIMEOUT_MS = 600_000;
const PROBE_TIMEOUT_MS = 60_000;
/** CrewAI supports no others. */
const BASES = ["python3", "python3.13", "python3.12", "python3.11", "python3.10"];
const IS_SUPPORTED = "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))";

/** What is being made, by folder: two services may ask for the same. */
const environments = new Map();

/** The Python of the proxy's tests. */
export const openPython = (options) =>
  openEnvironment("newest", "import pytest, resend, stripe, twilio", options);

/** The Python of keybrake-crewai's tests: the same, if it has CrewAI. */
export const openCrewaiPython = (options) =>
  openEnvironment("newest", "import crewai, hatchling, mypy, pytest, resend, stripe, twilio", options);

/** The Python of keybrake-crewai's tests against the oldest versions, which can only be made. */
export const openOldestCrewaiPython = (options) => openEnvironment("oldest", null, options);

/**
 * Starts to make what is missing, so that it is there when the services are opened.
 * @param {string} root
 */
export function prepareEnvironments(root) {
  // Whoever opens it hears of a failure.
  for (const name of Object.keys(REQUIREMENTS)) findEnvironment(name, root, true).catch(() => {});
}

/**
 * Finds a Python for tests. With `install` it is made, once per set of requirements; without, it must be there: the virtual
 * environment of an earlier run, or a `python3` on PATH that can do `probe`.
 * @param {keyof typeof REQUIREMENTS} name
 * @param {string | null} probe
 * @param {{ root: string, install: boolean }} options
 * @returns {Promise<{ value: string, close: () => Promise<void> }>} the path of the executable
 * @throws {ServiceMissing} when there is none
 */
async function openEnvironment(name, probe, { root, install }) {
  const made = await findEnvironment(name, root, install);
  return { value: made ?? (await findPathPython(probe)), close: async () => {} };
}

function findEnvironment(name, root, install) {
  const requirements = fileURLToPath(new URL(REQUIREMENTS[name], import.meta.url));
  const version = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const directory = join(root, "node_modules/.cache/keybrake", `python-${version}`);
  const python = join(directory, "bin/python");
  if (existsSync(join(directory, "complete"))) return Promise.resolve(python);
  if (!install) return Promise.resolve(null);
  const known = environments.get(directory) ?? makeEnvironment(directory, requirements);
  environments.set(directory, known);
  return known.then(() => python);
}

async function makeEnvironment(directory, requirements) {
  const base = await findBase();
  rmSync(directory, { recursive: true, force: true });
  const [python, uv] = ["python", "uv"].map((program) => join(directory, "bin", program));
  const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
  await runStep(base, ["-m", "venv", directory]);
  try {
    // CrewAI is hundreds of megabytes: this is what uv is for.
    await runStep(python, [...pip, "uv"]);
    await runStep(uv, ["pip", "install", "--quiet", "--python", python, "-r", requirements]);
  } catch {
    // It does not know pip's own settings of indexes and certificates.
    await runStep(python, [...pip, "-r", requirements]);
  }
  writeFileSync(join(directory, "complete"), "");
}

async function runStep(command, args) {
  const { code, output } = await runProgram(command, args, { timeoutMs: INSTALL_TIMEOUT_MS });
  if (code !== 0)
    throw new Error(`making the Python environment failed: ${command} ${args.join(" ")}\n${output}`);
}

async function findBase() {
  for (const name of BASES) {
    const base = findProgram(name);
    if (base === undefined) continue;
    const { code } = await runProgram(base, ["-c", IS_SUPPORTED], { timeoutMs: PROBE_TIMEOUT_MS });
    if (code === 0) return base;
  }
  throw new ServiceMissing("no Python 3.10 to 3.13 is installed", "apt-get install python3 python3-venv");
}

// By name and not by its real path: a version manager's shim answers to the name only.
async function findPathPython(probe) {
  const remedy = "KEYBRAKE_TEST_INSTALL=1 npm test (makes a virtual environment under node_modules)";
  if (probe === null) throw new ServiceMissing("the oldest supported packages are not installed", remedy);
  const args = ["-c", `import sys; ${probe}; print(sys.executable)`];
  const { code, stdout } = await runProgram("python3", args, { timeoutMs: PROBE_TIMEOUT_MS });
  if (code === 0) return stdout.trim();
  throw new ServiceMissing(`no Python that can \`${probe}\``, remedy);
}
