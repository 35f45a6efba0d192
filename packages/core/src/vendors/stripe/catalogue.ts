import type { Direction } from "../../call.ts";
import {
  type EndpointPattern,
  type Method,
  matchesEndpoint,
  matchTemplate,
  parseEndpointPattern,
  parseTemplate,
} from "../../endpoint.ts";
import type { Endpoint } from "../../operation.ts";
import { STRIPE_READS } from "./reads.ts";

/**
 * How a call is priced before it is made:
 * `none` nothing moves; `amount` the request states amount and currency; `raise` the object's exposure becomes the
 * stated or looked-up amount; `refund` the stated amount or all that is left, in the charge's currency.
 */
export type PriceRule = "none" | "amount" | "raise" | "refund";

/** Which part of the answer says what happened: a payment intent, a charge, a plain `amount`, a payout, or nothing. */
export type SettleRule = "none" | "payment_intent" | "charge" | "payout" | "amount";

/** An endpoint of Stripe with its money rule. */
export interface StripeEndpoint extends Endpoint {
  readonly price: PriceRule;
  readonly settle: SettleRule;
}

type WriteRow = readonly [
  operation: string,
  method: Method,
  template: string,
  direction: Direction | null,
  price: PriceRule,
  settle: SettleRule,
  metadata: boolean,
];

const WRITES: readonly WriteRow[] = [
  ["payment_intents.create", "POST", "/v1/payment_intents", "in", "amount", "payment_intent", true],
  ["payment_intents.update", "POST", "/v1/payment_intents/{intent}", "in", "raise", "payment_intent", true],
  [
    "payment_intents.confirm",
    "POST",
    "/v1/payment_intents/{intent}/confirm",
    "in",
    "raise",
    "payment_intent",
    false,
  ],
  [
    "payment_intents.capture",
    "POST",
    "/v1/payment_intents/{intent}/capture",
    "in",
    "raise",
    "payment_intent",
    true,
  ],
  [
    "payment_intents.increment_authorization",
    "POST",
    "/v1/payment_intents/{intent}/increment_authorization",
    "in",
    "raise",
    "payment_intent",
    true,
  ],
  [
    "payment_intents.cancel",
    "POST",
    "/v1/payment_intents/{intent}/cancel",
    "in",
    "none",
    "payment_intent",
    false,
  ],
  ["charges.create", "POST", "/v1/charges", "in", "amount", "charge", true],
  ["charges.update", "POST", "/v1/charges/{charge}", null, "none", "none", true],
  ["charges.capture", "POST", "/v1/charges/{charge}/capture", "in", "raise", "charge", false],
  ["refunds.create", "POST", "/v1/refunds", "out", "refund", "amount", true],
  ["refunds.update", "POST", "/v1/refunds/{refund}", null, "none", "none", true],
  ["refunds.cancel", "POST", "/v1/refunds/{refund}/cancel", null, "none", "none", false],
  ["transfers.create", "POST", "/v1/transfers", "out", "amount", "amount", true],
  ["transfers.update", "POST", "/v1/transfers/{transfer}", null, "none", "none", true],
  ["payouts.create", "POST", "/v1/payouts", "out", "amount", "payout", true],
  ["payouts.update", "POST", "/v1/payouts/{payout}", null, "none", "none", true],
  ["payouts.cancel", "POST", "/v1/payouts/{payout}/cancel", "out", "none", "payout", false],
  ["customers.create", "POST", "/v1/customers", null, "none", "none", true],
  ["customers.update", "POST", "/v1/customers/{customer}", null, "none", "none", true],
  ["customers.delete", "DELETE", "/v1/customers/{customer}", null, "none", "none", false],
];

/**
 * What creates or hands out credentials, or lets somebody act outside the proxy. No policy can allow these: a vault
 * key that could mint a key would be no vault key.
 */
const FORBIDDEN: readonly EndpointPattern[] = [
  "* /oauth/**",
  "POST /v1/accounts",
  "POST /v1/accounts/*/login_links",
  "POST /v1/account_links",
  "POST /v1/account_sessions",
  "* /v1/api_keys/**",
  "* /v1/apps/secrets/**",
  "POST /v1/billing_portal/sessions",
  "POST /v1/customer_sessions",
  "* /v1/ephemeral_keys/**",
  "POST /v1/file_links",
  "POST /v1/file_links/*",
  "POST /v1/terminal/connection_tokens",
  "POST /v1/webhook_endpoints",
  "POST /v1/webhook_endpoints/*",
  "POST /v2/billing/meter_event_session",
  "POST /v2/core/account_links",
  "POST /v2/core/account_tokens",
  "* /v2/core/event_destinations/**",
  "* /v2/iam/**",
].flatMap((text) => {
  const pattern = parseEndpointPattern(text);
  if (typeof pattern === "string") throw new TypeError(pattern);
  return [pattern];
});

const ENDPOINTS: readonly StripeEndpoint[] = [
  ...WRITES.map(([operation, method, template, direction, price, settle, metadata]) => ({
    operation,
    method,
    template: parseTemplate(template),
    direction,
    accounted: true,
    forbidden: false,
    metadata,
    price,
    settle,
  })),
  ...STRIPE_READS.map(([operation, template]) => ({
    operation,
    method: "GET" as const,
    template: parseTemplate(template),
    direction: null,
    accounted: false,
    forbidden: false,
    metadata: false,
    price: "none" as const,
    settle: "none" as const,
  })),
];

/** Endpoints by `METHOD segment-count`, literal segments before parameters, so that a look-up compares a handful. */
const BY_SHAPE = indexByShape(ENDPOINTS);

/** Every endpoint that this version can price, in the catalogue's order. */
export function listStripeEndpoints(): readonly StripeEndpoint[] {
  return ENDPOINTS;
}

/** Finds the endpoint of a canonical path and the identifiers in it; null when the catalogue does not know it. */
export function findStripeEndpoint(
  method: Method,
  path: string,
): { endpoint: StripeEndpoint; parameters: ReadonlyMap<string, string> } | null {
  if (FORBIDDEN.some((pattern) => matchesEndpoint(pattern, method, path))) {
    return { endpoint: forbiddenEndpoint(method, path), parameters: new Map() };
  }
  const lookedUp = method === "HEAD" ? "GET" : method;
  for (const endpoint of BY_SHAPE.get(shapeOf(lookedUp, path.split("/").length)) ?? []) {
    const parameters = matchTemplate(endpoint.template, path);
    if (parameters !== null) return { endpoint, parameters };
  }
  return null;
}

function forbiddenEndpoint(method: Method, path: string): StripeEndpoint {
  return {
    operation: "forbidden",
    method,
    template: parseTemplate(path),
    direction: null,
    accounted: true,
    forbidden: true,
    metadata: false,
    price: "none",
    settle: "none",
  };
}

function shapeOf(method: Method, segmentCount: number): string {
  return `${method} ${segmentCount}`;
}

function indexByShape(endpoints: readonly StripeEndpoint[]): ReadonlyMap<string, readonly StripeEndpoint[]> {
  const index = new Map<string, StripeEndpoint[]>();
  for (const endpoint of endpoints) {
    const shape = shapeOf(endpoint.method, endpoint.template.segments.length + 1);
    index.set(shape, [...(index.get(shape) ?? []), endpoint]);
  }
  // `{` sorts behind every character of a literal segment, so `/charges/search` is tried before `/charges/{charge}`.
  for (const group of index.values()) group.sort((a, b) => (a.template.text < b.template.text ? -1 : 1));
  return index;
}
