// Runs one command with every test service that this machine can start:
//   pnpm services pnpm --filter @keybrake/proxy test
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { exitStatus } from "./child.mjs";
import { openGuard } from "./services/guard.mjs";
import { openServices, SERVICES } from "./services/service-set.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const [command, ...args] = process.argv.slice(2);
if (!command) {
  console.error("usage: with-services.mjs COMMAND [ARGUMENT …]");
  process.exit(2);
}

const guard = openGuard();
const install = process.env.KEYBRAKE_TEST_INSTALL === "1";
const services = await openServices(Object.keys(SERVICES), { root: ROOT, guard, install });
for (const { name, reason } of services.absent) console.error(`without ${name}: ${reason}`);
const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...services.env } });
// The command ends by the same signal, from the terminal or from us; only then may its services go.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
const [code, signal] = await once(child, "exit").catch((error) => {
  console.error(error.message);
  return [127, null];
});
await services.close();
guard.close();
process.exitCode = exitStatus(code, signal);
