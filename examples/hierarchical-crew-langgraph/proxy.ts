import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AdminClient, createAdminClient } from "@keybrake/client";

const SERVER = fileURLToPath(new URL("../../apps/proxy/dist/main.js", import.meta.url));
const START_MS_MAX = 60_000;

/** A proxy: where agents reach it, and its admin API. */
export interface Keybrake {
  readonly dataUrl: string;
  readonly admin: AdminClient;
  close(): Promise<void>;
}

/** The proxy at KEYBRAKE_URL, or one of our own with fake vendors, on free ports, that leaves nothing behind. */
export async function openKeybrake(): Promise<Keybrake> {
  const { KEYBRAKE_URL: baseUrl, KEYBRAKE_ADMIN_TOKEN: token } = process.env;
  if (baseUrl === undefined) return startKeybrake();
  if (token === undefined) throw new Error("set KEYBRAKE_ADMIN_TOKEN, too");
  const dataUrl = process.env["KEYBRAKE_DATA_URL"] ?? "http://127.0.0.1:8787";
  return { dataUrl, admin: createAdminClient({ baseUrl, token }), close: async () => {} };
}

async function startKeybrake(): Promise<Keybrake> {
  const dataDir = mkdtempSync(join(tmpdir(), "keybrake-example-"));
  const token = randomBytes(24).toString("hex");
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_"));
  const server = spawn(process.execPath, [SERVER], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...Object.fromEntries(inherited),
      KEYBRAKE_PORT: "0",
      KEYBRAKE_ADMIN_PORT: "0",
      KEYBRAKE_DATA_DIR: dataDir,
      KEYBRAKE_ADMIN_TOKEN: token,
      KEYBRAKE_LOG_LEVEL: "error",
      KEYBRAKE_SANDBOX: "1",
    },
  });
  const exited = once(server, "exit");
  const remove = () => {
    server.kill("SIGTERM");
    rmSync(dataDir, { recursive: true, force: true });
  };
  process.once("exit", remove);
  const close = async () => {
    server.kill("SIGTERM");
    await exited;
    process.off("exit", remove);
    remove();
  };
  try {
    const banner = await readBanner(server.stdout, exited);
    const [, dataUrl = ""] = /agents +(http:\S+)/.exec(banner) ?? [];
    const [, baseUrl = ""] = /operators +(http:\S+)/.exec(banner) ?? [];
    return { dataUrl, admin: createAdminClient({ baseUrl, token }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the server prints when it is up. */
async function readBanner(stdout: NodeJS.ReadableStream, exited: Promise<unknown>): Promise<string> {
  const signal = AbortSignal.timeout(START_MS_MAX);
  let banner = "";
  while (!/operators +http:\S+/.test(banner)) {
    const [chunk] = await Promise.race([once(stdout, "data", { signal }), exited.then(() => [null])]);
    if (chunk === null) throw new Error("the proxy did not start");
    banner += String(chunk);
  }
  return banner;
}
