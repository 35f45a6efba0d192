import { DENIALS } from "../../denial.ts";
import { parseForm } from "../../form.ts";
import { toUsdMicros } from "../../money.ts";
import type { Operation, Price, PriceLookup } from "../../operation.ts";
import type { Labels, ObjectFacts, Pricing, Problem, Vendor, VendorAnswer } from "../vendor.ts";
import { stripeExponent } from "./currency.ts";
import { knownPrice, readStripeOperation } from "./read-operation.ts";
import { isObject, parseObject, readAmount, readStripeOutcome, readText } from "./read-outcome.ts";

const METADATA_KEYS_MAX = 50;
const LABEL_LENGTH_MAX = 500;

/** Stripe, API version 2026-10-28. */
export const stripe: Vendor = {
  name: "stripe",
  origin: "https://api.stripe.com",
  requestHeaders: ["stripe-version"],
  responseHeaders: [
    "content-type",
    "idempotent-replayed",
    "original-request",
    "request-id",
    "retry-after",
    "stripe-rate-limited-reason",
    "stripe-should-retry",
    "stripe-version",
  ],
  requestIdHeader: "request-id",
  authorization: (credential) => `Bearer ${credential}`,
  readOperation: readStripeOperation,
  lookupRequest,
  readFacts,
  priceFromFacts,
  toMicros: (amount, currency, pricing) =>
    toUsdMicros(amount, currency, stripeExponent(currency), pricing.rates, pricing.today),
  readOutcome: readStripeOutcome,
  appendLabels,
  renderError,
};

function lookupRequest(lookup: PriceLookup): { path: string; query: string | null } {
  if (lookup.objectType === "charge") return { path: `/v1/charges/${lookup.objectId}`, query: null };
  const query = lookup.basis === "refundable" ? "expand[]=latest_charge" : null;
  return { path: `/v1/payment_intents/${lookup.objectId}`, query };
}

function readFacts(lookup: PriceLookup, answer: VendorAnswer): ObjectFacts | null {
  const object = answer.status === 200 ? parseObject(answer.body) : null;
  if (object === null) return null;
  const charge = lookup.objectType === "charge" ? object : object["latest_charge"];
  const currency = readText(object["currency"]);
  const amount = readAmount(object["amount"]);
  if (currency === null || amount === null) return null;
  const capturable =
    lookup.objectType === "charge" ? amount : (readAmount(object["amount_capturable"]) ?? amount);
  // An object's exposure is its total, so what was captured before counts, too.
  const received = lookup.objectType === "charge" ? 0n : (readAmount(object["amount_received"]) ?? 0n);
  return { currency, amount, received, capturable, refundable: refundableOf(charge) };
}

function refundableOf(charge: unknown): bigint {
  if (!isObject(charge)) return 0n;
  const captured = readAmount(charge["amount_captured"]) ?? 0n;
  const refunded = readAmount(charge["amount_refunded"]) ?? 0n;
  return captured > refunded ? captured - refunded : 0n;
}

function priceFromFacts(lookup: PriceLookup, facts: ObjectFacts, pricing: Pricing): Price {
  const stated = lookup.amount ?? facts[lookup.basis];
  const amount = lookup.basis === "capturable" ? facts.received + stated : stated;
  const currency = lookup.currency ?? facts.currency;
  if (amount === 0n && lookup.basis === "refundable") {
    return { kind: "unpriced", reason: `nothing of \`${lookup.objectId}\` is left to refund` };
  }
  return knownPrice(amount, currency, pricing);
}

function appendLabels(operation: Operation, body: Uint8Array, labels: Labels): Uint8Array {
  if (!operation.endpoint?.metadata || clearsMetadata(body)) return body;
  const missing: [string, string][] = [];
  if (!operation.metadata.has("agent_id")) missing.push(["agent_id", labels.agentId]);
  if (labels.crewRunId !== null && !operation.metadata.has("crew_run_id")) {
    missing.push(["crew_run_id", labels.crewRunId]);
  }
  if (missing.length === 0 || operation.metadata.size + missing.length > METADATA_KEYS_MAX) return body;
  const text = missing
    .map(
      ([name, value]) =>
        `metadata[${name}]=${encodeURIComponent(value.slice(0, LABEL_LENGTH_MAX).toWellFormed())}`,
    )
    .join("&");
  return Buffer.concat([body, Buffer.from(body.length === 0 ? text : `&${text}`, "ascii")]);
}

/** `metadata=` removes all metadata; a label beside it would make the body mean something else. */
function clearsMetadata(body: Uint8Array): boolean {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  // Most bodies cannot: only these are worth decoding again.
  if (!/(?:^|[&%])(?:metadata|[0-9a-f]{2})/i.test(text)) return false;
  const fields = parseForm(text);
  return typeof fields === "string" || fields.some((field) => field.name === "metadata");
}

function renderError(problem: Problem): string {
  const denial = problem.denial;
  return JSON.stringify({
    error: {
      type: errorType(problem),
      code: problem.code,
      message: `keybrake: ${problem.message}`,
      doc_url: `docs/errors.md#${problem.code}`,
      keybrake: {
        call_id: problem.callId,
        limit: denial?.limit ?? null,
        retry_at: denial?.retryAt?.toISOString() ?? null,
      },
    },
  });
}

function errorType(problem: Problem): string {
  if (problem.code === "idempotency_mismatch") return "idempotency_error";
  if (problem.status === 429) return "rate_limit_error";
  return problem.code in DENIALS && problem.status < 500 ? "invalid_request_error" : "api_error";
}
