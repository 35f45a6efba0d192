import { setTimeout as delay } from "node:timers/promises";
import { hasRedis, openPrivateRedis } from "../lifecycle/private-redis.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { type DeafRelay, openDeafRelay } from "./deaf-relay.ts";
import { ascending, type Figure, type Finding, quantile } from "./figure.ts";
import { openPlainVendor, type PlainVendor } from "./plain-vendor.ts";
import { charge, keepCalling, openReplicas, type Replicas } from "./replicas.ts";

const REPLICAS = 3;
const CALLERS = 8;
/** So many calls of a key have gone out when it is ended. */
const SENT_BEFORE = 20;
/** So long after the end arrivals are still looked for; what is forbidden is far below. */
const LOOK_MS = 300;

/** How much later than the end of a key, as its caller saw it, the vendor still saw a first byte of it. */
export interface LatenessFinding {
  readonly trials: number;
  /** Milliseconds, one a trial, 0 when nothing came late; ascending. */
  readonly latenessMs: readonly number[];
  /** Calls that were allowed after the end had committed. */
  readonly allowedLate: number;
  /** Calls left open when all was over. */
  readonly open: number;
}

export type Ending = "revocation" | "kill switch";

/** Ends keys under load on three replicas; `isDeaf` = the other two hear nothing, and Redis is down. */
export async function endKeys(trials: number, ending: Ending, isDeaf: boolean): Promise<LatenessFinding> {
  const vendor = await openPlainVendor();
  const redis = isDeaf && hasRedis() ? await openPrivateRedis() : null;
  await redis?.kill();
  const relay = isDeaf ? await openRelay() : null;
  const replicas = await openReplicas({
    stripeUrl: vendor.url,
    count: REPLICAS,
    ...(redis === null ? {} : { redisUrl: redis.url }),
    ...(relay === null ? {} : { otherDatabaseUrl: (url) => through(relay, url) }),
  });
  try {
    const latenessMs: number[] = [];
    let allowedLate = 0;
    for (let trial = 0; trial < trials; trial++) {
      const found = await endOneKey(replicas, vendor, ending, `trial_${trial}_`);
      latenessMs.push(found.latenessMs);
      allowedLate += found.allowedLate;
    }
    await delay(LOOK_MS);
    const { data } = await replicas.admin.calls.list({ state: "reserved", limit: 1_000 });
    return { trials, latenessMs: latenessMs.sort(ascending), allowedLate, open: data.length };
  } finally {
    await replicas.close();
    await relay?.close();
    await redis?.close();
    await vendor.close();
  }
}

async function openRelay(): Promise<DeafRelay> {
  const target = new URL(POSTGRES_URL ?? "");
  return openDeafRelay(target.hostname, Number(target.port || 5432));
}

function through(relay: DeafRelay, url: string): string {
  const relayed = new URL(url);
  relayed.hostname = "127.0.0.1";
  relayed.port = String(relay.port);
  return relayed.href;
}

async function endOneKey(replicas: Replicas, vendor: PlainVendor, ending: Ending, mark: string) {
  const { admin, servers, database } = replicas;
  const key = await replicas.issue("doomed_agent");
  const form = `amount=1000&currency=usd&description=${mark}`;
  const arrivals = () => vendor.arrivals.filter(({ body }) => body.includes(mark));
  const loads = servers
    .slice(1)
    .map((server) => keepCalling(server, CALLERS, (pool) => charge(pool, key.vaultKey, { form })));
  while (arrivals().length < SENT_BEFORE) await delay(1);
  if (ending === "revocation") await admin.vaultKeys.revoke(key.id);
  else await admin.killSwitch.set({ engaged: true });
  const endedAtMs = performance.now();
  const [row] = (await database?.query("SELECT clock_timestamp() AS now")) ?? [];
  await delay(LOOK_MS);
  const late = arrivals().map(({ atMs }) => atMs - endedAtMs);
  await Promise.all(loads.map((load) => load.stop()));
  if (ending === "kill switch") await admin.killSwitch.set({ engaged: false });
  const [counted] =
    (await database?.query(
      "SELECT count(*)::integer AS late FROM calls WHERE vault_key_id = $1 AND verdict = 'allow' AND requested_at > $2",
      [key.id, row?.["now"]],
    )) ?? [];
  vendor.arrivals.length = 0;
  return { latenessMs: Math.max(0, ...late), allowedLate: Number(counted?.["late"]) };
}

function figure(name: string, ending: Ending, isDeaf: boolean): Figure {
  return {
    name,
    goal: "last first byte at the vendor after the end returned: p99 ≤ 20 ms, max ≤ 100 ms; none allowed after the commit",
    findObstacle: () => (POSTGRES_URL === undefined ? "needs PostgreSQL" : null),
    run: async (): Promise<Finding> => {
      const { trials, latenessMs, allowedLate, open } = await endKeys(200, ending, isDeaf);
      const [p99, most] = [quantile(latenessMs, 0.99), latenessMs.at(-1) ?? Number.NaN];
      return {
        isReached: p99 <= 20 && most <= 100 && allowedLate === 0 && open === 0,
        measured: `${trials} trials on 3 replicas: p99 ${p99.toFixed(1)} ms, max ${most.toFixed(1)} ms, ${allowedLate} allowed late`,
      };
    },
  };
}

export const REVOCATIONS: readonly Figure[] = [
  figure("B2 revocation, heard", "revocation", false),
  figure("B3 revocation, NOTIFY cut and Redis down", "revocation", true),
  figure("B5 kill switch", "kill switch", false),
];
