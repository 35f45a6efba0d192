import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { StopSignal, StopSignals } from "./stop-signals.ts";

/** A program that runs as this process's child, on the same terminal. */
export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signals: StopSignals;
  readonly directory?: string;
}

/** How it ended: the code as a shell reports it, and why it could not be started, if so. */
export interface ProgramEnd {
  readonly exitCode: number;
  readonly problem: string | null;
}

/** A process group is often signaled twice for one wish; a signal later than this is from somebody who will not wait. */
const SAME_WISH_MS = 1_000;
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs a program to its end and passes on every signal that ends this process. A second one, a second later, kills it.
 * Never rejects. Without a terminal the program leads a process group of its own, so that what it has started gets the
 * signals too; on a terminal it must stay in ours to be able to read from it, and Ctrl-C reaches all of us.
 */
export function runProgram(options: ProgramOptions): Promise<ProgramEnd> {
  const { command, args, environment, signals, directory } = options;
  if (signals.first !== null) return Promise.resolve({ exitCode: codeOf(signals.first), problem: null });
  const isOnTerminal = process.stdin.isTTY === true;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: "inherit",
      env: { ...environment },
      detached: !isOnTerminal,
      ...(directory === undefined ? {} : { cwd: directory }),
    });
    const ignore = signals.listen(createForwarding(child, isOnTerminal));
    const finish = (end: ProgramEnd) => {
      ignore();
      resolve(end);
    };
    child.once("error", (error) => finish(explainStart(command, error)));
    child.once("exit", (code, signal) => finish({ exitCode: code ?? codeOf(signal), problem: null }));
  });
}

function createForwarding(child: ChildProcess, isOnTerminal: boolean): (signal: StopSignal) => void {
  let firstMs: number | null = null;
  return (signal) => {
    const now = performance.now();
    firstMs ??= now;
    if (now - firstMs > SAME_WISH_MS) send(child, "SIGKILL", isOnTerminal);
    else if (signal === "SIGTERM" || !isOnTerminal) send(child, signal, isOnTerminal);
  };
}

function send(child: ChildProcess, signal: NodeJS.Signals, isOnTerminal: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(isOnTerminal ? child.pid : -child.pid, signal);
  } catch (error) {
    // It has ended in this moment, and its exit is about to be told.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function codeOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

function explainStart(command: string, error: Error & { readonly code?: string }): ProgramEnd {
  if (error.code === "ENOENT")
    return {
      exitCode: NOT_FOUND,
      problem: `there is no program \`${command}\`: is it installed, and on the PATH?`,
    };
  return {
    exitCode: NOT_EXECUTABLE,
    problem: `cannot start \`${command}\` (${error.code ?? error.message})`,
  };
}
