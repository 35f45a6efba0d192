// Every test that this machine can run, with one sum at the end. Arguments restrict the vitest files by path and leave the
// other tests out. With CI=true a skipped test fails the run; with KEYBRAKE_TEST_INSTALL=1 or CI=true a Python environment is made.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { exitStatus, runProgram, sendSignal } from "./child.mjs";
import { openGuard } from "./services/guard.mjs";
import { prepareEnvironments } from "./services/python.mjs";
import { openServices, SERVICES } from "./services/service-set.mjs";
import { runPytest } from "./test-run/pytest-run.mjs";
import { runStaticChecks } from "./test-run/static-checks.mjs";
import { createTally } from "./test-run/tally.mjs";
import { runVitest } from "./test-run/vitest-run.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const IS_CI = ["1", "true"].includes(process.env.CI ?? "");
const filters = process.argv.slice(2);

const guard = openGuard();
const tally = createTally();
let stopSignal;
let current;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    stopSignal = signal;
    if (current !== undefined) sendSignal(current, "SIGTERM", true);
  });
}

// Every program leads its own process group, so that a stop reaches what it started; the guard ends it if we cannot.
async function run(command, args, options) {
  if (stopSignal !== undefined) return { code: exitStatus(null, stopSignal), output: "", stdout: "" };
  let pid;
  const onStart = (child) => {
    pid = child.pid;
    current = pid;
    if (pid !== undefined) guard.watch(pid, "SIGKILL");
  };
  const result = await runProgram(command, args, { ...options, detached: true, onStart });
  if (pid !== undefined) guard.forget(pid);
  current = undefined;
  return result;
}

function addAbsent({ name, variable, reason, broken }) {
  if (broken) tally.add({ failed: [{ name: `service ${name}`, message: reason }] });
  else tally.add({ skipped: [{ name: `tests that need ${variable}`, reason: `no ${name}: ${reason}` }] });
  if (broken) console.log(`${name} did not start: ${reason}`);
}

async function runAll(services) {
  const options = { root: ROOT, directory: guard.directory, filters, services, run };
  tally.add(await runVitest(options));
  if (filters.length === 0) for (const outcome of await runPytest(options)) tally.add(outcome);
}

const install = IS_CI || process.env.KEYBRAKE_TEST_INSTALL === "1";
if (install) prepareEnvironments(ROOT);
const names = filters.length > 0 ? ["build"] : undefined;
for (const outcome of await runStaticChecks({ root: ROOT, names, run })) tally.add(outcome);
const services = await openServices(Object.keys(SERVICES), { root: ROOT, guard, install });
for (const service of services.absent) addAbsent(service);
try {
  await runAll(services);
} finally {
  await services.close();
  guard.close();
}
if (stopSignal === undefined) {
  tally.print((line) => console.log(line));
  process.exitCode = tally.exitCode(IS_CI);
} else {
  console.log(`\nstopped by ${stopSignal}`);
  process.exitCode = exitStatus(null, stopSignal);
}
