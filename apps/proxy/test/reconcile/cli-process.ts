import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TestServer } from "../support/server.ts";

const MAIN = fileURLToPath(new URL("../../../../packages/cli/dist/main.js", import.meta.url));

/** Runs `keybrake` as an operator does, against a server; resolves when it has ended. */
export function runKeybrake(
  server: TestServer,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_"));
  const env = {
    ...Object.fromEntries(inherited),
    KEYBRAKE_URL: server.adminUrl,
    KEYBRAKE_ADMIN_TOKEN: server.adminToken,
  };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}
