import { Redis } from "ioredis";

/** A call must not wait longer for advice than for its own decision. */
const WAIT_MS_MAX = 100;
/** A Redis that failed, was late or said something impossible is not asked again for this long. */
const REST_MS = 1_000;

/**
 * A Redis that may help and never decides: whoever asks gets its answer in time, or null. After a failure everybody gets
 * null at once for a second, so that a Redis that hangs costs one call its patience, and not each of them.
 */
export class HelpfulRedis {
  readonly client: Redis;
  readonly #onError: (error: unknown) => void;
  readonly #restMs: number;
  #restsUntilMs = 0;

  /** Another `restMs` is for tests. */
  constructor(url: string, onError: (error: unknown) => void, restMs: number = REST_MS) {
    this.#onError = onError;
    this.#restMs = restMs;
    this.client = openRedis(url, onError);
  }

  /** The answer to `question`; null when there is none in time. Never rejects. */
  async ask<T>(question: (client: Redis) => Promise<T>): Promise<T | null> {
    if (this.client.status !== "ready" || performance.now() < this.#restsUntilMs) return null;
    try {
      return await question(this.client);
    } catch (error) {
      this.distrust(error);
      return null;
    }
  }

  /** Leaves it alone for a while: it failed, or what it said cannot be true. */
  distrust(error: unknown): void {
    if (performance.now() >= this.#restsUntilMs) this.#onError(error);
    this.#restsUntilMs = performance.now() + this.#restMs;
  }

  close(): void {
    this.client.disconnect();
  }
}

/** Opens a connection on which a command fails rather than waits: for Redis to come back, or for a slow answer. */
export function openRedis(url: string, onError: (error: unknown) => void): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: WAIT_MS_MAX,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
  });
  redis.on("error", onError);
  return redis;
}
