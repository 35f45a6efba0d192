import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { findFreePort } from "./private-postgres.ts";

const READY_MS_MAX = 15_000;
const POLL_MS = 50;

/** A Redis of one's own, in memory only, that may be killed. */
export interface PrivateRedis {
  readonly url: string;
  /** Keeps what it knows now, for a later `start`. */
  dump(): Promise<void>;
  /** `kill -9`; what it knew is gone. */
  kill(): Promise<void>;
  /** Starts it again, knowing nothing, or what it knew at its last dump. */
  start(options?: { readonly fromDump: boolean }): Promise<void>;
  /** Ends it for good. */
  close(): Promise<void>;
}

/** Says whether redis-server is installed. */
export function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

/** Starts one on a free port. */
export async function openPrivateRedis(): Promise<PrivateRedis> {
  const port = await findFreePort();
  const directory = mkdtempSync(path.join(tmpdir(), "keybrake-redis-"));
  const [live, kept] = ["dump.rdb", "kept.rdb"].map((name) => path.join(directory, name)) as [string, string];
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const start = async ({ fromDump } = { fromDump: false }) => {
    rmSync(live, { force: true });
    if (fromDump) copyFileSync(kept, live);
    const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    settings.push("--dir", directory);
    child = spawn("redis-server", settings, { stdio: "ignore" });
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await answers(port))) {
      if (performance.now() > deadline) throw new Error("Redis did not start in time");
      await delay(POLL_MS);
    }
  };
  const kill = async () => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  await start();
  return {
    url,
    dump: async () => {
      const client = new Redis(url);
      await client.save();
      client.disconnect();
      copyFileSync(live, kept);
    },
    kill,
    start,
    close: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}
