const TICK_MS = 50;

/**
 * Holds answers back until the next tick, twenty times a second. A key that is refused without end gets its answers in
 * such bundles: its next requests come together, share a commit, and leave the rest of the time to others. Who waits
 * here has a place in a lane, so their number is bounded.
 */
export class SlowAnswers {
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Resolves at the next tick. */
  tick(): Promise<void> {
    this.#timer ??= setTimeout(() => this.#release(), TICK_MS - (performance.now() % TICK_MS));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
