import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const WAIT_MS_MAX = 40_000;

/** A server that ended by itself. */
export interface StartAttempt {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a server with exactly these settings of ours, and waits until it ends; ended by force after forty seconds. */
export async function attemptStart(
  settings: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<StartAttempt> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_"));
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...Object.fromEntries(inherited), ...settings },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), WAIT_MS_MAX);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, stdout, stderr };
}
