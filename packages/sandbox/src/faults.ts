/**
 * Every fault that a sandbox vendor can be told to commit, with what it does. `isExecuted` says whether the call has
 * its effect all the same, which is what a caller that got no usable answer cannot know.
 */
export const FAULTS = {
  conflict_409: { isExecuted: false, does: "409, another request holds the object" },
  rate_limited_429: { isExecuted: false, does: "429 in the vendor's shape" },
  error_500_before: { isExecuted: false, does: "500; a retry with the same key executes" },
  error_500_after: { isExecuted: true, does: "executes, answers 500; a replay answers 500 again" },
  hang_before: { isExecuted: false, does: "accepts the call and never answers" },
  hang_after: { isExecuted: true, does: "executes and never answers; a replay gives the answer" },
  reset_before: { isExecuted: false, does: "resets the connection" },
  reset_after_headers: { isExecuted: true, does: "executes, sends the head of the answer, closes" },
  truncated_body: { isExecuted: true, does: "executes, sends half of what content-length says, closes" },
  declined: {
    isExecuted: true,
    does: "refuses: Stripe 402 card_declined after a failed charge; Twilio 400 and Resend 403, not executed",
  },
  echo_authorization: {
    isExecuted: false,
    does: "200 with the Authorization header it received in the body",
  },
  invalid_json_200: { isExecuted: true, does: "executes, answers 200 with JSON that ends in the middle" },
  delay: { isExecuted: true, does: "executes after `ms` milliseconds, even when the caller has gone" },
} as const;

/** The name of a fault. */
export type FaultKind = keyof typeof FAULTS;

/** Which calls a fault strikes. Absent parts match everything. */
export interface FaultMatch {
  readonly method?: string;
  /** Compared with the start of the path, without the query. */
  readonly pathPrefix?: string;
}

interface FaultBase {
  readonly match?: FaultMatch;
  /** How many calls it strikes; 1 unless given. */
  readonly count?: number;
}

/** A fault to commit on one of the next calls. */
export type Fault =
  | (FaultBase & { readonly kind: Exclude<FaultKind, "delay"> })
  | (FaultBase & { readonly kind: "delay"; readonly ms: number });

const DELAY_MS_MAX = 600_000;

/** Whether `text` names a fault. */
export function isFaultKind(text: string): text is FaultKind {
  return Object.hasOwn(FAULTS, text);
}

/** Checks a fault that came from outside. Throws a plain error that says what is wrong. */
export function parseFault(input: unknown): Fault {
  if (!isRecord(input)) throw new Error("a fault is a JSON object with `kind`");
  const { kind, ms, count, match, ...rest } = input;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new Error(`unknown field \`${unknown}\` of a fault`);
  if (typeof kind !== "string" || !isFaultKind(kind)) {
    throw new Error(`unknown fault \`${String(kind)}\`, use one of ${Object.keys(FAULTS).join(", ")}`);
  }
  const base = {
    ...(count === undefined ? {} : { count: parseCount(count) }),
    ...(match === undefined ? {} : { match: parseMatch(match) }),
  };
  if (kind !== "delay") {
    if (ms !== undefined) throw new Error("`ms` belongs to the fault `delay` only");
    return { kind, ...base };
  }
  return { kind, ms: parseDelayMs(ms), ...base };
}

/** Checks the length of a delay, in milliseconds. */
export function parseDelayMs(ms: unknown): number {
  if (typeof ms === "number" && Number.isInteger(ms) && ms >= 0 && ms <= DELAY_MS_MAX) return ms;
  throw new Error(`the fault \`delay\` needs \`ms\`, a whole number from 0 to ${DELAY_MS_MAX}`);
}

function parseCount(count: unknown): number {
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 1) return count;
  throw new Error("`count` of a fault is a whole number from 1");
}

function parseMatch(match: unknown): FaultMatch {
  if (!isRecord(match)) throw new Error("`match` of a fault is an object");
  const { method, pathPrefix, ...rest } = match;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new Error(`unknown field \`match.${unknown}\` of a fault`);
  if (method !== undefined && typeof method !== "string") throw new Error("`match.method` is a string");
  if (pathPrefix !== undefined && typeof pathPrefix !== "string") {
    throw new Error("`match.pathPrefix` is a string");
  }
  return {
    ...(method === undefined ? {} : { method: method.toUpperCase() }),
    ...(pathPrefix === undefined ? {} : { pathPrefix }),
  };
}

function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

const QUEUE_MAX = 10_000;

/** The faults that are waiting for their call, in the order in which they were asked for. */
export class FaultQueue {
  #waiting: { readonly fault: Fault; left: number }[] = [];

  /** Queues a fault. Throws when it is malformed or the queue is full. */
  add(fault: Fault): void {
    const parsed = parseFault(fault);
    if (this.#waiting.length >= QUEUE_MAX) throw new Error(`more than ${QUEUE_MAX} faults are waiting`);
    this.#waiting.push({ fault: parsed, left: parsed.count ?? 1 });
  }

  /** The first fault that matches the call, used up by one; null when there is none. */
  take(method: string, path: string): Fault | null {
    const index = this.#waiting.findIndex(({ fault }) => strikes(fault.match, method, path));
    const entry = this.#waiting[index];
    if (entry === undefined) return null;
    entry.left -= 1;
    if (entry.left === 0) this.#waiting.splice(index, 1);
    return entry.fault;
  }

  get size(): number {
    return this.#waiting.length;
  }

  clear(): void {
    this.#waiting = [];
  }
}

function strikes(match: FaultMatch | undefined, method: string, path: string): boolean {
  if (match?.method !== undefined && match.method !== method) return false;
  return match?.pathPrefix === undefined || path.startsWith(match.pathPrefix);
}
