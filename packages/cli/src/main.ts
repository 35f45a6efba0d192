#!/usr/bin/env node
import { EXIT } from "./exit.ts";
import { runCli } from "./program.ts";

// A reader that has seen enough (`keybrake calls --csv | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
});

process.exitCode = await runCli(process.argv.slice(2), process);
