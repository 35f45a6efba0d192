import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";

const GUARD = join(import.meta.dirname, "../services/guard.mjs");
const WAIT_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

// Opens a guard, puts a long-running program under it, says where they are, and waits to be killed.
const OWNER = `
  import { spawn } from "node:child_process";
  import { openGuard } from ${JSON.stringify(GUARD)};
  const guard = openGuard();
  const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  guard.watch(child.pid, "SIGTERM");
  console.log(JSON.stringify({ pid: child.pid, directory: guard.directory }));
  setInterval(() => {}, 1000);
`;

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the guard of the test services", () => {
  it(
    "ends what is under it and removes its folder even when its owner is killed outright",
    async () => {
      const owner = spawn(process.execPath, ["--input-type=module", "--eval", OWNER], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = await once(createInterface({ input: owner.stdout }), "line");
      const { pid, directory } = JSON.parse(line);
      expect([isAlive(pid), existsSync(directory)]).toEqual([true, true]);
      owner.kill("SIGKILL");
      await expect
        .poll(() => [isAlive(pid), existsSync(directory)], { timeout: WAIT_TIMEOUT_MS, interval: POLL_MS })
        .toEqual([false, false]);
    },
    WAIT_TIMEOUT_MS * 2,
  );
});
