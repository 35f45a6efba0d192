import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";

const MAIN = fileURLToPath(new URL("../apps/proxy/dist/main.js", import.meta.url));

/** A server as it is in production, on free ports. */
export interface Keybrake {
  readonly child: Child;
  /** Where agents reach it. */
  readonly dataUrl: string;
  /** Where operators reach it. */
  readonly adminUrl: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** Starts the built server. Without a database URL it has an embedded one, which is gone when it stops. */
export async function startKeybrake(env: Record<string, string>): Promise<Keybrake> {
  const directory = mkdtempSync(path.join(tmpdir(), "keybrake-bench-"));
  const token = randomBytes(24).toString("hex");
  const child = await startChild([MAIN], /operators +http:\S+/, {
    NODE_ENV: "production",
    KEYBRAKE_PORT: "0",
    KEYBRAKE_ADMIN_PORT: "0",
    KEYBRAKE_DATA_DIR: directory,
    KEYBRAKE_SANDBOX: "0",
    KEYBRAKE_ADMIN_TOKEN: token,
    KEYBRAKE_LOG_LEVEL: "warn",
    KEYBRAKE_MASTER_KEY: randomBytes(32).toString("base64"),
    ...env,
  });
  return {
    child,
    dataUrl: /agents +(http:\S+)/.exec(child.output())?.[1] ?? "",
    adminUrl: /operators +(http:\S+)/.exec(child.output())?.[1] ?? "",
    token,
    stop: async () => {
      await child.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
