import { randomUUID } from "node:crypto";
import type { RateLimiter } from "@keybrake/core";
import { describeRateLimiter, type RateLimiterHarness } from "@keybrake/core/testing";
import { Redis } from "ioredis";
import { openRateLimiter } from "../../src/limits/rate-limiter.ts";
import { REDIS_URL, skipSuite } from "../support/databases.ts";
import { pollUntil } from "./sql-store.ts";
import { openTcpRelay } from "./tcp-relay.ts";

/** What the limiter says of its store in the background is not what these tests are about. */
const ignore = () => undefined;

async function openInMemory(): Promise<RateLimiterHarness> {
  const limiter = openRateLimiter(null, ignore);
  return { limiter, peer: null, loseStore: null, close: () => limiter.close() };
}

async function openOnRedis(redisUrl: string): Promise<RateLimiterHarness> {
  const target = new URL(redisUrl);
  const relay = await openTcpRelay(target.hostname, Number(target.port || 6379), "EVALSHA");
  const relayed = new URL(redisUrl);
  relayed.hostname = "127.0.0.1";
  relayed.port = String(relay.port);
  const limiter = openRateLimiter(relayed.href, ignore);
  const peer = openRateLimiter(relayed.href, ignore);
  const redis = new Redis(redisUrl);
  await waitUntilShared(redis, limiter);
  await waitUntilShared(redis, peer);
  redis.disconnect();
  return {
    limiter,
    peer,
    loseStore: () => relay.close(),
    close: async () => {
      await Promise.all([limiter.close(), peer.close()]);
      await relay.close().catch(ignore);
    },
  };
}

/** Until the first connection stands a replica counts for itself, so wait until its count appears in Redis. */
async function waitUntilShared(redis: Redis, limiter: RateLimiter): Promise<void> {
  await pollUntil(async () => {
    const id = randomUUID();
    await limiter.take(id, 1);
    return (await redis.keys(`*${id}*`)).length > 0;
  });
}

describeRateLimiter("memory", openInMemory, { isShared: false });

if (REDIS_URL === undefined) skipSuite("rate limiter on Redis", "KEYBRAKE_TEST_REDIS_URL");
else {
  const url = REDIS_URL;
  describeRateLimiter("Redis", () => openOnRedis(url), { isShared: true });
}
