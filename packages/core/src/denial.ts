interface DenialSpec {
  /** The HTTP status an agent sees. */
  readonly status: number;
  /** Whether the same request can succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

const never = (status: number): DenialSpec => ({ status, retryable: false });
const later = (status: number): DenialSpec => ({ status, retryable: true });

/**
 * Every reason for which Keybrake itself refuses a call. A denial is the engine doing its job: it is a returned
 * value, never an exception, and it always has an audit row.
 */
export const DENIALS = {
  vault_key_missing: never(401),
  vault_key_invalid: never(401),
  vault_key_revoked: never(401),
  vault_key_expired: never(401),
  vendor_mismatch: never(403),
  endpoint_not_allowed: never(403),
  endpoint_forbidden: never(403),
  account_not_allowed: never(403),
  currency_not_allowed: never(403),
  destination_not_allowed: never(403),
  customer_not_allowed: never(403),
  unpriced: never(403),
  per_call_cap_exceeded: never(403),
  total_cap_exceeded: never(403),
  total_call_cap_exceeded: never(403),
  daily_cap_exceeded: later(429),
  monthly_cap_exceeded: later(429),
  daily_call_cap_exceeded: later(429),
  monthly_request_limit: later(429),
  rate_limited: later(429),
  request_ambiguous: never(400),
  request_malformed: never(400),
  idempotency_in_flight: later(409),
  idempotency_mismatch: never(422),
  duplicate_call: never(403),
  payload_too_large: never(413),
  request_timeout: later(408),
  kill_switch_engaged: never(503),
} as const satisfies Record<string, DenialSpec>;

export type DenialCode = keyof typeof DENIALS;

/** A refusal: its code, a sentence for the person who reads it, and what it is about. */
export interface Denial {
  readonly code: DenialCode;
  readonly reason: string;
  /** The exhausted limit, when there is one. */
  readonly limit?: DenialLimit;
  /** When the same call may pass, on the database's clock. */
  readonly retryAt?: Date;
  /** Whole seconds until then, counted on the database's clock. */
  readonly retryAfterSeconds?: number;
}

/** The budget that refused; amounts are decimal dollars for `usd`, else counts, as text. */
export interface DenialLimit {
  readonly scope: string;
  readonly window: string;
  readonly unit: string;
  readonly limit: string;
  readonly used: string;
  readonly requested: string;
}

/** Makes a denial; the reason is lower case, without a full stop, and says what to change. */
export function deny(code: DenialCode, reason: string): Denial {
  return { code, reason };
}

/** Tells a denial apart from whatever else a step of a pipeline may give. */
export function isDenial(value: unknown): value is Denial {
  return typeof value === "object" && value !== null && "code" in value && "reason" in value;
}
