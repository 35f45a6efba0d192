import { KeybrakeError } from "@keybrake/core";

const PER_KEY_MAX = 32;
const PER_KEY_WAITING_MAX = 1_000;
/** One key with a full lane, and a little more: the other keys of its agent need not suffer all of it. */
const PER_AGENT_MAX = 1_100;
/** Less than half of all: vendors that hang leave room for the ones that do not. */
const PER_VENDOR_MAX = 3_000;
const TOTAL_MAX = 8_000;
const WAIT_MS_MAX = 10_000;

/** Whose call it is, as far as its place is concerned. Requests without a key share one lane. */
export interface Caller {
  readonly vaultKeyId: string;
  readonly agentId: string;
  readonly vendor: string;
}

interface Lane {
  running: number;
  readonly waiting: Set<Waiter>;
}

interface Waiter {
  readonly resume: () => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Bounds how many calls of one key run at the same time, and how many of a key, an agent, a vendor and of all may run or
 * wait. Beyond a bound, or after ten seconds of waiting, a call is refused as `overloaded`, so that no agent can hold
 * the proxy, and no vendor that hangs takes the others with it.
 */
export class InFlight {
  readonly #lanes = new Map<string, Lane>();
  readonly #agents = new Map<string, number>();
  readonly #vendors = new Map<string, number>();
  #total = 0;

  /** How many calls are running or waiting. */
  get total(): number {
    return this.#total;
  }

  /** Resolves when the call may run; the returned function must be called once when it has ended. */
  async enter(caller: Caller): Promise<() => void> {
    const { vaultKeyId, agentId, vendor } = caller;
    const lane = this.#lanes.get(vaultKeyId) ?? { running: 0, waiting: new Set() };
    const isFull =
      this.#total >= TOTAL_MAX ||
      lane.waiting.size >= PER_KEY_WAITING_MAX ||
      (this.#agents.get(agentId) ?? 0) >= PER_AGENT_MAX ||
      (this.#vendors.get(vendor) ?? 0) >= PER_VENDOR_MAX;
    if (isFull) throw new KeybrakeError("overloaded");
    this.#lanes.set(vaultKeyId, lane);
    this.#count(caller, 1);
    if (lane.running < PER_KEY_MAX) lane.running++;
    else await this.#wait(lane, caller);
    return () => this.#leave(lane, caller);
  }

  #wait(lane: Lane, caller: Caller): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resume: () => {
          clearTimeout(waiter.timer);
          resolve();
        },
        timer: setTimeout(() => {
          lane.waiting.delete(waiter);
          this.#count(caller, -1);
          reject(new KeybrakeError("overloaded"));
        }, WAIT_MS_MAX),
      };
      lane.waiting.add(waiter);
    });
  }

  #leave(lane: Lane, caller: Caller): void {
    this.#count(caller, -1);
    const [next] = lane.waiting;
    // The place passes directly to the one who waited longest.
    if (next !== undefined) {
      lane.waiting.delete(next);
      return next.resume();
    }
    lane.running--;
    if (lane.running === 0) this.#lanes.delete(caller.vaultKeyId);
  }

  #count({ agentId, vendor }: Caller, change: 1 | -1): void {
    this.#total += change;
    add(this.#agents, agentId, change);
    add(this.#vendors, vendor, change);
  }
}

function add(counts: Map<string, number>, name: string, change: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
