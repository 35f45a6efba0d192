import type { RateLimiter } from "@keybrake/core";
import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";

const WINDOW_SECONDS = 60;
const REDIS_WAIT_MS_MAX = 200;

/**
 * Counts requests per key and minute: in Redis across replicas when there is one, else in this process.
 * When Redis is away or slow each replica counts for itself, which lets through at most a minute's share each.
 */
export function openRateLimiter(redisUrl: string | null, onError: (error: unknown) => void): RateLimiter {
  const redis = redisUrl === null ? null : openRedis(redisUrl, onError);
  const limiters = new Map<number, RateLimiterMemory | RateLimiterRedis>();
  const limiterFor = (perMinute: number) => {
    const known = limiters.get(perMinute);
    if (known !== undefined) return known;
    const memory = new RateLimiterMemory({
      points: perMinute,
      duration: WINDOW_SECONDS,
      keyPrefix: `kb:${perMinute}`,
    });
    const limiter =
      redis === null
        ? memory
        : new RateLimiterRedis({
            storeClient: redis,
            points: perMinute,
            duration: WINDOW_SECONDS,
            keyPrefix: `kb:${perMinute}`,
            insuranceLimiter: memory,
            rejectIfRedisNotReady: true,
          });
    limiters.set(perMinute, limiter);
    return limiter;
  };
  return {
    take: async (vaultKeyId, perMinute) => {
      try {
        await limiterFor(perMinute).consume(vaultKeyId);
        return null;
      } catch (refusal) {
        // The library rejects with its own result for a refusal, and with an Error for a failing store.
        if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000));
        onError(refusal);
        return null;
      }
    },
    close: async () => {
      redis?.disconnect();
    },
  };
}

function openRedis(url: string, onError: (error: unknown) => void): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: REDIS_WAIT_MS_MAX,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on("error", onError);
  return redis;
}
