import { createHash } from "node:crypto";
import { type Refusal, STOPS_READS } from "@keybrake/client";

/** How many keys are remembered; the one that was refused first is forgotten first, and then asks the proxy again. */
const KEYS_MAX = 10_000;

/** A refusal that holds for every further call of the same key, as it was answered. */
export interface Breach {
  readonly refusal: Refusal;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/**
 * Remembers which vault keys have used up a cap, so that their further calls are answered without the network: until
 * the refusal's `retryAt`, or for good when waiting does not help. Reads go on unless the key itself has ended.
 */
export class Breaker {
  readonly #breaches = new Map<string, Breach>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Remembers a refusal if it concerns the key itself; any other is only about its one call. */
  learn(vaultKey: string, breach: Breach): void {
    const { kind, retryAt } = breach.refusal;
    if (kind !== "for_good" && (kind !== "until_retry_at" || retryAt === null)) return;
    const name = nameOf(vaultKey);
    const [first] = this.#breaches.keys();
    if (first !== undefined && this.#breaches.size >= KEYS_MAX) this.#breaches.delete(first);
    this.#breaches.set(name, breach);
  }

  /** The refusal that holds for a call with a key now; null when it may try. */
  find(vaultKey: string, method: string): Breach | null {
    const name = nameOf(vaultKey);
    const breach = this.#breaches.get(name);
    if (breach === undefined) return null;
    const { kind, retryAt } = breach.refusal;
    if (kind !== "for_good" && (retryAt === null || retryAt.getTime() <= this.#now())) {
      this.#breaches.delete(name);
      return null;
    }
    const isRead = method === "GET" || method === "HEAD";
    return isRead && !STOPS_READS.has(breach.refusal.code) ? null : breach;
  }

  /** Whole seconds until a breach ends; null for one that does not. */
  secondsLeft(breach: Breach): number | null {
    const { retryAt } = breach.refusal;
    return retryAt === null ? null : Math.max(0, Math.ceil((retryAt.getTime() - this.#now()) / 1_000));
  }
}

/** A key is not kept in clear longer than a call takes. */
function nameOf(vaultKey: string): string {
  return createHash("sha256").update(vaultKey).digest("base64");
}

/** One for the process: tools of one agent are made in many places, and its key is one. */
export const processBreaker = new Breaker();
