import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { hasRedis, openPrivateRedis } from "../lifecycle/private-redis.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { inBatches } from "../support/in-batches.ts";
import { ascending, type Figure, type Finding, quantile, type Run, scaled } from "./figure.ts";
import { openReplicas, type Replicas } from "./replicas.ts";
import { TrialBoard } from "./trial-board.ts";
import { openThread } from "./trial-thread.ts";

const REPLICAS = 3;
/** Keys that live at the same time, each with a caller at both replicas that do not hear of its end first. */
const LIVES = 32;
/** So many calls of a key have gone out when it is ended. */
const SENT_BEFORE = 4;
/** And up to so much time has passed then, so that ends meet calls at every point of their way. */
const DELAY_MS_MAX = 20;
const SENT_WITHIN_MS = 60_000;
/** So long after the end arrivals are still looked for; what is forbidden is far below. */
const LOOK_MS = 250;
const NS_PER_MS = 1e6;

/** How much later than the end of a key, as its caller saw it, the vendor still saw a first byte of it. */
export interface LatenessFinding {
  readonly trials: number;
  /** Milliseconds, one a trial, 0 when nothing came late; ascending. */
  readonly latenessMs: readonly number[];
  /** Calls that were allowed after the end had committed. */
  readonly allowedLate: number;
  /** Calls that the vendor saw in all. */
  readonly arrivals: number;
  /** Calls left open when all was over. */
  readonly open: number;
}

/** What is tried, and how often. */
export interface Ending {
  readonly trials: number;
  readonly by: "revocation" | "kill switch";
  /** The replicas that are called hear nothing, and Redis is down. */
  readonly isDeaf: boolean;
  readonly seed: number;
}

/** One trial: when its end had returned, and what the database's clock said then. */
interface Ended {
  readonly trial: number;
  readonly atNs: bigint;
  readonly databaseTime: string;
}

/** Ends keys under load: through one replica, while they are used at two others. */
export async function endKeys(ending: Ending): Promise<LatenessFinding> {
  const { trials, by, isDeaf } = ending;
  // The kill switch ends all keys at once: one generation of them serves every trial.
  const keyCount = by === "revocation" ? trials : LIVES;
  const board = new TrialBoard(keyCount);
  const vendor = await openVendor(board, keyCount);
  const redis = isDeaf && hasRedis() ? await openPrivateRedis() : null;
  await redis?.kill();
  const relay = isDeaf ? await openRelay() : null;
  const replicas = await openReplicas({
    stripeUrl: vendor.opened,
    count: REPLICAS,
    ...(redis === null ? {} : { redisUrl: redis.url }),
    ...(relay === null ? {} : { otherDatabaseUrl: (url) => through(relay.opened, url) }),
  });
  try {
    const keys = await inBatches(Array.from({ length: keyCount }), () => replicas.issue("doomed_agent"));
    const callers = await openThread(new URL("trial-callers-thread.ts", import.meta.url), {
      board: board.buffer,
      vaultKeys: keys.map(({ vaultKey }) => vaultKey),
      dataUrls: replicas.servers.slice(1).map(({ dataUrl }) => dataUrl),
      lives: LIVES,
    });
    const stage: Stage = { replicas, board, ids: keys.map(({ id }) => id) };
    const found = await (by === "revocation" ? revokeAll(stage, ending) : useKillSwitch(stage, ending));
    await callers.close();
    await delay(LOOK_MS);
    const { data } = await replicas.admin.calls.list({ state: "reserved", limit: 1_000 });
    const arrivals = keys.reduce((sum, _key, index) => sum + board.arrivals(index), 0);
    return {
      ...found,
      trials,
      latenessMs: [...found.latenessMs].sort(ascending),
      arrivals,
      open: data.length,
    };
  } finally {
    await replicas.close();
    await relay?.close();
    await redis?.close();
    await vendor.close();
  }
}

interface Stage {
  readonly replicas: Replicas;
  readonly board: TrialBoard;
  /** Of the keys. */
  readonly ids: readonly string[];
}

type Lateness = Pick<LatenessFinding, "latenessMs" | "allowedLate">;

/** Each key has its own end, while others are used or end beside it. */
async function revokeAll({ replicas, board, ids }: Stage, { trials, seed }: Ending): Promise<Lateness> {
  const delays = fc.sample(fc.integer({ min: 0, max: DELAY_MS_MAX }), { numRuns: trials, seed });
  const ended: Ended[] = [];
  const latenessMs: number[] = [];
  const live = async (first: number) => {
    for (let trial = first; trial < trials; trial += LIVES) {
      await waitForArrivals(board, trial, SENT_BEFORE);
      await delay(delays[trial]);
      await replicas.admin.vaultKeys.revoke(ids[trial] ?? "");
      const atNs = process.hrtime.bigint();
      ended.push({ trial, atNs, databaseTime: await readDatabaseTime(replicas) });
      await delay(LOOK_MS);
      latenessMs.push(latenessOf(board, trial, atNs));
      board.end(trial);
    }
  };
  await Promise.all(Array.from({ length: LIVES }, (_, first) => live(first)));
  const [row] =
    (await replicas.database?.query(
      `SELECT count(*)::integer AS late FROM calls c
         JOIN unnest($1::uuid[], $2::timestamptz[]) AS e (id, at) ON e.id = c.vault_key_id
         WHERE c.verdict = 'allow' AND c.requested_at > e.at`,
      [ended.map(({ trial }) => ids[trial]), ended.map(({ databaseTime }) => databaseTime)],
    )) ?? [];
  return { latenessMs, allowedLate: Number(row?.["late"]) };
}

