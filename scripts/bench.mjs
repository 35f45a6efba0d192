// Runs the benchmarks against a private PostgreSQL, or the one of KEYBRAKE_TEST_DATABASE_URL. Arguments go to bench/main.ts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitStatus } from "./child.mjs";
import { openGuard } from "./services/guard.mjs";
import { openServices } from "./services/service-set.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const guard = openGuard();
const services = await openServices(["postgres"], { root: ROOT, guard, install: false });
try {
  const [absent] = services.absent;
  if (absent) {
    console.error(`the benchmarks need PostgreSQL: ${absent.reason}`);
    process.exitCode = 1;
  } else {
    process.exitCode = await runBench();
  }
} finally {
  await services.close();
  guard.close();
}

async function runBench() {
  const args = [join(ROOT, "bench/main.ts"), ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...services.env } });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  const [code, signal] = await once(child, "exit");
  return exitStatus(code, signal);
}
