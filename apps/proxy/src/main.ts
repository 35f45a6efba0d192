import { constants } from "node:os";
import { ConfigError, forgetSecrets, readConfig, readMigrationConfig } from "./config.ts";
import { migrateAsOwner } from "./open-database.ts";
import { type RunningServer, startServer } from "./server.ts";

/** Configuration that is wrong, or a part that cannot start: the operator must act before another try can help. */
const EXIT_CANNOT_START = 2;

/** A process group is often signaled twice for one wish; a signal later than this is from somebody who will not wait. */
const SAME_WISH_MS = 1_000;

let server: RunningServer | null = null;
let stoppingSinceMs: number | null = null;

/** The first signal drains, a later one ends at once: the sweeper of the next process books open calls as unknown. */
async function stop(signal: "SIGINT" | "SIGTERM"): Promise<void> {
  if (stoppingSinceMs !== null) {
    if (performance.now() - stoppingSinceMs > SAME_WISH_MS) process.exit(128 + constants.signals[signal]);
    return;
  }
  stoppingSinceMs = performance.now();
  await server?.stop();
  process.exit(0);
}

process.on("SIGTERM", () => void stop("SIGTERM"));
process.on("SIGINT", () => void stop("SIGINT"));
// A bug that nobody caught: this process ends, and the sweeper of the next one books its open calls as unknown.
process.on("unhandledRejection", (reason) => crash(reason));
process.on("uncaughtException", (error) => crash(error));

function crash(error: unknown): void {
  const frames =
    error instanceof Error
      ? (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "))
      : [];
  process.stderr.write(`keybrake ends after an internal error\n${frames.join("\n")}\n`);
  process.exit(1);
}

/** Serves; or with `migrate` brings the schema up to date as its owner, and ends. */
async function run(command: string | undefined): Promise<void> {
  if (command === "migrate") {
    const { databaseOwnerUrl, databaseUrl } = readMigrationConfig(process.env);
    forgetSecrets(process.env);
    const applied = await migrateAsOwner(databaseOwnerUrl, databaseUrl);
    process.stdout.write(
      applied.length === 0 ? "the schema is up to date\n" : `applied ${applied.join(", ")}\n`,
    );
    return;
  }
  if (command !== undefined)
    throw new ConfigError([`\`${command}\` is no command: leave it out, or use \`migrate\``]);
  const config = readConfig(process.env);
  forgetSecrets(process.env);
  server = await startServer(config);
  process.stdout.write(`${server.banner}\n`);
}

try {
  await run(process.argv[2]);
} catch (error) {
  process.stderr.write(describeStartFailure(error));
  process.exit(EXIT_CANNOT_START);
}

function describeStartFailure(error: unknown): string {
  if (error instanceof ConfigError) {
    return `keybrake cannot start:\n${error.problems.map((problem) => `  - ${problem}`).join("\n")}\n`;
  }
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return `keybrake cannot start${code}: ${error instanceof Error ? error.message : "unknown error"}\n`;
}
