import fc from "fast-check";
import { Pool } from "undici";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";
import { openPlainVendor, type PlainVendor } from "./plain-vendor.ts";
import { charge, openReplicas, type Replicas } from "./replicas.ts";

const REPLICAS = 3;
const IN_FLIGHT = 64;
const DOLLARS = 10;
const ATTEMPTS_A_ROUND = 5_000;
const WHOLE_ATTEMPTS = 1_000_000;

/** What a crowd of attempts spent: as the callers, the vendor and the audit log saw it. */
export interface OverspendFinding {
  /** Attempts that were decided: each succeeded or was refused by the cap. */
  readonly attempts: number;
  readonly succeeded: number;
  readonly refused: number;
  /** Answers that were neither (the ledger was late, the vendor's connection broke); the agent asked again. */
  readonly undecided: number;
  /** What all caps together allowed. */
  readonly allowance: number;
  readonly arrived: number;
  readonly settled: number;
  /** Calls of which nobody knows whether they happened; their worst case is held. */
  readonly unknown: number;
  /** Refusals in rows and in counts. */
  readonly denied: number;
  /** Rounds in which one of these did not fit the others; the first of them in words. */
  readonly wrong: readonly string[];
  readonly isChainSound: boolean;
}

interface Said {
  succeeded: number;
  refused: number;
  undecided: number;
}

/** Hot keys one after the other, each with a cap that lets a part of its attempts through. */
export async function overspend(rounds: number, attempts: number, seed: number): Promise<OverspendFinding> {
  const vendor = await openPlainVendor();
  const replicas = await openReplicas({ stripeUrl: vendor.url, count: REPLICAS });
  const pools = replicas.servers.map((server) => new Pool(server.dataUrl, { connections: IN_FLIGHT }));
  const share = fc.sample(fc.integer({ min: 1, max: 20 }), { numRuns: rounds, seed });
  const sum = {
    attempts: 0,
    succeeded: 0,
    refused: 0,
    undecided: 0,
    allowance: 0,
    arrived: 0,
    settled: 0,
    unknown: 0,
    denied: 0,
  };
  const wrong: string[] = [];
  try {
    for (const hundredths of share) {
      const allowance = Math.max(1, Math.floor((attempts * hundredths) / 100));
      const { id, vaultKey } = await replicas.issue("hot_agent", { daily_usd_cap: allowance * DOLLARS });
      const said = await attack(pools, vaultKey, attempts);
      const found = { ...said, arrived: countArrivals(vendor), ...(await readBooks(replicas, id)) };
      const isRight =
        found.succeeded + found.refused === attempts &&
        found.succeeded === found.settled &&
        found.settled + found.unknown === allowance &&
        found.usedUsd === allowance * DOLLARS &&
        found.arrived >= found.settled &&
        found.arrived <= allowance &&
        found.denied >= found.refused &&
        // A refusal may have been written down whose caller was told that the ledger is late.
        found.denied <= found.refused + found.undecided;
      if (!isRight) wrong.push(`cap for ${allowance}: ${JSON.stringify(found)}`);
      sum.attempts += said.succeeded + said.refused;
      sum.allowance += allowance;
      for (const name of [
        "succeeded",
        "refused",
        "undecided",
        "arrived",
        "settled",
        "unknown",
        "denied",
      ] as const)
        sum[name] += found[name];
    }
    return { ...sum, wrong, isChainSound: (await replicas.admin.audit.verify()).ok };
  } finally {
    await Promise.all(pools.map((pool) => pool.destroy()));
    await replicas.close();
    await vendor.close();
  }
}

async function attack(pools: readonly Pool[], vaultKey: string, attempts: number): Promise<Said> {
  const said: Said = { succeeded: 0, refused: 0, undecided: 0 };
  let left = attempts;
  const attempt = async (pool: Pool) => {
    while (left-- > 0) while (!(await isDecided(pool))) said.undecided++;
  };
  const isDecided = async (pool: Pool) => {
    const { status, code } = await charge(pool, vaultKey);
    if (status === 200) said.succeeded++;
    else if (code === "daily_cap_exceeded") said.refused++;
    else if (status !== 503 && code !== "vendor_unreachable")
      throw new Error(`unexpected answer: ${status} ${code}`);
    else if (said.undecided > attempts) throw new Error(`nothing is decided any more: ${status} ${code}`);
    else return false;
    return true;
  };
  await Promise.all(pools.flatMap((pool) => Array.from({ length: IN_FLIGHT }, () => attempt(pool))));
  return said;
}

function countArrivals(vendor: PlainVendor): number {
  return vendor.arrivals.splice(0).length;
}

async function readBooks({ database }: Replicas, vaultKeyId: string) {
  const [row] =
    (await database?.query(
      `SELECT count(*) FILTER (WHERE state = 'settled')::integer AS settled,
         count(*) FILTER (WHERE state IN ('reserved', 'unknown'))::integer AS unknown,
         coalesce(sum(cost_usd + CASE WHEN state IN ('reserved', 'unknown') THEN reserved_usd ELSE 0 END), 0)::float8 AS used,
         count(*) FILTER (WHERE state = 'denied')::integer
           + (SELECT coalesce(sum(counted), 0)::integer FROM denial_counts WHERE vault_key_id = $1) AS denied
       FROM calls WHERE vault_key_id = $1`,
      [vaultKeyId],
    )) ?? [];
  const number = (name: string) => Number(row?.[name]);
  return {
    settled: number("settled"),
    unknown: number("unknown"),
    usedUsd: number("used"),
    denied: number("denied"),
  };
}

export const overspending: Figure = {
  name: "A1 overspend",
  goal: "1,000,000 attempts, 3 replicas × 64 in flight, 200 hot keys with a cap: exactly what fits is at the vendor and in the audit log, every refusal is in it",
  findObstacle: () => (POSTGRES_URL === undefined ? "needs PostgreSQL" : null),
  run: async (run: Run): Promise<Finding> => {
    const rounds = scaled(WHOLE_ATTEMPTS / ATTEMPTS_A_ROUND, run);
    const found = await overspend(rounds, ATTEMPTS_A_ROUND, run.seed);
    return {
      isReached: found.wrong.length === 0 && found.isChainSound,
      measured:
        `${found.attempts} attempts (and ${found.undecided} asked again): ${found.allowance} fitted, ${found.arrived} at the vendor, ` +
        `${found.settled} settled, ${found.unknown} unknown; ${found.refused} refused, ${found.denied} refusals audited; ` +
        `${Math.max(0, found.arrived - found.allowance)} overspent${found.wrong.length === 0 ? "" : `; wrong: ${found.wrong[0]}`}`,
    };
  },
};
