import { randomUUID } from "node:crypto";
import type { RateLimiter } from "@keybrake/core";
import { describeRateLimiter, type RateLimiterHarness } from "@keybrake/core/testing";
import { Redis } from "ioredis";
import { HelpfulRedis } from "../../src/limits/helpful-redis.ts";
import { createRateLimiter } from "../../src/limits/rate-limiter.ts";
import { REDIS_URL, skipSuite } from "../support/databases.ts";
import { pollUntil } from "./sql-store.ts";
import { openTcpRelay } from "./tcp-relay.ts";

const REPLICAS = 2;
const REST_MS = 150;
/** What a replica says of its store in the background is not what these tests are about. */
const ignore = () => undefined;

async function openInMemory(): Promise<RateLimiterHarness> {
  return { limiter: createRateLimiter(null, () => 1), shared: null, close: async () => undefined };
}

async function openOnRedis(redisUrl: string): Promise<RateLimiterHarness> {
  const target = new URL(redisUrl);
  const relay = await openTcpRelay(target.hostname, Number(target.port || 6379), "EVALSHA");
  const relayed = new URL(redisUrl);
  relayed.hostname = "127.0.0.1";
  relayed.port = String(relay.port);
  const [first, second] = [0, 1].map(() => new HelpfulRedis(relayed.href, ignore, REST_MS)) as [
    HelpfulRedis,
    HelpfulRedis,
  ];
  const limiter = createRateLimiter(first, () => REPLICAS);
  const peer = createRateLimiter(second, () => REPLICAS);
  const control = new Redis(redisUrl);
  const waitUntilShared = async () => {
    for (const replica of [limiter, peer]) await waitUntilCounted(control, replica);
  };
  await waitUntilShared();
  return {
    limiter,
    shared: {
      peer,
      waitUntilShared,
      stall: () => relay.stall(),
      empty: async () => void (await control.flushdb()),
      falsify: (kind) => falsify(control, kind),
      lose: () => relay.close(),
    },
    close: async () => {
      for (const redis of [first, second]) redis.close();
      control.disconnect();
      await relay.close().catch(ignore);
    },
  };
}

async function falsify(control: Redis, kind: "no number" | "far future" | "below zero"): Promise<void> {
  for (const key of await control.keys("kb:rate:*")) {
    if (kind === "no number") await control.set(key, "as many as you like", "EX", 60);
    else if (kind === "far future") await control.pexpire(key, 1e12);
    else await control.set(key, -1_000_000, "EX", 60);
  }
}

/** Until its connection stands a replica counts for itself, so wait until its count appears in Redis. */
async function waitUntilCounted(control: Redis, limiter: RateLimiter): Promise<void> {
  await pollUntil(async () => {
    const id = randomUUID();
    await limiter.take(id, 1);
    return (await control.keys(`*${id}*`)).length > 0;
  });
}

describeRateLimiter("memory", openInMemory, { isShared: false });

if (REDIS_URL === undefined) skipSuite("rate limiter on Redis", "KEYBRAKE_TEST_REDIS_URL");
else {
  const url = REDIS_URL;
  describeRateLimiter("Redis", () => openOnRedis(url), { isShared: true });
}
