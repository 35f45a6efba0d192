import type { Operation } from "../../operation.ts";
import type { Exposure, Outcome } from "../../outcome.ts";
import type { VendorAnswer } from "../vendor.ts";
import {
  isObject,
  parseObject,
  readAmount,
  readText,
  readV2Amount,
  type StripeObject,
} from "./json-object.ts";

/**
 * Refusals that Stripe documents as not executed, or as executed without effect (a declined card). 409 is among them
 * only as a lock conflict: a key in use means that an earlier, still unknown call holds it.
 */
const NO_EFFECT = new Set([400, 401, 402, 403, 404, 409, 429]);

interface Moved {
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly exposure: Exposure | null;
}

type Rule = (object: StripeObject, operation: Operation) => Moved | null;

const NOTHING: Moved = { amount: null, currency: null, exposure: null };

/** States after which an outgoing or incoming payment has moved nothing. */
const UNDONE = new Set(["failed", "canceled", "returned"]);

/** The rules that a catalogue's `settle` names; null = the answer does not say what it must. */
const RULES: Readonly<Record<string, Rule>> = {
  none: () => NOTHING,
  amount: (object) => {
    const amount = readAmount(object["amount"]);
    return moved(object, amount !== null && UNDONE.has(statusOf(object)) ? 0n : amount);
  },
  signed_amount: (object) => {
    const amount = object["amount"];
    return moved(object, readAmount(typeof amount === "number" ? Math.abs(amount) : amount));
  },
  // Only a terminal intent can be counted down: until then it can still be confirmed for its whole amount.
  payment_intent: (object) => {
    const isFinal = statusOf(object) === "succeeded" || statusOf(object) === "canceled";
    return exposed(object, totalOf(object, isFinal ? "amount_received" : "amount"), isFinal);
  },
  charge: (object) => {
    const isFinal = object["captured"] === true;
    return exposed(object, totalOf(object, isFinal ? "amount_captured" : "amount"), isFinal);
  },
  payout: (object) => {
    const isFinal = UNDONE.has(statusOf(object));
    const amount = readAmount(object["amount"]);
    return exposed(object, amount !== null && isFinal ? 0n : amount, isFinal);
  },
  climate_order: (object) => {
    const isFinal = UNDONE.has(statusOf(object));
    return exposed(object, isFinal ? 0n : readAmount(object["amount_total"]), isFinal);
  },
  invoice: readInvoice,
  // A draft that Stripe does not advance by itself commits nothing until it is finalized.
  draft_invoice: (object) => (object["auto_advance"] === true ? readInvoice(object) : NOTHING),
  draft_lines: readInvoice,
  invoice_item: readInvoiceItem,
  checkout_session: readSession,
  quote: (object) => moved(object, readAmount(object["amount_total"])),
  credit_note: (object) => {
    const amount = readAmount(object["amount"]);
    const paidElsewhere = readAmount(object["out_of_band_amount"]) ?? 0n;
    if (amount === null) return null;
    return moved(object, amount > paidElsewhere ? amount - paidElsewhere : 0n);
  },
  v2_amount: (object) => {
    const stated = readV2Amount(object["amount"]);
    const id = readText(object["id"]);
    if (stated === null || id === null) return null;
    const isFinal = UNDONE.has(statusOf(object));
    const amount = isFinal ? 0n : stated.amount;
    const { currency } = stated;
    return { amount, currency, exposure: { objectId: id, amount, currency, isFinal } };
  },
  quoted: readQuoted,
};

/** Every name that may stand in the catalogue's column `settle`. */
export const SETTLE_RULES: ReadonlySet<string> = new Set(Object.keys(RULES));

