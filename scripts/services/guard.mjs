// One temporary folder and a list of processes, both gone at the end whatever happens: a small watchdog process holds the list
// and cleans up when our end of its pipe closes, which even a SIGKILL of this process does.
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Opens a guard.
 * @returns {Guard} `watch` registers the leader of a process group with the signal that ends it fastest; `forget` takes it off
 *   the list; `close` removes the folder, and ends nothing
 * @typedef {{ directory: string, watch: (pid: number, signal: NodeJS.Signals) => void, forget: (pid: number) => void,
 *   close: () => void }} Guard
 */
export function openGuard() {
  const directory = mkdtempSync(join(tmpdir(), "keybrake-"));
  // The database runs as another user, who must be able to walk through.
  chmodSync(directory, 0o755);
  const script = fileURLToPath(new URL("watchdog.mjs", import.meta.url));
  const watchdog = spawn(process.execPath, [script, directory], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
  });
  watchdog.unref();
  const tell = (message) => watchdog.stdin.write(`${JSON.stringify(message)}\n`);
  return {
    directory,
    watch: (pid, signal) => tell({ watch: pid, signal }),
    forget: (pid) => tell({ forget: pid }),
    close: () => {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
      watchdog.stdin.end();
    },
  };
}
