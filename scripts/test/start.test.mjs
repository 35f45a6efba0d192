import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const START_MS_MAX = 90_000;

it("`npm start` brings up the server with a demo crew, and ends it when it is told to", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "keybrake-start-"));
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_")),
  );
  const child = spawn("npm", ["start"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, KEYBRAKE_PORT: "0", KEYBRAKE_ADMIN_PORT: "0", KEYBRAKE_DATA_DIR: dataDir },
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const exited = once(child, "exit");
  try {
    const deadline = performance.now() + START_MS_MAX;
    while (!/stripe-python\n.+vault_billing_/.test(output)) {
      if (performance.now() > deadline || child.exitCode !== null)
        throw new Error(`npm start did not come up:\n${output}`);
      await Promise.race([once(child.stdout, "data"), new Promise((resolve) => setTimeout(resolve, 500))]);
    }
    const url = /agents +(http:\S+)/.exec(output)?.[1];
    const key = /billing_agent +(vault_\S+)/.exec(output)?.[1];
    const answer = await fetch(`${url}/keybrake/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(await answer.json()).toMatchObject({
      agent_id: "billing_agent",
      status: "active",
      vendor: "stripe",
    });
  } finally {
    child.kill("SIGTERM");
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
  // The server itself must be gone, not only npm.
  const url = /agents +(http:\S+)/.exec(output)?.[1];
  await expect(fetch(`${url}/keybrake/v1/me`)).rejects.toThrow();
}, 120_000);
