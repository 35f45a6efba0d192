import { performance } from "node:perf_hooks";
import type { Clock } from "@keybrake/core";

/**
 * The database's time, learned from its answers and carried forward by the monotonic clock: this machine's own
 * wall clock is never asked, so it may be wrong by any amount.
 */
export class DatabaseClock implements Clock {
  #databaseMs: number;
  #learnedAtMs: number;
  #today: string;

  /** Starts from a first answer: the database's time in milliseconds and the ledger's day. */
  constructor(databaseMs: number, today: string) {
    this.#databaseMs = databaseMs;
    this.#learnedAtMs = this.monotonicMs();
    this.#today = today;
  }

  learn(databaseMs: number, today: string): void {
    this.#databaseMs = databaseMs;
    this.#learnedAtMs = this.monotonicMs();
    this.#today = today;
  }

  now(): Date {
    return new Date(this.#databaseMs + this.monotonicMs() - this.#learnedAtMs);
  }

  today(): string {
    return this.#today;
  }

  monotonicMs(): number {
    return performance.now();
  }
}