/** Says what Stripe's complete answer proves about the money of a call. */
export function readStripeOutcome(operation: Operation, answer: VendorAnswer): Outcome {
  const isSuccess = answer.status >= 200 && answer.status <= 299;
  const object = parseObject(answer.body);
  if (object === null) {
    // A PDF or a file moves nothing, and some v2 endpoints answer with nothing at all.
    if (isSuccess && settleRule(operation) === "none" && !isAccounted(operation)) return settled(NOTHING, {});
    return { kind: "unknown", reason: `the vendor's answer (${answer.status}) is no JSON object` };
  }
  if (NO_EFFECT.has(answer.status)) return readRefusal(answer.status, object);
  if (!isSuccess) return { kind: "unknown", reason: `the vendor answered ${answer.status}` };
  const rule = RULES[settleRule(operation)];
  const outcome = rule === undefined ? null : rule(object, operation);
  if (outcome === null) return { kind: "unknown", reason: "the vendor's answer does not state an amount" };
  return settled(outcome, object);
}

function isAccounted(operation: Operation): boolean {
  return operation.endpoint === null || (operation.endpoint.accounted && !operation.path.startsWith("/v2/"));
}

function settled(outcome: Moved, object: StripeObject): Outcome {
  return {
    kind: "settled",
    ...outcome,
    objectId: readText(object["id"]),
    customerId: readText(object["customer"]),
  };
}

/** A call that was free under a rule with a price (an update that states no amount) moves nothing. */
function settleRule(operation: Operation): string {
  const { endpoint, price } = operation;
  if (endpoint === null) return "none";
  const isFree = price.kind === "free" && endpoint.quote !== "none" && endpoint.quote !== "invoice_create";
  return isFree ? "none" : endpoint.settle;
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

function statusOf(object: StripeObject): string {
  return readText(object["status"]) ?? "";
}

/** An object that does not even state its amount is none that can be relied on. */
function totalOf(object: StripeObject, field: string): bigint | null {
  return readAmount(object["amount"]) === null ? null : readAmount(object[field]);
}

function moved(object: StripeObject, amount: bigint | null): Moved | null {
  const currency = readText(object["currency"])?.toLowerCase() ?? null;
  if (amount === null || currency === null || readText(object["id"]) === null) return null;
  return { amount, currency, exposure: null };
}

function exposed(object: StripeObject, amount: bigint | null, isFinal: boolean): Moved | null {
  const plain = moved(object, amount);
  const objectId = readText(object["id"]);
  if (plain === null || plain.amount === null || plain.currency === null || objectId === null) return null;
  return { ...plain, exposure: { objectId, amount: plain.amount, currency: plain.currency, isFinal } };
}

/** What an invoice asks for counts from its finalization on; what it collected is final. */
function readInvoice(object: StripeObject): Moved | null {
  const status = statusOf(object);
  const isFinal = status === "paid" || status === "void";
  const due = object["amount_due"];
  const amount = isFinal
    ? readAmount(object["amount_paid"])
    : readAmount(typeof due === "number" && due < 0 ? 0 : due);
  return exposed(object, amount, isFinal);
}

/** An item raises its invoice's exposure when it was quoted so, else its own. */
function readInvoiceItem(object: StripeObject, operation: Operation): Moved | null {
  if (operation.exposureId !== null && operation.exposureId !== object["id"])
    return readQuoted(object, operation);
  const amount = object["amount"];
  return exposed(object, readAmount(typeof amount === "number" && amount < 0 ? 0 : amount), false);
}

function readSession(object: StripeObject): Moved | null {
  if (object["mode"] === "setup") return NOTHING;
  const status = statusOf(object);
  const isFinal = status === "expired" || status === "complete";
  return exposed(object, status === "expired" ? 0n : readAmount(object["amount_total"]), isFinal);
}

/** Where the answer states no amount of its own, what was quoted counts. */
function readQuoted(_object: StripeObject, { price, exposureId }: Operation): Moved {
  if (price.kind !== "known") return NOTHING;
  const { amount, currency } = price;
  const exposure = exposureId === null ? null : { objectId: exposureId, amount, currency, isFinal: false };
  return { amount, currency, exposure };
}
