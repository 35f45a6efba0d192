interface Count {
  wrong: number;
  readonly untilMs: number;
}

const WINDOW_MS = 60_000;
const WRONG_MAX = 10;
const ADDRESSES_MAX = 10_000;

/** Counts wrong admin tokens by remote address, in windows of a minute. */
export class WrongTokens {
  readonly #monotonicMs: () => number;
  readonly #counts = new Map<string, Count>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Counts one; returns the whole seconds to wait when the address has had too many, else null. */
  add(address: string): number | null {
    const nowMs = this.#monotonicMs();
    let count = this.#counts.get(address);
    if (count === undefined || count.untilMs <= nowMs) {
      if (this.#counts.size >= ADDRESSES_MAX) this.#makeRoom(nowMs);
      count = { wrong: 0, untilMs: nowMs + WINDOW_MS };
      this.#counts.set(address, count);
    }
    count.wrong++;
    return count.wrong > WRONG_MAX ? Math.max(1, Math.ceil((count.untilMs - nowMs) / 1_000)) : null;
  }

  #makeRoom(nowMs: number): void {
    for (const [address, { untilMs }] of this.#counts) if (untilMs <= nowMs) this.#counts.delete(address);
    if (this.#counts.size >= ADDRESSES_MAX) this.#counts.clear();
  }
}
