import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const START_MS_MAX = 60_000;

/** A Node process of a test: it talks in lines. */
export interface Child {
  readonly pid: number;
  /** The lines that it has written so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line that starts so; rejects when the process ends before it, or takes a minute. */
  line(start: string): Promise<string>;
  /** Ends it as a crash does, and waits until it is gone. */
  kill(): Promise<void>;
  /** Resolves with its exit code. */
  readonly exited: Promise<number | null>;
}

/** Starts a file of this directory. */
export function startChild(file: string, ...args: readonly string[]): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const closed = once(reader, "close");
  reader.on("line", (line) => lines.push(line));
  return {
    pid: pidOf(child),
    lines,
    exited,
    line: async (start) => {
      const signal = AbortSignal.timeout(START_MS_MAX);
      for (;;) {
        const found = lines.find((line) => line.startsWith(start));
        if (found !== undefined) return found;
        const next = once(reader, "line", { signal });
        const ended = closed.then(() =>
          Promise.reject(new Error(`the child ended before it said \`${start}\``)),
        );
        await Promise.race([next, ended]);
      }
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
      await closed;
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("the child did not start");
  return child.pid;
}
