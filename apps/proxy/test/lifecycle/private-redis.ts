import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { findFreePort } from "./private-postgres.ts";

const READY_MS_MAX = 15_000;
const POLL_MS = 50;

/** A Redis of one's own, in memory only, that may be killed. */
export interface PrivateRedis {
  readonly url: string;
  /** `kill -9`; what it knew is gone. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Says whether redis-server is installed. */
export function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

/** Starts one on a free port. */
export async function openPrivateRedis(): Promise<PrivateRedis> {
  const port = await findFreePort();
  let child: ChildProcess | null = null;
  const start = async () => {
    const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    child = spawn("redis-server", settings, { stdio: "ignore" });
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await answers(port))) {
      if (performance.now() > deadline) throw new Error("Redis did not start in time");
      await delay(POLL_MS);
    }
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill: async () => {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    start,
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
