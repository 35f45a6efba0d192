import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { findServer } from "../server-file.ts";
import type { Terminal } from "../terminal.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `keybrake up`: starts the server in the foreground, with the environment as it is, and ends with its exit code. */
export function addUp(program: Command, run: Run): void {
  program
    .command("up")
    .description("start the server beside this command (a checkout or the image) and stay with it")
    .action(run(({ terminal }) => runServer(terminal, [])));
}

/** `keybrake migrate`: brings the schema up to date as its owner, so that the server needs no such rights. */
export function addMigrate(program: Command, run: Run): void {
  program
    .command("migrate")
    .description(
      "bring the schema up to date as KEYBRAKE_DATABASE_OWNER_URL, and give the role of KEYBRAKE_DATABASE_URL its rights",
    )
    .action(run(({ terminal }) => runServer(terminal, ["migrate"])));
}

async function runServer(terminal: Terminal, args: readonly string[]): Promise<void> {
  const program = findServer("start the server's image");
  const server = spawn(process.execPath, [program, ...args], { stdio: "inherit", env: { ...terminal.env } });
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
}
