import type { Result } from "ioredis";
import type { HelpfulRedis } from "./helpful-redis.ts";

/** So long slots may be saved up while nobody wants any. */
const SAVED_MS_MAX = 50;
/** No slot is given out that lies further ahead, so that nobody is kept longer by what another says. */
const AHEAD_MS_MAX = 4_000;

/** Where the right to send comes from: slots, one request each, as instants of the monotonic clock. */
export interface SlotSource {
  /** The next so many slots, at `perSecond`; fewer, or none, when they would lie seconds ahead. Never rejects. */
  claim(count: number, perSecond: number): Promise<readonly number[]>;
}

/** Slots of this process alone. */
export class OwnSlots {
  readonly #monotonicMs: () => number;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  claim(count: number, perSecond: number): readonly number[] {
    const nowMs = this.#monotonicMs();
    const intervalMs = 1_000 / perSecond;
    const firstMs = Math.max(this.#nextMs, nowMs - savedMs(intervalMs));
    const slots = Array.from({ length: count }, (_, index) => firstMs + index * intervalMs).filter(
      (slotMs) => slotMs <= nowMs + AHEAD_MS_MAX,
    );
    this.#nextMs = firstMs + slots.length * intervalMs;
    return slots;
  }
}

/** Whole intervals only: at two requests a second nothing is saved, at a hundred five are. */
function savedMs(intervalMs: number): number {
  return Math.floor(SAVED_MS_MAX / intervalMs) * intervalMs;
}

/**
 * Slots of one credential among all replicas. With Redis the replicas take them from one line, each as many at a time as
 * it has agents that wait, so that the agents of all replicas take turns. Without it, and while it is away, each replica
 * has its share of the rate. Whatever Redis says, one replica never sends faster than the whole rate.
 */
export class SharedSlots implements SlotSource {
  readonly #redis: HelpfulRedis | null;
  readonly #name: string;
  readonly #livingReplicas: () => number;
  readonly #monotonicMs: () => number;
  readonly #whole: OwnSlots;
  readonly #part: OwnSlots;

  constructor(
    redis: HelpfulRedis | null,
    name: string,
    livingReplicas: () => number,
    monotonicMs: () => number,
  ) {
    this.#redis = redis;
    this.#name = name;
    this.#livingReplicas = livingReplicas;
    this.#monotonicMs = monotonicMs;
    this.#whole = new OwnSlots(monotonicMs);
    this.#part = new OwnSlots(monotonicMs);
    redis?.client.defineCommand("keybrakeClaimSlots", { numberOfKeys: 1, lua: CLAIM_SLOTS });
  }

  async claim(count: number, perSecond: number): Promise<readonly number[]> {
    const shared = this.#redis === null ? null : await this.#claimShared(this.#redis, count, perSecond);
    if (shared === null) return this.#part.claim(count, perSecond / Math.max(1, this.#livingReplicas()));
    const own = this.#whole.claim(shared.length, perSecond);
    return own.map((slotMs, index) => Math.max(slotMs, shared[index] ?? slotMs));
  }

  async #claimShared(
    redis: HelpfulRedis,
    count: number,
    perSecond: number,
  ): Promise<readonly number[] | null> {
    const intervalMs = 1_000 / perSecond;
    const saved = savedMs(intervalMs);
    const answer = await redis.ask((client) =>
      client.keybrakeClaimSlots(
        `kb:slots:${this.#name}`,
        Math.ceil(intervalMs * 1_000),
        count,
        Math.ceil(saved * 1_000),
        AHEAD_MS_MAX * 1_000,
      ),
    );
    if (answer === null) return null;
    const [granted, firstMicros] = answer;
    const isPossible =
      Number.isInteger(granted) &&
      granted >= 0 &&
      granted <= count &&
      firstMicros >= -1_000 * (saved + 1) &&
      firstMicros <= 2_000 * AHEAD_MS_MAX;
    if (!isPossible) {
      redis.distrust(new RangeError("Redis gave slots that cannot be"));
      return null;
    }
    const firstMs = this.#monotonicMs() + firstMicros / 1_000;
    // The line is full, which replicas that take a second's worth at a time do not bring about: it may be a lie.
    if (granted === 0) return null;
    return Array.from({ length: granted }, (_, index) => firstMs + index * intervalMs);
  }
}

/**
 * Takes the next slots of a line, by Redis's own clock, in one step. Returns how many, and in how many microseconds the
 * first one is due. A line that lies further ahead than it can ever come is what another clock or an old dump left: it
 * begins anew.
 */
const CLAIM_SLOTS = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, wanted, saved, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first = tonumber(redis.call('GET', KEYS[1]) or '') or 0
if first < now - saved or first > now + 2 * ahead then first = now - saved end
local granted = math.min(wanted, math.floor((now + ahead - first) / interval) + 1)
if granted <= 0 then return {0, first - now} end
redis.call('SET', KEYS[1], string.format('%.0f', first + granted * interval), 'PX', 60000)
return {granted, first - now}
`;

declare module "ioredis" {
  interface RedisCommander<Context> {
    keybrakeClaimSlots(
      key: string,
      intervalMicros: number,
      wanted: number,
      savedMicros: number,
      aheadMicros: number,
    ): Result<[granted: number, firstMicros: number], Context>;
  }
}
