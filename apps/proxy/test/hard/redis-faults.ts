import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { Pool } from "undici";
import { hasRedis, openPrivateRedis, type PrivateRedis } from "../lifecycle/private-redis.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";
import { openPlainVendor } from "./plain-vendor.ts";
import { charge, openReplicas } from "./replicas.ts";

/** What was spent while Redis did everything that it can do wrong. */
export interface CapFinding {
  readonly succeeded: number;
  readonly refused: number;
  /** Requests at the vendor. */
  readonly arrived: number;
  readonly settledUsd: number;
  /** What Redis went through. */
  readonly faults: number;
}

/** Everything that a Redis can do wrong. */
export function listRedisFaults(redis: PrivateRedis): readonly (() => Promise<void>)[] {
  const withClient = async (work: (client: Redis) => Promise<unknown>) => {
    const client = new Redis(redis.url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
    client.on("error", () => undefined);
    await work(client).catch(() => undefined);
    client.disconnect();
  };
  const lie = (value: string) =>
    withClient(async (client) => {
      for (const key of await client.keys("kb:*")) await client.set(key, value);
    });
  return [
    async () => {
      await redis.kill();
      await delay(50);
      await redis.start();
    },
    () => withClient((client) => client.flushall()),
    async () => {
      await redis.kill();
      await redis.start({ fromDump: true });
    },
    () => lie("9999999999999999"),
    () => lie("-1"),
  ];
}

/** One fault of Redis after another, until it is stopped. */
function torment(redis: PrivateRedis): { readonly done: () => number; stop(): Promise<void> } {
  const faults = listRedisFaults(redis);
  let isRunning = true;
  let count = 0;
  const ended = (async () => {
    while (isRunning) {
      await faults[count % faults.length]?.();
      count++;
      await delay(100);
    }
  })();
  return {
    done: () => count,
    stop: async () => {
      isRunning = false;
      await ended;
    },
  };
}

/** One key with a cap for so many calls, many attempts at several replicas, and Redis in torment. */
export async function spendUnderRedisFaults(options: {
  readonly replicas: number;
  readonly inFlight: number;
  readonly attempts: number;
  readonly capCalls: number;
}): Promise<CapFinding> {
  const redis = await openPrivateRedis();
  const vendor = await openPlainVendor();
  const cluster = await openReplicas({ stripeUrl: vendor.url, count: options.replicas, redisUrl: redis.url });
  const pools = cluster.servers.map((server) => new Pool(server.dataUrl, { connections: options.inFlight }));
  try {
    // Redis is asked about every call: how often its key may call, and when its secret may send.
    await cluster.admin.secrets.update("stripe-test", { requests_per_second: 100_000 });
    const key = await cluster.issue("hot_agent", {
      daily_usd_cap: options.capCalls * 10,
      requests_per_minute: 1_000_000,
    });
    const other = await cluster.issue("other_agent", { requests_per_minute: 1_000 });
    await Promise.all(pools.map((pool) => charge(pool, other.vaultKey)));
    await redis.dump();
    vendor.arrivals.length = 0;
    const chaos = torment(redis);
    let left = options.attempts;
    let succeeded = 0;
    let refused = 0;
    const attempt = async (pool: Pool) => {
      while (left-- > 0) {
        const { status, code } = await charge(pool, key.vaultKey);
        if (status === 200) succeeded++;
        else if (code === "daily_cap_exceeded") refused++;
        // The ledger may be late on a busy machine, or the call at the vendor's door: that is no decision, and the agent
        // asks again. Had one been sent, the sum would be too small in the end.
        else if (status === 503 || code === "vendor_unreachable") left++;
        else throw new Error(`unexpected answer: ${status} ${code}`);
      }
    };
    await Promise.all(pools.flatMap((pool) => Array.from({ length: options.inFlight }, () => attempt(pool))));
    await chaos.stop();
    const { data } = await cluster.admin.spend.list({ group_by: "vault_key_id" });
    return {
      succeeded,
      refused,
      arrived: vendor.arrivals.length,
      settledUsd: Number(data.find(({ group }) => group === key.id)?.cost_usd),
      faults: chaos.done(),
    };
  } finally {
    await Promise.all(pools.map((pool) => pool.destroy()));
    await cluster.close();
    await vendor.close();
    await redis.close();
  }
}

export const redisFaults: Figure = {
  name: "A5 Redis killed, emptied, restored, lying",
  goal: "3 replicas × 64, 5,000 attempts on a cap for 500: exactly 500 spent",
  findObstacle: () =>
    POSTGRES_URL === undefined ? "needs PostgreSQL" : hasRedis() ? null : "needs redis-server",
  run: async (run: Run): Promise<Finding> => {
    const attempts = scaled(5_000, run, 500);
    const capCalls = Math.floor(attempts / 10);
    const found = await spendUnderRedisFaults({ replicas: 3, inFlight: 64, attempts, capCalls });
    const { succeeded, refused, arrived, settledUsd, faults } = found;
    return {
      isReached:
        succeeded === capCalls &&
        arrived === capCalls &&
        refused === attempts - capCalls &&
        settledUsd === capCalls * 10 &&
        faults >= 5 * run.scale,
      measured: `${arrived} at the vendor, ${refused} refused, $${settledUsd} spent of $${capCalls * 10}, ${faults} faults`,
    };
  },
};
