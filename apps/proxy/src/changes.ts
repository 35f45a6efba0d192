import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { z } from "zod";
import type { Database } from "./ledger/database.ts";
import type { HelpfulRedis } from "./limits/helpful-redis.ts";

const DATABASE_CHANNEL = "keybrake_changes";
const REDIS_CHANNEL = "kb:changes";

const throttleMessage = z.object({
  type: z.literal("vendor.throttled"),
  secret_id: z.string(),
  retry_after_ms: z.number().nonnegative().nullable(),
  origin: z.string(),
});

/** What this replica does when something changed, here or elsewhere. */
export interface ChangeListeners {
  /** A key, a secret or the kill switch changed, or may have: what is remembered must be looked up again. */
  readonly onChange: () => void;
  /** A vendor refused another replica for too many requests. */
  readonly onThrottle: (secretId: string, retryAfterMs: number | null) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells all replicas what changed, by the database's notifications and, where there is one, by Redis: either is enough,
 * and neither is needed for a decision, because the ledger reads keys itself. A connection that broke counts as a change.
 */
export class Changes {
  readonly #database: Database;
  readonly #redis: HelpfulRedis | null;
  readonly #listeners: ChangeListeners;
  readonly #origin = randomUUID();
  #subscriber: Redis | null = null;

  constructor(database: Database, redis: HelpfulRedis | null, listeners: ChangeListeners) {
    this.#database = database;
    this.#redis = redis;
    this.#listeners = listeners;
  }

  /** Begins to listen. Rejects when the database cannot be asked; Redis may come later. */
  async start(redisUrl: string | null): Promise<void> {
    await this.#database.listen(DATABASE_CHANNEL, (payload) => this.#hear(payload));
    if (redisUrl !== null) this.#subscribe(redisUrl);
  }

  /** After a change of this replica's own has committed. The database has told of it by itself. */
  announceChange(): void {
    this.#publish(JSON.stringify({ type: "changed" }));
  }

  announceThrottle(secretId: string, retryAfterMs: number | null): void {
    const message: z.infer<typeof throttleMessage> = {
      type: "vendor.throttled",
      secret_id: secretId,
      retry_after_ms: retryAfterMs,
      origin: this.#origin,
    };
    const text = JSON.stringify(message);
    this.#publish(text);
    this.#database
      .query("SELECT pg_notify($1, $2)", [DATABASE_CHANNEL, text])
      .catch((error: unknown) => this.#listeners.onError(error));
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  #publish(text: string): void {
    void this.#redis?.ask((client) => client.publish(REDIS_CHANNEL, text));
  }

  #subscribe(url: string): void {
    const subscriber = new Redis(url, {
      maxRetriesPerRequest: null,
      connectTimeout: 2_000,
      retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
    });
    this.#subscriber = subscriber;
    subscriber.on("error", this.#listeners.onError);
    subscriber.on("message", (_channel, text) => this.#hear(text));
    for (const event of ["ready", "close"] as const) subscriber.on(event, () => this.#listeners.onChange());
    subscriber.subscribe(REDIS_CHANNEL).catch(this.#listeners.onError);
  }

  #hear(payload: string | null): void {
    const throttle = readThrottle(payload);
    if (throttle === null) return this.#listeners.onChange();
    if (throttle.origin === this.#origin) return;
    this.#listeners.onThrottle(throttle.secret_id, throttle.retry_after_ms);
  }
}

function readThrottle(payload: string | null): z.infer<typeof throttleMessage> | null {
  try {
    return throttleMessage.safeParse(JSON.parse(payload ?? "")).data ?? null;
  } catch {
    return null;
  }
}
