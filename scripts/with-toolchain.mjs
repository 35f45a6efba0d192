// The way in for `npm start`, `npm test`, `test:hard`, `bench`, `example` and `simulate`: finds a Node.js and a pnpm, installs,
// builds, then runs the job as a child that has this terminal. Runs on Node 20 and has no dependencies.
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { exitStatus, sendSignal } from "./child.mjs";
import { findToolchain } from "./toolchain.mjs";
import { buildWorkspace, installWorkspace, isInstalled } from "./workspace.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILD_SILENCE_MS = 3_000;
const PARENT_CHECK_MS = 500;

// `install` is the folder whose packages are needed, the whole workspace when absent. `build` names what must be built first;
// the tests build for themselves, because the build is one of them.
const JOBS = {
  start: { install: "apps", build: ["./apps/*"], script: "apps/proxy/dist/main.js" },
  test: { build: undefined, script: "scripts/test.mjs" },
  bench: { build: [], script: "scripts/bench.mjs" },
  hard: { build: [], script: "scripts/with-services.mjs", args: ["node", "apps/proxy/test/hard/index.ts"] },
  example: { build: [], script: "scripts/example.mjs" },
  simulate: { build: ["./packages/*"], script: "apps/proxy/test/simulation/main.ts" },
};

let child;
let stopSignal;
let announced = false;

function announce() {
  if (announced) return;
  announced = true;
  console.error("preparing: fetching and building, about a minute the first time …");
}

async function main() {
  const [name, ...args] = process.argv.slice(2);
  const job = Object.hasOwn(JOBS, name ?? "") ? JOBS[name] : undefined;
  if (!job) throw new Error(`usage: with-toolchain.mjs <${Object.keys(JOBS).join("|")}> [argument …]`);
  process.chdir(ROOT);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop(signal));
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent();
  const { node, env } = await findToolchain(ROOT, { onDownload: announce, onStart });
  exitIfStopped();
  if (!isInstalled(ROOT, job.install)) {
    announce();
    exitIfFailed("installing", await installWorkspace(ROOT, { env, onStart, parent: job.install }));
  }
  if (job.build) {
    const timer = setTimeout(announce, BUILD_SILENCE_MS);
    exitIfFailed("building", await buildWorkspace(ROOT, job.build, { env, onStart }));
    clearTimeout(timer);
  }
  onStart(spawn(node, [job.script, ...(job.args ?? []), ...args], { stdio: "inherit", env }));
  child.on("error", fail);
  child.on("exit", (code, signal) => process.exit(exitStatus(code, signal)));
}

function onStart(started) {
  child = started;
}

function stop(signal) {
  stopSignal = signal;
  // A terminal gives Ctrl-C and hang-up to every process it runs, the job too: passing it on would be a second one.
  const hasItAlready = signal !== "SIGTERM" && process.stdin.isTTY;
  if (child?.exitCode === null && child.pid !== undefined && !hasItAlready)
    sendSignal(child.pid, signal, false);
}

// An npm that is killed outright passes nothing on; without this the job would live on, unseen, and hold its ports.
function stopWithParent() {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop("SIGTERM");
  }, PARENT_CHECK_MS);
  timer.unref();
}

function exitIfStopped() {
  if (stopSignal !== undefined) process.exit(exitStatus(null, stopSignal));
}

function exitIfFailed(what, { code, output }) {
  exitIfStopped();
  if (code === 0) return;
  console.error(`${output.trimEnd()}\n\n${what} failed with exit code ${code}`);
  process.exit(1);
}

function fail(error) {
  exitIfStopped();
  console.error(error.message);
  process.exit(1);
}

main().catch(fail);
