import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type AdminClient, createAdminClient } from "@keybrake/client";
import { createTestDataDir } from "./databases.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const START_MS_MAX = 60_000;

/** A keybrake server in a process of its own, as an operator runs it. */
export interface TestServer {
  readonly process: ChildProcess;
  readonly dataUrl: string;
  readonly adminUrl: string;
  readonly adminToken: string;
  readonly admin: AdminClient;
  readonly dataDir: string;
  /** Everything it wrote to stdout and stderr so far. */
  readonly output: () => string;
  /** Ends it by SIGTERM and waits; its data directory is removed unless `keepData`. */
  stop(options?: { keepData?: boolean }): Promise<number | null>;
  /** Ends it without warning, as a crash does. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  /** The vendor's address; none = the built-in sandbox with its demo crew. */
  readonly stripeUrl?: string;
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
  readonly dataDir?: string;
  readonly masterKey?: string;
  readonly adminToken?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server on free ports and resolves when it says that it is up. */
export async function startTestServer(options: ServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await newDataDir(options.databaseUrl === undefined));
  const adminToken = options.adminToken ?? `test-admin-${randomBytes(24).toString("hex")}`;
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KEYBRAKE_"));
  const child = spawn(process.execPath, [MAIN], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...Object.fromEntries(inherited),
      KEYBRAKE_PORT: "0",
      KEYBRAKE_ADMIN_PORT: "0",
      KEYBRAKE_DATA_DIR: dataDir,
      KEYBRAKE_ADMIN_TOKEN: adminToken,
      KEYBRAKE_LOG_LEVEL: "info",
      ...(options.stripeUrl === undefined
        ? {}
        : { KEYBRAKE_SANDBOX: "0", KEYBRAKE_STRIPE_UPSTREAM_URL: options.stripeUrl }),
      ...(options.databaseUrl === undefined ? {} : { KEYBRAKE_DATABASE_URL: options.databaseUrl }),
      ...(options.redisUrl === undefined ? {} : { KEYBRAKE_REDIS_URL: options.redisUrl }),
      ...(options.masterKey === undefined ? {} : { KEYBRAKE_MASTER_KEY: options.masterKey }),
      ...options.env,
    },
  });
  const chunks: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  const output = () => chunks.join("");
  const exited = once(child, "exit") as Promise<[number | null]>;
  await waitForStart(child, output, exited);
  const dataUrl = /agents +(http:\S+)/.exec(output())?.[1] ?? "";
  const adminUrl = /operators +(http:\S+)/.exec(output())?.[1] ?? "";
  return {
    process: child,
    dataUrl,
    adminUrl,
    adminToken,
    admin: createAdminClient({ baseUrl: adminUrl, token: adminToken }),
    dataDir,
    output,
    stop: async ({ keepData = false } = {}) => {
      child.kill("SIGTERM");
      const [code] = await exited;
      if (!keepData) rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** An empty directory, or for an embedded database one in which it is there already: to make it takes seconds. */
export async function newDataDir(isEmbedded: boolean): Promise<string> {
  return isEmbedded ? (await createTestDataDir()).path : mkdtempSync(path.join(tmpdir(), "keybrake-test-"));
}

function waitForStart(child: ChildProcess, output: () => string, exited: Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the server did not start in time:\n${output()}`)),
      START_MS_MAX,
    );
    child.stdout?.on("data", () => {
      if (!output().includes("Keybrake is up.") || !/operators +http:\S+/.test(output())) return;
      clearTimeout(timer);
      resolve();
    });
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`the server ended at its start:\n${output()}`));
    });
  });
}
