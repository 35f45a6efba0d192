import { BoundedMap } from "../bounded-map.ts";
import type { KeyHolder, RestAnswer } from "../rest-call.ts";
import { ResendError } from "./error.ts";

interface Entry {
  readonly fingerprint: string;
  readonly answer: RestAnswer;
  readonly storedAt: number;
}

const LIFETIME_MS = 24 * 3_600_000;
const KEY_LENGTH_MAX = 256;

/** Idempotency keys as Resend keeps them: for 24 hours, with the answer of what was executed. */
export class IdempotencyKeys {
  readonly #answers: BoundedMap<Entry>;
  readonly #inFlight = new Set<string>();
  readonly #now: () => number;

  constructor(sizeMax: number, now: () => number) {
    this.#answers = new BoundedMap(sizeMax);
    this.#now = now;
  }

  /** The holder for one call; `fingerprint` says what the call is. Throws Resend's 400 for a bad key. */
  holder(key: string, scope: string, fingerprint: string): KeyHolder {
    if (key.length < 1 || key.length > KEY_LENGTH_MAX) {
      throw new ResendError(
        400,
        "invalid_idempotency_key",
        `The idempotency key must be between 1 and ${KEY_LENGTH_MAX} characters.`,
      );
    }
    const name = `${scope} ${key}`;
    return {
      claim: () => this.#claim(name, fingerprint),
      complete: (answer) => {
        this.#inFlight.delete(name);
        this.#answers.set(name, { fingerprint, answer, storedAt: this.#now() });
      },
      abandon: () => void this.#inFlight.delete(name),
    };
  }

  #claim(name: string, fingerprint: string): { answer: RestAnswer; replayed: boolean } | null {
    if (this.#inFlight.has(name)) {
      return conflict(
        "concurrent_idempotent_requests",
        "Another request with the same idempotency key is still in progress.",
      );
    }
    const stored = this.#answers.get(name);
    if (stored === undefined || this.#now() - stored.storedAt >= LIFETIME_MS) {
      this.#inFlight.add(name);
      return null;
    }
    if (stored.fingerprint === fingerprint) return { answer: stored.answer, replayed: true };
    return conflict(
      "invalid_idempotent_request",
      "This idempotency key has been used on a request with a different payload.",
    );
  }
}

function conflict(
  name: "concurrent_idempotent_requests" | "invalid_idempotent_request",
  message: string,
): { answer: RestAnswer; replayed: boolean } {
  return { answer: { status: 409, content: new ResendError(409, name, message).content() }, replayed: false };
}
