import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { REDIS_URL } from "../support/databases.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { ascending, type Figure, type Finding, quantile, type Run, scaled } from "./figure.ts";
import { openPlainVendor } from "./plain-vendor.ts";
import { canReadUsage, type ProcessUsage, readUsage } from "./process-usage.ts";
import { charge, openReplicas, type Replicas } from "./replicas.ts";

const REPLICAS = 2;
const WHOLE_SECONDS = 30 * 60;
/** Two million in thirty minutes. */
const CALLS_PER_SECOND = 1_112;
const CALLERS = 64;
const KEYS = 16;
const SAMPLE_MS = 1_000;
/** Caches fill and the engine compiles: that is no leak. */
const WARM_UP_SHARE = 0.2;
/** So much at the beginning of what is left, and at its end, is compared. */
const WINDOW_SHARE = 0.1;
const GROWTH_MAX = 0.1;
const SWEPT_WITHIN_MS = 40_000;
/** Connections to the vendor and the database are kept for a while. */
const IDLE_WITHIN_MS = 60_000;

/** What a long load left behind. */
export interface SoakFinding {
  readonly seconds: number;
  /** Calls answered, by what was said. */
  readonly succeeded: number;
  readonly refused: number;
  readonly failed: number;
  /** Requests that the vendor saw, and calls that the audit log says were let through. */
  readonly arrived: number;
  readonly allowed: number;
  /** Refusals in rows and in counts. */
  readonly denied: number;
  /** Of the replica that grew most: resident memory after the warm-up and at the end of the load, in bytes. */
  readonly rss: readonly [before: number, after: number];
  /** Of the replica that kept most: open files before the load and when its connections have ended. */
  readonly files: readonly [before: number, after: number];
  /** Micro-dollars that are still held, and calls that are still open. */
  readonly heldMicros: bigint;
  readonly open: number;
  readonly isChainSound: boolean;
}

/**
 * A mixed load for so long, at a rate or as fast as the machine can. Afterwards connections have `idleWithinMs` to time
 * out in, before open files are counted.
 */
export async function soak(
  seconds: number,
  callsPerSecond: number,
  idleWithinMs = IDLE_WITHIN_MS,
): Promise<SoakFinding> {
  const vendor = await openPlainVendor();
  let arrived = 0;
  const replicas = await openReplicas({
    stripeUrl: vendor.url,
    count: POSTGRES_URL === undefined ? 1 : REPLICAS,
    ...(REDIS_URL === undefined ? {} : { redisUrl: REDIS_URL }),
  });
  try {
    const keys = await Promise.all(Array.from({ length: KEYS }, (_, index) => issueKind(replicas, index)));
    const usages = () => replicas.servers.map(({ process }) => readUsage(process.pid ?? 0));
    const idle = usages();
    const load = startLoad(replicas, keys, callsPerSecond);
    const samples: (readonly ProcessUsage[])[] = [];
    const endsAtMs = performance.now() + seconds * 1_000;
    while (performance.now() < endsAtMs) {
      await delay(Math.min(SAMPLE_MS, seconds * 20));
      samples.push(usages());
      arrived += vendor.arrivals.splice(0).length;
      // An operator looks on.
      if (samples.length % 10 === 0) await watch(replicas);
    }
    const counts = await load.stop();
    arrived += vendor.arrivals.splice(0).length;
    const books = await readBooks(replicas);
    const files = await compareFiles(idle, usages, idleWithinMs);
    return { seconds, ...counts, arrived, rss: compareMemory(samples), files, ...books };
  } finally {
    await replicas.close();
    await vendor.close();
  }
}

/** Most keys work; one is soon at its cap, and one may do nothing of what it asks for. */
function issueKind(replicas: Replicas, index: number) {
  const agent = `soaked_agent_${index}`;
  if (index === 0) return replicas.issue(agent, { daily_usd_cap: 1_000 });
  if (index === 1) return replicas.issue(agent, { allowed_endpoints: ["POST /v1/customers"] });
  return replicas.issue(agent, { allowed_endpoints: ["* /v1/**"] });
}

/** Callers that share a rate. Each third call is a read, which is streamed. */
function startLoad(
  replicas: Replicas,
  keys: readonly { readonly vaultKey: string }[],
  callsPerSecond: number,
) {
  const pools = replicas.servers.map((server) => new Pool(server.dataUrl, { connections: CALLERS }));
  const counts = { succeeded: 0, refused: 0, failed: 0 };
  const startedAtMs = performance.now();
  let isRunning = true;
  let begun = 0;
  const call = async () => {
    const number = begun++;
    const dueAtMs = startedAtMs + (number * 1_000) / callsPerSecond;
    await delay(Math.max(0, dueAtMs - performance.now()));
    const pool = pools[number % pools.length] as Pool;
    const vaultKey = keys[number % keys.length]?.vaultKey ?? "";
    const status = number % 3 === 0 ? await read(pool, vaultKey) : (await charge(pool, vaultKey)).status;
    if (status === 200) counts.succeeded++;
    else if (status === 403 || status === 429) counts.refused++;
    else counts.failed++;
  };
  const ended = Array.from({ length: CALLERS }, async () => {
    while (isRunning) await call();
  });
  return {
    stop: async () => {
      isRunning = false;
      await Promise.all(ended);
      await Promise.all(pools.map((pool) => pool.close()));
      return counts;
    },
  };
}

