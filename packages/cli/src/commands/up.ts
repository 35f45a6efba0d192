import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";

/** Where the server stands beside this package, in a checkout and in the image. */
const SERVER = fileURLToPath(new URL("../../../../apps/proxy/dist/main.js", import.meta.url));
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `keybrake up`: starts the server in the foreground, with the environment as it is, and ends with its exit code. */
export function addUp(program: Command, run: Run): void {
  program
    .command("up")
    .description("start the server beside this command (a checkout or the image) and stay with it")
    .action(
      run(async ({ terminal }) => {
        if (!existsSync(SERVER)) {
          const hint = "build the checkout first (`npm start` does), or start the server's image";
          throw new CliError(EXIT.failed, `there is no server at \`${SERVER}\`: ${hint}`);
        }
        const server = spawn(process.execPath, [SERVER], { stdio: "inherit", env: { ...terminal.env } });
        // The server drains on a signal: this process must outlive it, and pass on what reached only this process.
        // An interrupt typed at a terminal reaches both by itself.
        const pass = (signal: NodeJS.Signals) => {
          if (signal !== "SIGINT" || !process.stdin.isTTY) server.kill(signal);
        };
        for (const signal of SIGNALS) process.on(signal, pass);
        const status = await new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.once("exit", (code, signal) =>
            resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
          );
        });
        for (const signal of SIGNALS) process.off(signal, pass);
        process.exitCode = status;
      }),
    );
}
