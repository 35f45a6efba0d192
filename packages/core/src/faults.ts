interface FaultSpec {
  readonly status: number;
  readonly title: string;
}

/** Every way in which the world around Keybrake can fail a call. Thrown, and caught once at the pipeline's edge. */
export const FAULTS = {
  ledger_unavailable: { status: 503, title: "the ledger cannot be reached, so nothing is forwarded" },
  history_lost: {
    status: 503,
    title: "the ledger has lost history, so nothing is forwarded until an operator has looked",
  },
  overloaded: { status: 503, title: "too many calls are waiting" },
  vendor_unreachable: { status: 502, title: "the vendor could not be reached, the call was not sent" },
  vendor_timeout: { status: 504, title: "the vendor did not answer in time, the outcome is unknown" },
  vendor_answer_withheld: { status: 502, title: "the vendor's answer was withheld" },
  internal: { status: 500, title: "internal error" },
} as const satisfies Record<string, FaultSpec>;

export type FaultCode = keyof typeof FAULTS;

/**
 * A fault. `detail` reaches the caller, so it never holds a secret or another system's message;
 * `cause` is for logs only.
 */
export class KeybrakeError extends Error {
  override readonly name = "KeybrakeError";
  readonly code: FaultCode;
  /** When to try again, where that is known better than "soon". */
  readonly retryAfterSeconds: number | null;

  constructor(code: FaultCode, options?: { detail?: string; cause?: unknown; retryAfterSeconds?: number }) {
    super(
      options?.detail ?? FAULTS[code].title,
      options?.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.retryAfterSeconds = options?.retryAfterSeconds ?? null;
  }
}

/** Recognizes a fault across copies of this package, by its code and not by its class. */
export function isKeybrakeError(error: unknown): error is KeybrakeError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    Object.hasOwn(FAULTS, error.code)
  );
}
