import type { RateLimiter } from "@keybrake/core";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import type { HelpfulRedis } from "./helpful-redis.ts";

const WINDOW_SECONDS = 60;
/** Both counters only count; how many may pass is a key's own and is compared here. */
const POINTS_MAX = Number.MAX_SAFE_INTEGER;

/**
 * Counts requests per key and minute: in Redis across replicas, and in this process. As long as Redis answers a key has
 * its whole limit, wherever it calls. Without it each replica lets through its share: the limit divided by the replicas
 * that live. A Redis that forgets or lies gives nobody more than the limit at one replica, and no longer wait than a
 * window.
 */
export function createRateLimiter(redis: HelpfulRedis | null, livingReplicas: () => number): RateLimiter {
  const own = new RateLimiterMemory({ points: POINTS_MAX, duration: WINDOW_SECONDS });
  const shared =
    redis === null
      ? null
      : new RateLimiterRedis({
          storeClient: redis.client,
          points: POINTS_MAX,
          duration: WINDOW_SECONDS,
          keyPrefix: "kb:rate",
        });
  const countShared = async (name: string) => {
    const counted = (await redis?.ask(() => shared?.consume(name) ?? Promise.resolve(null))) ?? null;
    if (counted === null) return null;
    const { consumedPoints, msBeforeNext } = counted;
    const isPossible = consumedPoints >= 1 && msBeforeNext >= 0 && msBeforeNext <= WINDOW_SECONDS * 1_000;
    if (isPossible) return counted;
    redis?.distrust(new RangeError("Redis counted what cannot be"));
    return null;
  };
  return {
    take: async (vaultKeyId, perMinute) => {
      // With another limit a key counts anew, so that one whose limit was raised may go on.
      const name = `${vaultKeyId}:${perMinute}`;
      const here = await own.consume(name);
      if (here.consumedPoints <= perMinute) {
        const everywhere = await countShared(name);
        const share = Math.ceil(perMinute / Math.max(1, livingReplicas()));
        const mayPass =
          everywhere === null ? here.consumedPoints <= share : everywhere.consumedPoints <= perMinute;
        if (mayPass) return null;
        await own.reward(name);
        return toSeconds((everywhere ?? here).msBeforeNext);
      }
      // What is refused was not made: a key that keeps asking must not lose its next minute.
      await own.reward(name);
      return toSeconds(here.msBeforeNext);
    },
  };
}

function toSeconds(ms: number): number {
  return Math.min(WINDOW_SECONDS, Math.max(1, Math.ceil(ms / 1_000)));
}
