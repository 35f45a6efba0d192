import { BoundedMap } from "../bounded-map.ts";
import { invalidRequest, StripeError } from "./error.ts";

/** What an idempotency key was first used for. */
export interface KeyedRequest {
  /** The secret key and the idempotency key together. */
  readonly scope: string;
  readonly idempotencyKey: string;
  readonly path: string;
  /** The parameters as sent. */
  readonly parameters: string;
  readonly requestId: string;
}

/**
 * An answer without its headers. Objects of the fake are immutable, so keeping the object keeps the answer, at a
 * fraction of the memory of its text.
 */
export interface StoredAnswer {
  readonly status: number;
  readonly content: object;
}

interface Entry {
  readonly request: KeyedRequest;
  readonly answer: StoredAnswer;
  readonly storedAt: number;
}

/** What a key that was seen before answers. */
export interface Replay {
  readonly answer: StoredAnswer;
  readonly originalRequestId: string;
}

const LIFETIME_MS = 24 * 3_600_000;
const KEY_LENGTH_MAX = 255;

/** Idempotency keys as Stripe keeps them: for 24 hours, with the first answer, whatever it was. */
export class IdempotencyKeys {
  readonly #answers: BoundedMap<Entry>;
  readonly #inFlight = new Map<string, KeyedRequest>();
  readonly #now: () => number;

  constructor(sizeMax: number, now: () => number) {
    this.#answers = new BoundedMap(sizeMax);
    this.#now = now;
  }

  /** Takes a key. A replay means that it has an answer. Throws when it is in use or was used for something else. */
  claim(request: KeyedRequest): Replay | null {
    const running = this.#inFlight.get(request.scope);
    if (running !== undefined) throw inUse(request.idempotencyKey);
    const stored = this.#answers.get(request.scope);
    if (stored === undefined || this.#now() - stored.storedAt >= LIFETIME_MS) {
      this.#inFlight.set(request.scope, request);
      return null;
    }
    checkSameRequest(stored.request, request);
    return { answer: stored.answer, originalRequestId: stored.request.requestId };
  }

  /** Keeps the answer of a claimed key. */
  complete(request: KeyedRequest, answer: StoredAnswer): void {
    this.#inFlight.delete(request.scope);
    this.#answers.set(request.scope, { request, answer, storedAt: this.#now() });
  }

  /** Gives a claimed key back unused. */
  abandon(request: KeyedRequest): void {
    this.#inFlight.delete(request.scope);
  }

  clear(): void {
    this.#inFlight.clear();
    this.#answers.clear();
  }
}

/** Throws when a key is longer than Stripe takes. */
export function checkKeyLength(key: string): void {
  if (key.length <= KEY_LENGTH_MAX) return;
  throw invalidRequest(`Idempotency keys can be up to ${KEY_LENGTH_MAX} characters long.`);
}

function checkSameRequest(first: KeyedRequest, again: KeyedRequest): void {
  if (first.path !== again.path) {
    throw mismatch(
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${again.path}' ` +
        `vs '${first.path}'). Try using a key other than '${again.idempotencyKey}' if you meant to execute a ` +
        "different request.",
    );
  }
  if (first.parameters === again.parameters || sorted(first.parameters) === sorted(again.parameters)) return;
  throw mismatch(
    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a " +
      `key other than '${again.idempotencyKey}' if you meant to execute a different request.`,
  );
}

/** The same parameters in another order are the same request. */
function sorted(parameters: string): string {
  return parameters.split("&").sort().join("&");
}

function mismatch(message: string): StripeError {
  return new StripeError(400, { type: "idempotency_error", message });
}

function inUse(key: string): StripeError {
  return new StripeError(409, {
    type: "idempotency_error",
    code: "idempotency_key_in_use",
    message:
      "There is currently another in-progress request using this Idempotent Key (that probably means you submitted " +
      `twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}
