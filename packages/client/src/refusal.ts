import type { DenialCode, DenialLimit, FaultCode } from "@keybrake/core";

/**
 * What a refusal means for the agent: the call may pass at `retryAt` and not before; this key is finished; this call
 * is not allowed and another one may be; or something that is over in a moment, which SDKs retry by themselves.
 */
export type RefusalKind = "until_retry_at" | "for_good" | "this_call" | "briefly";

/** A refusal of Keybrake's own, read out of an answer in any vendor's shape. */
export interface Refusal {
  readonly code: DenialCode;
  readonly kind: RefusalKind;
  /** When the same call may pass; null when waiting does not help, or nobody knows. */
  readonly retryAt: Date | null;
  readonly retryAfterSeconds: number | null;
  /** The id of the call's audit row. */
  readonly callId: string | null;
  /** One sentence, without Keybrake's name and the code. */
  readonly message: string;
  /** The exhausted limit, where the vendor's shape has room for it. */
  readonly limit: DenialLimit | null;
}

/** An HTTP answer. The body may be its text, or what an SDK has parsed of it. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: unknown;
}

/** Every code with which Keybrake refuses, and what it means. */
export const REFUSAL_KINDS = {
  daily_cap_exceeded: "until_retry_at",
  monthly_cap_exceeded: "until_retry_at",
  daily_call_cap_exceeded: "until_retry_at",
  monthly_request_limit: "until_retry_at",
  total_cap_exceeded: "for_good",
  total_call_cap_exceeded: "for_good",
  vault_key_revoked: "for_good",
  vault_key_expired: "for_good",
  vault_key_missing: "this_call",
  vault_key_invalid: "this_call",
  vendor_mismatch: "this_call",
  endpoint_not_allowed: "this_call",
  endpoint_forbidden: "this_call",
  account_not_allowed: "this_call",
  currency_not_allowed: "this_call",
  destination_not_allowed: "this_call",
  customer_not_allowed: "this_call",
  unpriced: "this_call",
  per_call_cap_exceeded: "this_call",
  duplicate_call: "this_call",
  request_ambiguous: "this_call",
  request_malformed: "this_call",
  idempotency_mismatch: "this_call",
  payload_too_large: "this_call",
  kill_switch_engaged: "this_call",
  rate_limited: "briefly",
  idempotency_in_flight: "briefly",
  request_timeout: "briefly",
} as const satisfies Record<DenialCode, RefusalKind>;

/**
 * Of the refusals that hold for further calls, those that concern the key itself. After any other, what costs nothing is
 * still allowed: an agent may read what it has done.
 */
export const STOPS_READS: ReadonlySet<DenialCode> = new Set([
  "vault_key_revoked",
  "vault_key_expired",
  "monthly_request_limit",
]);

/** A fault of Keybrake or of what is around it: nobody decided against the call. */
export interface Fault {
  readonly code: FaultCode;
  /** `not_sent` = the vendor never saw the call; `unknown` = it may have taken effect. */
  readonly outcome: "not_sent" | "unknown";
  readonly callId: string | null;
  readonly message: string;
}

/** Every fault, and whether the call may have reached the vendor. */
export const FAULT_OUTCOMES = {
  ledger_unavailable: "not_sent",
  history_lost: "not_sent",
  overloaded: "not_sent",
  vendor_unreachable: "unknown",
  vendor_timeout: "unknown",
  vendor_answer_withheld: "unknown",
  internal: "unknown",
} as const satisfies Record<FaultCode, Fault["outcome"]>;

type Fields = Readonly<Record<string, unknown>>;

/** A refusal's facts as one vendor's shape holds them. */
interface Found {
  readonly code: string;
  readonly message: string;
  /** Keybrake's own part of the body; empty where the shape has no room for it. */
  readonly details: Fields;
}

/**
 * Says whether an answer is a refusal of Keybrake's, and what it means. Null for everything else: a success, the
 * vendor's own error, and a fault such as a timeout, after which the call's outcome is another question.
 */
