import { KeybrakeError } from "@keybrake/core";

const PER_KEY_MAX = 32;
const PER_KEY_WAITING_MAX = 1_000;
const TOTAL_MAX = 4_000;
const WAIT_MS_MAX = 10_000;

interface Lane {
  running: number;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly resume: () => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Bounds how many calls of one key run at the same time, and how many may wait for that. Beyond either bound, or
 * after ten seconds of waiting, a call is refused as `overloaded`, so that one agent cannot hold the proxy.
 */
export class InFlight {
  readonly #lanes = new Map<string, Lane>();
  #total = 0;

  /** How many calls are running or waiting. */
  get total(): number {
    return this.#total;
  }

  /** Resolves when the call may run; the returned function must be called once when it has ended. */
  async enter(vaultKeyId: string): Promise<() => void> {
    const lane = this.#lanes.get(vaultKeyId) ?? { running: 0, waiting: [] };
    if (this.#total >= TOTAL_MAX || lane.waiting.length >= PER_KEY_WAITING_MAX)
      throw new KeybrakeError("overloaded");
    this.#lanes.set(vaultKeyId, lane);
    this.#total++;
    if (lane.running < PER_KEY_MAX) lane.running++;
    else await this.#wait(lane);
    return () => this.#leave(vaultKeyId, lane);
  }

  #wait(lane: Lane): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resume: () => {
          clearTimeout(waiter.timer);
          resolve();
        },
        timer: setTimeout(() => {
          lane.waiting.splice(lane.waiting.indexOf(waiter), 1);
          this.#total--;
          reject(new KeybrakeError("overloaded"));
        }, WAIT_MS_MAX),
      };
      lane.waiting.push(waiter);
    });
  }

  #leave(vaultKeyId: string, lane: Lane): void {
    this.#total--;
    const next = lane.waiting.shift();
    // The place passes directly to the one who waited longest.
    if (next !== undefined) return next.resume();
    lane.running--;
    if (lane.running === 0) this.#lanes.delete(vaultKeyId);
  }
}
