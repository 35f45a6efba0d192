/** After a refusal half as fast, then a twentieth more each second: back at full speed in ten seconds. */
const DECREASE = 0.5;
const INCREASE_PER_SECOND = 0.05;
const LEAST = 0.05;
/** Refusals within this belong to one overload: what was already on its way does not slow down twice. */
const SAME_OVERLOAD_MS = 1_000;
/** A vendor may ask for a longer wait; then its next refusal asks again. */
const PAUSE_MS_MAX = 10_000;
/** Without a limit of one's own, what was sent lately is what was too fast, but never less than this. */
const UNLIMITED_LEAST = 10;

/**
 * How fast one credential may be used at the moment: the configured limit, slowed down when the vendor refuses for too
 * many requests, and raised again step by step (additive increase, multiplicative decrease).
 */
export class Pace {
  readonly #monotonicMs: () => number;
  /** Requests a second; null = nobody knows of a limit. */
  limit: number | null;
  #share = 1;
  #slowedAtMs = Number.NEGATIVE_INFINITY;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #assumedLimit = Number.POSITIVE_INFINITY;

  constructor(limit: number | null, monotonicMs: () => number) {
    this.limit = limit;
    this.#monotonicMs = monotonicMs;
  }

  /** Which part of its full speed is used now. */
  get share(): number {
    const sinceMs = this.#monotonicMs() - this.#slowedAtMs - SAME_OVERLOAD_MS;
    return Math.min(1, this.#share + (Math.max(0, sinceMs) / 1_000) * INCREASE_PER_SECOND);
  }

  /** Requests a second; infinity when nothing limits them. */
  get perSecond(): number {
    const { share } = this;
    if (this.limit !== null) return this.limit * share;
    return share < 1 ? this.#assumedLimit * share : Number.POSITIVE_INFINITY;
  }

  /** How long nothing may be sent, because the vendor asked for a pause. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#monotonicMs());
  }

  /**
   * The vendor refused, after so many requests in the last second, and may have said when to come again. Returns whether
   * that changes anything.
   */
  slowDown(sentLately: number, retryAfterMs: number | null): boolean {
    const nowMs = this.#monotonicMs();
    const pausedUntilMs = nowMs + Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX);
    const isLongerPause = pausedUntilMs > Math.max(nowMs, this.#pausedUntilMs);
    if (isLongerPause) this.#pausedUntilMs = pausedUntilMs;
    if (nowMs - this.#slowedAtMs < SAME_OVERLOAD_MS) return isLongerPause;
    if (this.share === 1) this.#assumedLimit = Math.max(UNLIMITED_LEAST, sentLately);
    this.#share = Math.max(LEAST, this.share * DECREASE);
    this.#slowedAtMs = nowMs;
    return true;
  }
}
