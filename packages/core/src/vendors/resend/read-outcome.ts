import type { Operation } from "../../operation.ts";
import type { Outcome } from "../../outcome.ts";
import type { VendorAnswer } from "../vendor.ts";

/** The errors by which Resend says that it did nothing. `concurrent_idempotent_requests` is none: the other call may. */
const REFUSALS = new Set([
  "daily_quota_exceeded",
  "invalid_access",
  "invalid_api_key",
  "invalid_attachment",
  "invalid_from_address",
  "invalid_idempotency_key",
  "invalid_idempotent_request",
  "invalid_parameter",
  "invalid_region",
  "method_not_allowed",
  "missing_api_key",
  "missing_required_field",
  "monthly_quota_exceeded",
  "not_found",
  "rate_limit_exceeded",
  "restricted_api_key",
  "security_error",
  "validation_error",
]);

/** Says what Resend's answer proves: an id is a mail that counts, a documented error is none, all else proves nothing. */
export function readResendOutcome(operation: Operation, answer: VendorAnswer): Outcome {
  const body = parseRecord(answer.body);
  if (answer.status >= 200 && answer.status < 300) {
    if (operation.price.kind !== "known") return settled(null, null, textOf(body?.["id"]));
    return operation.endpoint?.settle === "batch" ? readBatch(operation, body) : readSent(operation, body);
  }
  const name = textOf(body?.["name"]);
  if (answer.status >= 400 && answer.status < 500 && name !== null && REFUSALS.has(name)) {
    return { kind: "refused", vendorCode: name };
  }
  return {
    kind: "unknown",
    reason: `Resend answered ${answer.status}, which does not say whether a mail was sent`,
  };
}

function readSent(operation: Operation, body: Readonly<Record<string, unknown>> | null): Outcome {
  const id = textOf(body?.["id"]);
  return id === null ? unclear() : settleAsQuoted(operation, id);
}

/**
 * A permissive batch sends the mails that are valid and lists the others. Which mail had how many recipients is not
 * in the answer, so a partly sent batch keeps its whole price; only one of which nothing was sent costs nothing.
 */
function readBatch(operation: Operation, body: Readonly<Record<string, unknown>> | null): Outcome {
  const data = body?.["data"];
  const errors = body?.["errors"];
  if (!Array.isArray(data)) return unclear();
  if (data.length > 0) return settleAsQuoted(operation, null);
  return Array.isArray(errors) && errors.length > 0 ? settled(0n, 0n, null) : unclear();
}

function settleAsQuoted(operation: Operation, objectId: string | null): Outcome {
  const { price } = operation;
  return price.kind === "known"
    ? settled(price.amount, price.micros, objectId)
    : settled(null, null, objectId);
}

function settled(amount: bigint | null, costMicros: bigint | null, objectId: string | null): Outcome {
  const currency = amount === null ? null : "usd";
  const outcome = { kind: "settled", amount, currency, exposure: null, objectId, customerId: null } as const;
  return costMicros === null ? outcome : { ...outcome, costMicros };
}

function unclear(): Outcome {
  return { kind: "unknown", reason: "Resend accepted the call without saying what it sent" };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