async function read(pool: Pool, vaultKey: string): Promise<number> {
  const answer = await pool.request({
    method: "GET",
    path: "/v1/payment_intents/pi_1",
    headers: { authorization: `Bearer ${vaultKey}` },
  });
  await answer.body.dump();
  return answer.statusCode;
}

async function watch({ servers, admin }: Replicas): Promise<void> {
  for (const { adminUrl } of servers) await (await fetch(`${adminUrl}/metrics`)).text();
  await admin.calls.list({ limit: 100 });
  await admin.spend.list({ group_by: "agent_id" });
}

/** The medians of a window behind the warm-up and of one at the end. */
function compareMemory(samples: readonly (readonly ProcessUsage[])[]): SoakFinding["rss"] {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const size = Math.max(1, Math.floor(samples.length * WINDOW_SHARE));
  const medians = [warm.slice(0, size), warm.slice(-size)].map(
    (window) => (replica: number) => median(window.map((usages) => usages[replica]?.rssBytes ?? 0)),
  );
  return worstOf((samples[0] ?? []).map((_usage, replica) => medians.map((of) => of(replica))));
}

/** Waits until the connections that the load left open have timed out. */
async function compareFiles(
  idle: readonly ProcessUsage[],
  usages: () => readonly ProcessUsage[],
  idleWithinMs: number,
): Promise<SoakFinding["files"]> {
  const compare = () =>
    worstOf(usages().map(({ files }, replica) => [idle[replica]?.files ?? 0, files] as const));
  const deadlineMs = performance.now() + idleWithinMs;
  for (;;) {
    const [before, after] = compare();
    if (after <= before || performance.now() > deadlineMs) return [before, after];
    await delay(SAMPLE_MS);
  }
}

/** The pair that grew most. */
function worstOf(pairs: readonly (readonly number[])[]): readonly [number, number] {
  const ratio = ([before = 0, after = 0]: readonly number[]) => after / before;
  const [before = 0, after = 0] = [...pairs].sort((one, other) => ratio(one) - ratio(other)).at(-1) ?? [];
  return [before, after];
}

const median = (values: readonly number[]): number => quantile([...values].sort(ascending), 0.5);

/** What the ledger says, once nothing is under way any more. */
async function readBooks(replicas: Replicas) {
  const deadlineMs = performance.now() + SWEPT_WITHIN_MS;
  const isOpen = async () =>
    (await replicas.admin.calls.list({ state: "reserved", limit: 1 })).data.length > 0;
  while ((await isOpen()) && performance.now() < deadlineMs) await delay(100);
  const query = async (sql: string) => (await replicas.admin.sql.query(sql)).rows[0] ?? {};
  const rows = await query(
    `SELECT count(*) FILTER (WHERE verdict = 'allow' AND status_code IS NOT NULL) AS allowed,
       count(*) FILTER (WHERE verdict = 'deny') AS denied, count(*) FILTER (WHERE state IN ('reserved', 'unknown')) AS open FROM calls`,
  );
  const { counted } = await query("SELECT coalesce(sum(counted), 0) AS counted FROM denial_counts");
  const { held } = await query("SELECT coalesce(sum(reserved), 0) AS held FROM budget_windows");
  return {
    allowed: Number(rows["allowed"]),
    denied: Number(rows["denied"]) + Number(counted),
    open: Number(rows["open"]),
    heldMicros: BigInt(String(held)),
    isChainSound: (await replicas.admin.audit.verify()).ok,
  };
}

const show = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export const soaking: Figure = {
  name: "R3 soak",
  goal: "30 minutes of mixed calls (2,000,000 where the machine can): resident memory grows < 10 % after the warm-up, open files do not, no sum stays held, vendor and audit log agree",
  findObstacle: () => (canReadUsage() ? null : "needs /proc"),
  run: async (run: Run): Promise<Finding> => {
    const finding = await soak(scaled(WHOLE_SECONDS, run), run.callsPerSecond ?? CALLS_PER_SECOND);
    const { seconds, succeeded, refused, failed, arrived, allowed, denied, rss, files } = finding;
    const growth = rss[1] / rss[0] - 1;
    const calls = succeeded + refused + failed;
    return {
      isReached:
        growth < GROWTH_MAX &&
        files[1] <= files[0] &&
        finding.heldMicros === 0n &&
        finding.open === 0 &&
        arrived === allowed &&
        finding.isChainSound,
      measured:
        `${calls} calls in ${seconds} s (${(calls / seconds).toFixed(0)}/s): ${succeeded} through, ${refused} refused (${denied} audited), ` +
        `${failed} answered 503; ${arrived} at the vendor, ${allowed} audited; memory ${show(rss[0])} → ${show(rss[1])} ` +
        `(${(growth * 100).toFixed(1)} %), files ${files[0]} → ${files[1]}, held ${finding.heldMicros}, open ${finding.open}`,
    };
  },
};