/** All keys end together, and are let act again for the next trial. */
async function useKillSwitch({ replicas, board, ids }: Stage, { trials, seed }: Ending): Promise<Lateness> {
  const delays = fc.sample(fc.integer({ min: 0, max: DELAY_MS_MAX }), { numRuns: trials, seed });
  const latenessMs: number[] = [];
  let allowedLate = 0;
  for (let trial = 0; trial < trials; trial++) {
    const targets = ids.map((_id, key) => board.arrivals(key) + SENT_BEFORE);
    await Promise.all(targets.map((target, key) => waitForArrivals(board, key, target)));
    await delay(delays[trial]);
    await replicas.admin.killSwitch.set({ engaged: true });
    const atNs = process.hrtime.bigint();
    const from = await readDatabaseTime(replicas);
    await delay(LOOK_MS);
    latenessMs.push(Math.max(...ids.map((_id, key) => latenessOf(board, key, atNs))));
    const [row] =
      (await replicas.database?.query(
        "SELECT count(*)::integer AS late FROM calls WHERE verdict = 'allow' AND requested_at > $1",
        [from],
      )) ?? [];
    allowedLate += Number(row?.["late"]);
    await replicas.admin.killSwitch.set({ engaged: false });
  }
  return { latenessMs, allowedLate };
}

async function waitForArrivals(board: TrialBoard, trial: number, target: number): Promise<void> {
  const deadlineMs = performance.now() + SENT_WITHIN_MS;
  while (board.arrivals(trial) < target) {
    if (performance.now() > deadlineMs) throw new Error(`too few calls of trial ${trial} got through`);
    await delay(2);
  }
}

/** Exact to the microsecond, which a Date is not. */
async function readDatabaseTime({ database }: Replicas): Promise<string> {
  const [row] = (await database?.query("SELECT clock_timestamp()::text AS now")) ?? [];
  return String(row?.["now"]);
}

function latenessOf(board: TrialBoard, trial: number, endedAtNs: bigint): number {
  return Math.max(0, Number(board.lastArrivalNs(trial) - endedAtNs) / NS_PER_MS);
}

function openVendor(board: TrialBoard, trials: number) {
  const program = new URL("trial-vendor-thread.ts", import.meta.url);
  return openThread<string>(program, { trials, board: board.buffer });
}

function openRelay() {
  const { hostname, port } = new URL(POSTGRES_URL ?? "");
  const program = new URL("deaf-relay-thread.ts", import.meta.url);
  return openThread<number>(program, { host: hostname, port: Number(port || 5432) });
}

function through(port: number, url: string): string {
  const relayed = new URL(url);
  relayed.hostname = "127.0.0.1";
  relayed.port = String(port);
  return relayed.href;
}

function figure(name: string, whole: number, ending: Pick<Ending, "by" | "isDeaf">): Figure {
  const trialsText = whole.toLocaleString("en-US");
  return {
    name,
    goal: `${trialsText} ends under load on 3 replicas: none allowed after the commit; last first byte at the vendor after the end returned: p99 ≤ 20 ms, max ≤ 100 ms`,
    findObstacle: () => (POSTGRES_URL === undefined ? "needs PostgreSQL" : null),
    run: async (run: Run): Promise<Finding> => {
      const asked = { ...ending, trials: scaled(whole, run), seed: run.seed };
      const { trials, latenessMs, allowedLate, arrivals, open } = await endKeys(asked);
      const [p50, p99] = [quantile(latenessMs, 0.5), quantile(latenessMs, 0.99)];
      const most = latenessMs.at(-1) ?? Number.NaN;
      const late = latenessMs.filter((ms) => ms > 0).length;
      return {
        isReached: p99 <= 20 && most <= 100 && allowedLate === 0 && open === 0,
        measured:
          `${trials} trials, ${arrivals} calls at the vendor: ${allowedLate} allowed late; in ${late} trials a byte came after: ` +
          `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${most.toFixed(1)} ms`,
      };
    },
  };
}

export const REVOCATIONS: readonly Figure[] = [
  figure("B2 revocation, heard", 5_000, { by: "revocation", isDeaf: false }),
  figure("B3 revocation, NOTIFY cut and Redis down", 5_000, { by: "revocation", isDeaf: true }),
  figure("B5 kill switch, heard", 200, { by: "kill switch", isDeaf: false }),
  figure("B5 kill switch, NOTIFY cut and Redis down", 200, { by: "kill switch", isDeaf: true }),
];
