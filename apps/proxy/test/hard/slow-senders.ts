import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ascending, type Figure, type Finding, quantile, type Run, scaled } from "./figure.ts";
import { openPlainVendor } from "./plain-vendor.ts";
import { charge, keepCalling, openReplicas } from "./replicas.ts";

const CALLERS = 4;
const LINE_EVERY_MS = 1_000;

/** Latencies in milliseconds of calls that had nothing to do with the slow senders. */
export interface SlowFinding {
  readonly baselineP99Ms: number;
  readonly underAttackP99Ms: number;
  readonly failures: number;
  /** How many of the slow connections were there at their peak. */
  readonly slowConnections: number;
}

interface SlowSenders {
  readonly open: () => number;
  stop(): void;
}

/** Connections that begin a request and never end it: one header line a second. */
function openSlowSockets(url: string, count: number): SlowSenders {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const connectOne = () => {
    const socket = connect({ host: hostname, port: Number(port) });
    sockets.add(socket);
    socket.write("POST /v1/payment_intents HTTP/1.1\r\nHost: keybrake\r\n");
    socket.on("error", () => undefined).on("data", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  };
  const timer = setInterval(() => {
    for (const socket of sockets) socket.write(`X-${Math.random().toString(36).slice(2)}: 1\r\n`);
    // Who was thrown out comes again.
    while (sockets.size < count) connectOne();
  }, LINE_EVERY_MS);
  for (let index = 0; index < count; index++) connectOne();
  return {
    open: () => sockets.size,
    stop: () => {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function hasSlowHttpTest(): boolean {
  return spawnSync("slowhttptest", ["-h"]).error === undefined;
}

/** The public tool of that name, slow headers. */
function runSlowHttpTest(url: string, count: number, seconds: number): SlowSenders {
  const settings = [
    "-H",
    "-c",
    String(count),
    "-r",
    "200",
    "-i",
    "1",
    "-x",
    "24",
    "-l",
    String(seconds),
    "-u",
    url,
  ];
  const child = spawn("slowhttptest", settings, { stdio: "ignore" });
  const ended = once(child, "exit");
  return {
    open: () => (child.exitCode === null ? count : 0),
    stop: () => {
      child.kill("SIGTERM");
      void ended;
    },
  };
}

/** So many slow senders beside a normal load, for so long. */
export async function sendSlowly(
  count: number,
  eachMs: number,
  tool: "sockets" | "slowhttptest",
): Promise<SlowFinding> {
  const vendor = await openPlainVendor();
  const replicas = await openReplicas({ stripeUrl: vendor.url });
  const [server] = replicas.servers;
  if (server === undefined) throw new TypeError("no server");
  try {
    const { vaultKey } = await replicas.issue("normal_agent");
    const measure = async () => {
      const load = keepCalling(server, CALLERS, async (pool) => {
        await delay(5);
        return charge(pool, vaultKey);
      });
      await delay(eachMs);
      const answers = await load.stop();
      return {
        p99Ms: quantile(answers.map(({ tookMs }) => tookMs).sort(ascending), 0.99),
        failures: answers.filter(({ status }) => status !== 200).length,
      };
    };
    await measure();
    const baseline = await measure();
    const slow =
      tool === "sockets"
        ? openSlowSockets(server.dataUrl, count)
        : runSlowHttpTest(server.dataUrl, count, Math.ceil(eachMs / 1_000) + 5);
    await delay(Math.min(3_000, eachMs));
    const slowConnections = slow.open();
    const attacked = await measure();
    slow.stop();
    return {
      baselineP99Ms: baseline.p99Ms,
      underAttackP99Ms: attacked.p99Ms,
      failures: baseline.failures + attacked.failures,
      slowConnections,
    };
  } finally {
    await replicas.close();
    await vendor.close();
  }
}

export const slowSenders: Figure = {
  name: "R1 slow senders",
  goal: "500 slow connections: no call fails, p99 below twice the baseline",
  findObstacle: () => null,
  run: async (run: Run): Promise<Finding> => {
    const tool = hasSlowHttpTest() ? "slowhttptest" : "sockets";
    const { baselineP99Ms, underAttackP99Ms, failures, slowConnections } = await sendSlowly(
      500,
      scaled(20_000, run, 700),
      tool,
    );
    return {
      isReached: failures === 0 && slowConnections === 500 && underAttackP99Ms < 2 * baselineP99Ms,
      measured: `${slowConnections} slow (${tool}): p99 ${baselineP99Ms.toFixed(1)} → ${underAttackP99Ms.toFixed(1)} ms, ${failures} failed`,
    };
  },
};
