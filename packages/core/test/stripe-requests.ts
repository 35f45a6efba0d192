import { authorize } from "../src/authorize.ts";
import type { Denial, DenialCode } from "../src/denial.ts";
import type { Method } from "../src/endpoint.ts";
import { parseRate, type Rate, USD_ONLY } from "../src/money.ts";
import type { Operation } from "../src/operation.ts";
import { type Policy, parsePolicy } from "../src/policy.ts";
import { stripe } from "../src/vendors/stripe/stripe.ts";
import type { Pricing, ReadingContext, VendorRequest } from "../src/vendors/vendor.ts";

export const NOW = new Date("2026-11-23T12:00:00Z");

/** No vendor but Stripe is asked here. */
const PRICES = {} as Pricing["prices"];

/** Dollars only: every other currency is unpriced. */
export const DOLLARS: Pricing = { rates: USD_ONLY, prices: PRICES, today: "2026-11-23" };

function rateOf(text: string): Rate {
  const rate = parseRate(text);
  if (rate === null) throw new TypeError(`\`${text}\` is no rate`);
  return rate;
}

/** Round rates without markup, so that a wrong number of decimals stands out. */
export const RATES: Pricing = {
  rates: {
    asOf: "2026-11-20",
    usdPer: new Map(
      Object.entries({ eur: "1.10", jpy: "0.01", kwd: "3", isk: "0.01", ugx: "0.0003", mga: "0.0002" }).map(
        ([code, text]) => [code, rateOf(text)],
      ),
    ),
    markupBps: 0n,
    maxAgeDays: 7,
  },
  prices: PRICES,
  today: "2026-11-23",
};

/** Reads a policy that must be valid. */
export function policyOf(document: Readonly<Record<string, unknown>>): Policy {
  const parsed = parsePolicy({ vendor: "stripe", ...document });
  if ("problems" in parsed) throw new TypeError(parsed.problems.join("; "));
  return parsed.policy;
}

/** The widest allowlist that can be written. */
export const ANYTHING = policyOf({ allowed_endpoints: ["* /**"] });

/** A request as the proxy hands it to the adapter: a form body is labeled as one. */
export function requestOf(
  method: Method,
  path: string,
  form = "",
  more: Partial<VendorRequest> = {},
): VendorRequest {
  return {
    method,
    path,
    query: null,
    contentType: form === "" ? null : "application/x-www-form-urlencoded",
    idempotencyKey: null,
    account: null,
    body: Buffer.from(form),
    ...more,
  };
}

/** What a request is read with, on behalf of a key that may do anything. */
export function contextOf(pricing: Pricing = DOLLARS, policy: Policy | null = ANYTHING): ReadingContext {
  return { ...pricing, accountId: null, policy };
}

export function isDenial(read: Operation | Denial): read is Denial {
  return "code" in read;
}

/** Reads a request that must be understood. */
export function operationOf(request: VendorRequest, pricing: Pricing = DOLLARS): Operation {
  const read = stripe.readOperation(request, contextOf(pricing));
  if (isDenial(read)) throw new TypeError(`${read.code}: ${read.reason}`);
  return read;
}

/** What becomes of a request before any look-up: the code of its refusal, or `allow`. */
export function judge(
  request: VendorRequest,
  policy: Policy = ANYTHING,
  pricing: Pricing = DOLLARS,
): DenialCode | "allow" {
  const read = stripe.readOperation(request, contextOf(pricing, policy));
  if (isDenial(read)) return read.code;
  const decision = authorize({ status: "active", expiresAt: null, policy }, read, NOW);
  return decision.verdict === "allow" ? "allow" : decision.denial.code;
}
