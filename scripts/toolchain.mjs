// Finds a Node.js and a pnpm that can build and run Keybrake, on a machine that may have only Node 20 and npm.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { runProgram } from "./child.mjs";

// The server needs 22.15; 22.18 is the first that runs the TypeScript files of bench/ without a flag.
const NODE_MIN = [22, 18];
const NODE_PACKAGE = "node@24";
const PNPM_PACKAGE = "pnpm@10.34.9";
const PNPM_MAJOR = "10";
// pnpm 10 would otherwise download the exact version that package.json names; any pnpm 10 reads our lockfile.
const PNPM_ENV = { npm_config_manage_package_manager_versions: "false" };
const PROBE_TIMEOUT_MS = 20_000;
// Two tarballs, 60 MB: a slow line needs minutes.
const DOWNLOAD_TIMEOUT_MS = 300_000;

/**
 * Finds the toolchain: this process's own Node.js and the pnpm on PATH when they are new enough, otherwise the ones that the
 * npm registry offers, which land in npm's own cache.
 * @param {string} root the checkout
 * @param {{ onDownload: () => void, onStart: (child: import("node:child_process").ChildProcess) => void }} hooks `onDownload` is
 *   called before anything is asked of the network
 * @returns {Promise<{ node: string, env: NodeJS.ProcessEnv }>} the Node.js to run, and an environment in which `node` and
 *   `pnpm` are these
 * @throws {Error} in words for the user, when there is neither a toolchain nor a registry
 */
export async function findToolchain(root, { onDownload, onStart }) {
  const missing = [];
  if (!isNodeNewEnough(process.versions.node)) missing.push(NODE_PACKAGE);
  if (!(await hasPnpm(root))) missing.push(PNPM_PACKAGE);
  if (missing.length === 0) return describe(process.execPath, []);
  const note = join(root, "node_modules/.cache/keybrake/toolchain.json");
  const known = await readNote(note, missing);
  if (known) return describe(known.node, known.directories);
  onDownload();
  const found = await fetchToolchain(missing, onStart);
  mkdirSync(dirname(note), { recursive: true });
  writeFileSync(note, JSON.stringify({ packages: missing, ...found }));
  return describe(found.node, found.directories);
}

function isNodeNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

async function hasPnpm(root) {
  const probe = await runProgram("pnpm", ["--version"], {
    cwd: root,
    timeoutMs: PROBE_TIMEOUT_MS,
    // A corepack shim that would have to download something, and ask, is no pnpm.
    env: { ...process.env, ...PNPM_ENV, COREPACK_ENABLE_DOWNLOAD_PROMPT: "0", COREPACK_ENABLE_NETWORK: "0" },
  });
  return probe.code === 0 && probe.stdout.trim().split(".")[0] === PNPM_MAJOR;
}

// npm may have cleaned its cache since the note was written, so the note is believed only when the programs are still there.
async function readNote(path, packages) {
  try {
    const note = JSON.parse(readFileSync(path, "utf8"));
    if (JSON.stringify(note.packages) !== JSON.stringify(packages)) return undefined;
    if (packages.includes(PNPM_PACKAGE) && !note.directories.some(holdsPnpm)) return undefined;
    const probe = await runProgram(note.node, ["--version"], { timeoutMs: PROBE_TIMEOUT_MS });
    return probe.code === 0 && isNodeNewEnough(probe.stdout.trim().slice(1)) ? note : undefined;
  } catch {
    return undefined;
  }
}

async function fetchToolchain(packages, onStart) {
  const script = `node -p "JSON.stringify([process.execPath, process.env.PATH])"`;
  const ask = (extra) => {
    const args = ["--yes", ...extra, ...packages.map((name) => `--package=${name}`), "-c", script];
    return runProgram("npx", args, { cwd: tmpdir(), timeoutMs: DOWNLOAD_TIMEOUT_MS, onStart });
  };
  // With what npm has cached if it can; a cached index that is older than our pnpm makes that fail, so then ask again.
  let answer = await ask(["--prefer-offline"]);
  if (answer.code !== 0) answer = await ask([]);
  if (answer.code !== 0) {
    throw new Error(
      `keybrake needs Node.js ${NODE_MIN.join(".")} or newer and pnpm ${PNPM_MAJOR}, and fetching ${packages.join(" and ")} from the npm registry failed:\n\n` +
        `${answer.output.trimEnd()}\n\ninstall them, or make the registry reachable, and try again`,
    );
  }
  const [node, path] = JSON.parse(answer.stdout.trim().split("\n").at(-1));
  return { node, directories: [dirname(node), path.split(delimiter).find(holdsPnpm)].filter(Boolean) };
}

function holdsPnpm(directory) {
  return existsSync(join(directory, "pnpm"));
}

function describe(node, directories) {
  const path = [...directories, process.env.PATH].join(delimiter);
  const env = { ...process.env, ...PNPM_ENV, PATH: path, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
  return { node, env };
}
