import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { Pool } from "undici";
import { findPostgres } from "../lifecycle/private-postgres.ts";
import { hasRedis } from "../lifecycle/private-redis.ts";
import { issueKey } from "../support/crew.ts";
import { ascending, type Figure, type Finding, quantile, type Run, scaled } from "./figure.ts";
import { openPlainVendor, type PlainVendor } from "./plain-vendor.ts";
import { type Answer, charge } from "./replicas.ts";
import { openVictims, type Victims } from "./victims.ts";

const REPLICAS = 2;
const CALLERS_A_REPLICA = 4;
const WHOLE_OUTAGES = 20;
/** Longer than a lease, at most. */
const OUTAGE_MS = { min: 1_500, max: 12_000 };
const REFUSED_WITHIN_MS = 1_000;
const BACK_WITHIN_MS = 5_000;
const GIVE_UP_MS = 30_000;
const PAUSE_MS = 10;

/** What happened while the database was away, again and again. */
export interface OutageFinding {
  readonly outages: number;
  /** How long the refusals of calls that began while it was away took, in milliseconds, ascending. */
  readonly refusedMs: readonly number[];
  /** Answers to those that were no refusal of the ledger's. */
  readonly otherAnswers: readonly string[];
  /** Requests that reached the vendor while it was away. */
  readonly arrived: number;
  /** How long after its return each replica served again, the slowest of each outage, ascending. */
  readonly backMs: readonly number[];
  /** Micro-dollars that are held when all is over. */
  readonly held: string;
  readonly isChainSound: boolean;
}

/** Takes the database away so often: frozen and gone by turns, under load. */
export async function takeDatabaseAway(
  programs: string,
  outages: number,
  seed: number,
): Promise<OutageFinding> {
  const vendor = await openPlainVendor();
  const victims = await openVictims(programs, vendor.url, REPLICAS);
  const lengthsMs = fc.sample(fc.integer(OUTAGE_MS), { numRuns: outages, seed });
  const pools = Array.from(
    { length: REPLICAS },
    (_, replica) => new Pool(victims.dataUrl(replica) ?? "", { connections: CALLERS_A_REPLICA }),
  );
  const found = {
    refusedMs: [] as number[],
    otherAnswers: [] as string[],
    arrived: 0,
    backMs: [] as number[],
  };
  try {
    const { vaultKey } = await issueKey(victims.admin(), "waiting_agent", {
      daily_usd_cap: 1_000_000,
      allowed_endpoints: ["POST /v1/payment_intents"],
      expires_in: "1h",
    });
    for (const [index, lengthMs] of lengthsMs.entries()) {
      const outage = { isFrozen: index % 2 === 0, lengthMs };
      await liveThrough(outage, { victims, vendor, pools, vaultKey, found });
    }
    return {
      outages,
      ...found,
      refusedMs: found.refusedMs.sort(ascending),
      backMs: found.backMs.sort(ascending),
      held: await readHeld(victims),
      isChainSound: (await victims.admin().audit.verify()).ok,
    };
  } finally {
    await Promise.all(pools.map((pool) => pool.destroy()));
    await victims.close();
    await vendor.close();
  }
}

/** What a lost answer left behind is given back by the next flush. */
async function readHeld({ postgres }: Victims): Promise<string> {
  const deadlineMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const [row] = await postgres.query("SELECT coalesce(sum(reserved), 0)::text AS held FROM budget_windows");
    if (row?.["held"] === "0" || performance.now() > deadlineMs) return String(row?.["held"]);
    await delay(100);
  }
}

interface Stage {
  readonly victims: Victims;
  readonly vendor: PlainVendor;
  readonly pools: readonly Pool[];
  readonly vaultKey: string;
  readonly found: { refusedMs: number[]; otherAnswers: string[]; arrived: number; backMs: number[] };
}

async function liveThrough(outage: { isFrozen: boolean; lengthMs: number }, stage: Stage): Promise<void> {
  const { vendor, pools, vaultKey, found } = stage;
  const { postgres } = stage.victims;
  await Promise.all(pools.map((pool) => firstSuccess(pool, vaultKey)));
  if (outage.isFrozen) postgres.freeze();
  else await postgres.kill();
  // What the database had decided a moment ago is still on its way.
  await delay(100);
  vendor.arrivals.length = 0;
  const endsAtMs = performance.now() + outage.lengthMs;
  const call = async (pool: Pool) => {
    while (performance.now() < endsAtMs) {
      const answer = await charge(pool, vaultKey);
      if (answer.code === "ledger_unavailable") found.refusedMs.push(answer.tookMs);
      else found.otherAnswers.push(`${answer.status} ${answer.code}`);
      await delay(PAUSE_MS);
    }
  };
  await Promise.all(pools.flatMap((pool) => Array.from({ length: CALLERS_A_REPLICA }, () => call(pool))));
  found.arrived += vendor.arrivals.length;
  if (outage.isFrozen) postgres.thaw();
  else await postgres.start();
  const returnedAtMs = performance.now();
  await Promise.all(pools.map((pool) => firstSuccess(pool, vaultKey)));
  found.backMs.push(performance.now() - returnedAtMs);
}

async function firstSuccess(pool: Pool, vaultKey: string): Promise<Answer> {
  const deadlineMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const answer = await charge(pool, vaultKey);
    if (answer.status === 200) return answer;
    if (performance.now() > deadlineMs) throw new Error(`it is not back: ${answer.status} ${answer.code}`);
    await delay(PAUSE_MS);
  }
}

export const databaseDown: Figure = {
  name: "C1 database down",
  goal: "20 outages of PostgreSQL, frozen or killed, up to 12 s: every call is refused within 1 s, none reaches the vendor, served again within 5 s of its return, nothing stays held",
  findObstacle: () =>
    findPostgres() === null ? "needs PostgreSQL's programs" : hasRedis() ? null : "needs redis-server",
  run: async (run: Run): Promise<Finding> => {
    const found = await takeDatabaseAway(findPostgres() ?? "", scaled(WHOLE_OUTAGES, run, 2), run.seed);
    const { outages, refusedMs, otherAnswers, arrived, backMs, held, isChainSound } = found;
    const [p99, slowest] = [quantile(refusedMs, 0.99), refusedMs.at(-1) ?? Number.NaN];
    const latest = backMs.at(-1) ?? Number.NaN;
    return {
      isReached:
        slowest <= REFUSED_WITHIN_MS &&
        otherAnswers.length === 0 &&
        arrived === 0 &&
        latest <= BACK_WITHIN_MS &&
        held === "0" &&
        isChainSound,
      measured:
        `${outages} outages: ${refusedMs.length} refused (p99 ${p99.toFixed(0)}, slowest ${slowest.toFixed(0)} ms), ` +
        `${otherAnswers.length} answered otherwise${otherAnswers.length === 0 ? "" : ` (${otherAnswers[0]})`}, ${arrived} at the vendor; ` +
        `back after ${quantile(backMs, 0.5).toFixed(0)} ms, at most ${latest.toFixed(0)} ms; held ${held}`,
    };
  },
};
