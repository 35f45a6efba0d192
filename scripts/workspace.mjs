// Installing and building the workspace, skipping what is already done.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runProgram } from "./child.mjs";

const INSTALL_TIMEOUT_MS = 600_000;
const BUILD_TIMEOUT_MS = 300_000;

/**
 * Lists the folders of the workspace's packages, relative to the root, the root itself first.
 * @param {string} root
 */
export function listPackages(root) {
  const yaml = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8");
  const globs = /^packages:\n((?: +- .*\n)+)/m.exec(yaml)?.[1].match(/[^\s-].*/g) ?? [];
  const folders = globs.flatMap((glob) => {
    const plain = glob.replace(/^["']|["']$/g, "");
    if (!plain.endsWith("/*")) return [plain];
    const parent = plain.slice(0, -2);
    if (!existsSync(join(root, parent))) return [];
    return readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);
  });
  return [".", ...folders.filter((folder) => existsSync(join(root, folder, "package.json"))).sort()];
}

/**
 * Lists the folders of some packages and of every package of the workspace that they need, the root's own among them.
 * @param {string} root
 * @param {string} parent the folder that holds them, such as `apps`
 */
export function listNeeded(root, parent) {
  const folders = new Map(listPackages(root).map((folder) => [readManifest(root, folder).name, folder]));
  const needed = new Set([".", ...[...folders.values()].filter((folder) => folder.startsWith(`${parent}/`))]);
  // A set goes on to what is added while it is walked.
  for (const folder of needed) {
    for (const name of dependenciesOf(readManifest(root, folder))) {
      const found = folders.get(name);
      if (found !== undefined) needed.add(found);
    }
  }
  return [...needed];
}

/**
 * Says whether what is installed is what the lockfile and the manifests ask for.
 * @param {string} root
 * @param {string} [parent] only what the packages in this folder need; the whole workspace when absent
 */
export function isInstalled(root, parent) {
  try {
    const stamps = [stampOf(root), ...(parent === undefined ? [] : [stampOf(root, parent)])];
    return stamps.includes(readFileSync(stampPath(root), "utf8")) && isWhole(root, parent);
  } catch {
    return false;
  }
}

/**
 * Installs the workspace from the lockfile, or only what the packages in one folder need: agents' frameworks in the examples
 * are larger than all the rest.
 * @param {string} root
 * @param {{ env: NodeJS.ProcessEnv, onStart: (child: import("node:child_process").ChildProcess) => void, parent?: string }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function installWorkspace(root, { env, onStart, parent }) {
  const args = ["install", "--frozen-lockfile", "--prefer-offline", "--reporter=append-only"];
  // NODE_ENV=production and npm's own settings must not make pnpm leave the compiler out, and there is nobody to ask.
  const flags = ["--prod=false", "--config.confirm-modules-purge=false"];
  const scope = parent === undefined ? [] : ["--filter=keybrake...", `--filter={./${parent}/*}...`];
  const result = await runProgram("pnpm", [...args, ...flags, ...scope], {
    cwd: root,
    env,
    onStart,
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
  if (result.code === 0) {
    mkdirSync(dirname(stampPath(root)), { recursive: true });
    writeFileSync(stampPath(root), stampOf(root, parent));
  }
  return result;
}

/**
 * Builds packages and what they depend on; what has not changed is not built again.
 * @param {string} root
 * @param {string[]} filters turbo filters; none = every package
 * @param {{ env: NodeJS.ProcessEnv, onStart: (child: import("node:child_process").ChildProcess) => void }} options
 */
export function buildWorkspace(root, filters, { env, onStart }) {
  const args = ["run", "build", ...filters.map((filter) => `--filter=${filter}`), ...TURBO_FLAGS];
  return runProgram(join(root, "node_modules/.bin/turbo"), args, {
    cwd: root,
    env,
    onStart,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
}

/** Turbo prints plainly, and only what failed. */
export const TURBO_FLAGS = ["--ui=stream", "--output-logs=errors-only", "--log-order=grouped"];

function stampPath(root) {
  return join(root, "node_modules/.cache/keybrake/installed");
}

function stampOf(root, parent = "") {
  const hash = createHash("sha256").update(parent).update("\0");
  const manifests = listPackages(root).map((folder) => join(folder, "package.json"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) {
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

function readManifest(root, folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

function dependenciesOf(manifest) {
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
}

// A half-deleted node_modules must not pass: every dependency that a manifest names has to lead somewhere.
function isWhole(root, parent) {
  if (!existsSync(join(root, "node_modules/.modules.yaml"))) return false;
  const folders = parent === undefined ? listPackages(root) : listNeeded(root, parent);
  return folders.every((folder) =>
    dependenciesOf(readManifest(root, folder)).every((name) =>
      existsSync(join(root, folder, "node_modules", name)),
    ),
  );
}
