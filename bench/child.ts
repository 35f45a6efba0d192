import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

const START_MS_MAX = 60_000;
/** Clock ticks a second of /proc, fixed at 100 on Linux. */
const TICKS_PER_SECOND = 100;

/** A process of the benchmark: where it listens and what it has used. */
export interface Child {
  readonly process: ChildProcess;
  readonly output: () => string;
  /** Processor time so far, of all its threads, in microseconds. */
  cpuMicros(): number;
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts a Node program and resolves when its output matches. */
export async function startChild(
  args: readonly string[],
  isUp: RegExp,
  env: Record<string, string> = {},
): Promise<Child> {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let text = "";
  const exited = once(child, "exit");
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${args[0]} did not start:\n${text}`)), START_MS_MAX);
    const onData = (chunk: Buffer) => {
      text += chunk.toString();
      if (isUp.test(text)) {
        clearTimeout(timer);
        resolve();
      }
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    void exited.then(() => reject(new Error(`${args[0]} ended:\n${text}`)));
  });
  const stat = () => readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return {
    process: child,
    output: () => text,
    cpuMicros: () => ((Number(stat()[11]) + Number(stat()[12])) / TICKS_PER_SECOND) * 1e6,
    residentMiB: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
