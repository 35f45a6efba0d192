import { DENIALS } from "../../denial.ts";
import { toUsdMicros } from "../../money.ts";
import type { Problem, Vendor, VendorAnswer } from "../vendor.ts";
import { priceFromAnswers, priceFromMemory } from "./answers.ts";
import { listStripeEndpoints } from "./catalogue.ts";
import { stripeExponent } from "./currency.ts";
import { readStripeOwner } from "./customers.ts";
import { isObject, parseObject } from "./json-object.ts";
import { appendLabels } from "./labels.ts";
import { STRIPE_PRICE_RULES } from "./price-rules.ts";
import { readStripeOperation } from "./read-operation.ts";
import { readStripeOutcome } from "./read-outcome.ts";
import { reasonOf } from "./unpriced.ts";

/** Stripe, API version 2026-10-28. */
export const stripe: Vendor = {
  name: "stripe",
  hosts: {
    main: { origin: "https://api.stripe.com", prefix: "" },
    files: { origin: "https://files.stripe.com", prefix: "" },
    meter_events: { origin: "https://meter-events.stripe.com", prefix: "" },
  },
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
  replayHeader: "idempotent-replayed",
  readBody: null,
  endpoints: listStripeEndpoints(),
  priceRules: STRIPE_PRICE_RULES,
  findUnpricedReason: ({ quote, operation }) => (quote === "unpriced" ? reasonOf(operation) : null),
  readCredentialMode: (value) => (/^[a-z]+_test_/.test(value) ? "test" : "live"),
  findCredentialProblem: (value) =>
    value.startsWith("pk_")
      ? "a publishable key (`pk_…`) cannot act: store the secret or a restricted key"
      : null,
  requestsPerSecond: (mode) => (mode === "live" ? 100 : 25),
  isRateLimited,
  requestPage: (requestId, mode) =>
    /^req_[A-Za-z0-9]{1,64}$/.test(requestId)
      ? `https://dashboard.stripe.com/${mode === "test" ? "test/" : ""}logs/${requestId}`
      : null,
  authorization: (credential) => `Bearer ${credential}`,
  readOperation: readStripeOperation,
  priceFromMemory,
  priceFromAnswers: (_operation, lookup, answers, pricing) => priceFromAnswers(lookup, answers, pricing),
  readOwner: readStripeOwner,
  toMicros: (amount, currency, pricing) =>
    toUsdMicros(amount, currency, stripeExponent(currency), pricing.rates, pricing.today),
  readOutcome: readStripeOutcome,
  followUp: () => null,
  readFollowUp: () => ({ kind: "unknown", reason: "no answer of Stripe is pending" }),
  completeBody: appendLabels,
  scrubAnswer: (_operation, body) => body,
  renderError,
};

/** Two other things have the same status: an object that somebody else is changing, and one with a limit of its own. */
function isRateLimited({ status, header, body }: VendorAnswer): boolean {
  if (status !== 429 || header("stripe-rate-limited-reason") === "resource-specific") return false;
  const error = parseObject(body)?.["error"];
  return !isObject(error) || error["code"] !== "lock_timeout";
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