export function readRefusal(answer: RefusedAnswer, now: Date = new Date()): Refusal | null {
  const found = find(answer);
  if (found === null || !isRefusalCode(found.code)) return null;
  const kind = REFUSAL_KINDS[found.code];
  const isWaiting = kind === "until_retry_at" || kind === "briefly";
  const retryAfterSeconds = isWaiting ? readSeconds(readHeader(answer.headers, "retry-after")) : null;
  return {
    code: found.code,
    kind,
    retryAt: isWaiting ? readRetryAt(found.details, retryAfterSeconds, now) : null,
    retryAfterSeconds,
    callId: readCallId(found, answer),
    message: found.message,
    limit: readLimit(found.details["limit"]),
  };
}

/** Says whether an answer is a fault of Keybrake's, and what became of the call. Null for everything else. */
export function readFault(answer: RefusedAnswer): Fault | null {
  const found = find(answer);
  if (found === null || !isFaultCode(found.code)) return null;
  return {
    code: found.code,
    outcome: FAULT_OUTCOMES[found.code],
    callId: readCallId(found, answer),
    message: found.message,
  };
}

function find(answer: RefusedAnswer): Found | null {
  if (answer.status < 400) return null;
  const body = readFields(answer.body);
  return readStripe(body) ?? readResend(body) ?? readTwilio(body);
}

function readCallId(found: Found, answer: RefusedAnswer): string | null {
  return readText(found.details["call_id"]) ?? readHeader(answer.headers, "keybrake-call-id");
}

function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(FAULT_OUTCOMES, code);
}

function isRefusalCode(code: string): code is DenialCode {
  return Object.hasOwn(REFUSAL_KINDS, code);
}

function readStripe(body: Fields): Found | null {
  const error = readFields(body["error"]);
  const code = readText(error["code"]);
  if (code === null || !isObject(error["keybrake"])) return null;
  const message = (readText(error["message"]) ?? "").replace(/^keybrake: /, "");
  return { code, message, details: error["keybrake"] };
}

function readResend(body: Fields): Found | null {
  const details = readFields(body["keybrake"]);
  const code = readText(details["code"]);
  if (code === null) return null;
  const message = readText(body["message"]) ?? "";
  return {
    code,
    message: message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message,
    details,
  };
}

function readTwilio(body: Fields): Found | null {
  const [, code, message] = /^keybrake (\w+): (.*)$/s.exec(readText(body["message"]) ?? "") ?? [];
  return code === undefined || message === undefined ? null : { code, message, details: {} };
}

function readRetryAt(details: Fields, retryAfterSeconds: number | null, now: Date): Date | null {
  const told = Date.parse(readText(details["retry_at"]) ?? "");
  if (!Number.isNaN(told)) return new Date(told);
  return retryAfterSeconds === null ? null : new Date(now.getTime() + retryAfterSeconds * 1_000);
}

function readLimit(value: unknown): DenialLimit | null {
  if (!isObject(value)) return null;
  const [scope, window, unit, limit, used, requested] = [
    readText(value["scope"]),
    readText(value["window"]),
    readText(value["unit"]),
    readText(value["limit"]),
    readText(value["used"]),
    readText(value["requested"]),
  ];
  if (scope === null || window === null || unit === null) return null;
  if (limit === null || used === null || requested === null) return null;
  return { scope, window, unit, limit, used, requested };
}

function readHeader(headers: RefusedAnswer["headers"], lowerName: string): string | null {
  if (headers instanceof Headers) return headers.get(lowerName);
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === lowerName) return readText(Array.isArray(value) ? value[0] : value);
  }
  return null;
}

function readSeconds(text: string | null): number | null {
  return text !== null && /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
}

function readFields(value: unknown): Fields {
  if (typeof value !== "string") return isObject(value) ? value : {};
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
