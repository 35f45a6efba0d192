import type { Operation } from "../../operation.ts";
import type { Exposure, Outcome } from "../../outcome.ts";
import type { VendorAnswer } from "../vendor.ts";
import type { SettleRule, StripeEndpoint } from "./catalogue.ts";

/**
 * Refusals that Stripe documents as not executed, or as executed without effect (a declined card). 409 is among them
 * only as a lock conflict: a key in use means that an earlier, still unknown call holds it.
 */
const NO_EFFECT = new Set([400, 401, 402, 403, 404, 409, 429]);

type StripeObject = Readonly<Record<string, unknown>>;

/** Says what Stripe's complete answer proves about the money of a call. */
export function readStripeOutcome(operation: Operation, answer: VendorAnswer): Outcome {
  const object = parseObject(answer.body);
  if (object === null)
    return { kind: "unknown", reason: `the vendor's answer (${answer.status}) is no JSON object` };
  if (NO_EFFECT.has(answer.status)) return readRefusal(answer.status, object);
  if (answer.status < 200 || answer.status > 299) {
    return { kind: "unknown", reason: `the vendor answered ${answer.status}` };
  }
  const rule = settleRule(operation);
  const moved = readMoney(rule, object);
  if (moved === null) return { kind: "unknown", reason: "the vendor's answer does not state an amount" };
  return {
    kind: "settled",
    ...moved,
    objectId: readText(object["id"]),
    customerId: readText(object["customer"]),
  };
}

/** An update that states no amount moves nothing, whatever amount the object already has. */
function settleRule(operation: Operation): SettleRule {
  const endpoint = operation.endpoint as StripeEndpoint | null;
  if (endpoint === null || (endpoint.price === "raise" && operation.price.kind === "free")) return "none";
  return endpoint.settle;
}

function readRefusal(status: number, object: StripeObject): Outcome {
  const error = object["error"];
  if (!isObject(error)) return { kind: "unknown", reason: "the vendor's refusal has no error" };
  const vendorCode = readText(error["code"]);
  if (vendorCode === "idempotency_key_in_use")
    return { kind: "unknown", reason: "an earlier call with this key is open" };
  if (status === 409 && vendorCode !== "lock_timeout")
    return { kind: "unknown", reason: "the vendor reports a conflict" };
  return { kind: "refused", vendorCode };
}

interface Moved {
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly exposure: Exposure | null;
}

function readMoney(rule: SettleRule, object: StripeObject): Moved | null {
  if (rule === "none") return { amount: null, currency: null, exposure: null };
  const amount = readAmount(object["amount"]);
  const currency = readText(object["currency"]);
  const id = readText(object["id"]);
  if (amount === null || currency === null || id === null) return null;
  const status = object["status"];
  switch (rule) {
    case "amount":
      return { amount: status === "failed" || status === "canceled" ? 0n : amount, currency, exposure: null };
    case "payment_intent": {
      // Only a terminal intent can be counted down: until then it can still be confirmed for its whole amount.
      const isFinal = status === "succeeded" || status === "canceled";
      const total = isFinal ? readAmount(object["amount_received"]) : amount;
      return total === null
        ? null
        : { amount: total, currency, exposure: { objectId: id, amount: total, currency, isFinal } };
    }
    case "charge": {
      const isFinal = object["captured"] === true;
      const total = isFinal ? readAmount(object["amount_captured"]) : amount;
      return total === null
        ? null
        : { amount: total, currency, exposure: { objectId: id, amount: total, currency, isFinal } };
    }
    case "payout": {
      const isFinal = status === "canceled" || status === "failed";
      const total = isFinal ? 0n : amount;
      return { amount: total, currency, exposure: { objectId: id, amount: total, currency, isFinal } };
    }
  }
}

/** Parses a JSON object; null for anything else. */
export function parseObject(text: string): StripeObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Reads a non-negative whole number of minor units exactly, or null. */
export function readAmount(value: unknown): bigint | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : null;
}

/** Narrows to a JSON object. */
export function isObject(value: unknown): value is StripeObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string field, or the id of an expanded object, or null. */
export function readText(value: unknown): string | null {
  const text = isObject(value) ? value["id"] : value;
  return typeof text === "string" ? text : null;
}
