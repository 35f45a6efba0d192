import { type Denial, deny } from "../../denial.ts";
import { type FormField, findLookalike, parseForm, rootOf } from "../../form.ts";
import { toUsdMicros } from "../../money.ts";
import type { Operation, Price, PriceLookup } from "../../operation.ts";
import type { Pricing, VendorRequest } from "../vendor.ts";
import { findStripeEndpoint, type StripeEndpoint } from "./catalogue.ts";
import { stripeExponent } from "./currency.ts";

/** Fields that decide what a call costs or whom it touches: only their one exact spelling is understood. */
const DECISIVE = new Set([
  "amount",
  "amount_to_capture",
  "amount_to_confirm",
  "application_fee_amount",
  "balance",
  "charge",
  "currency",
  "customer",
  "on_behalf_of",
  "origin",
  "payment_intent",
  "refund_application_fee",
]);
const DECISIVE_OBJECTS = new Set(["destination", "transfer_data", "metadata", "expand"]);
const AMOUNT = /^[1-9][0-9]{0,11}$/;
const CURRENCY = /^[A-Za-z]{3}$/;
const OBJECT_ID = /^[a-z]{2,6}_[A-Za-z0-9_]{1,250}$/;
const EXPANSIONS_MAX = 10;
const EXPANSION = /^[a-z_]{1,60}(?:\.[a-z_]{1,60}){0,3}$/;
/** Expansions that put card numbers into an answer. */
const SENSITIVE_EXPANSION = /(?:^|\.)(?:number|cvc)$/;
/** Expansions that show no more than the object itself says; all others open objects that a key may not read. */
const EXPANDABLE = new Set(["latest_charge", "balance_transaction", "payment_intent", "charge"]);
const METADATA_FIELDS_MAX = 50;

/** Understands a request to Stripe, or says why it cannot be understood in exactly one way. */
export function readStripeOperation(request: VendorRequest, pricing: Pricing): Operation | Denial {
  const found = findStripeEndpoint(request.method, request.path);
  const endpoint = found?.endpoint ?? null;
  const fields = readFields(request, endpoint);
  if (!("body" in fields)) return fields;
  const body = new Map(fields.body.map((field) => [field.name, field.value]));
  const parameters = found?.parameters ?? new Map<string, string>();
  const priced = endpoint === null ? FREE : priceOf(endpoint, parameters, body, pricing);
  if ("code" in priced) return priced;
  return {
    vendor: "stripe",
    method: request.method,
    path: request.path,
    query: request.query,
    endpoint,
    price: priced.price,
    exposureId: priced.exposureId,
    account: request.account,
    destinations: [...accountsIn(request.path), ...readDestinations(endpoint, fields.body)],
    customerId: parameters.get("customer") ?? body.get("customer") ?? null,
    idempotencyKey: request.idempotencyKey,
    metadata: readMetadata(fields.body),
  };
}

const FREE = { price: { kind: "free" } as Price, exposureId: null as string | null };

interface Fields {
  readonly body: readonly FormField[];
}

function readFields(request: VendorRequest, endpoint: StripeEndpoint | null): Fields | Denial {
  const query = parseForm(request.query ?? "");
  if (typeof query === "string") return deny("request_ambiguous", `the query is ambiguous: ${query}`);
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (isRead) {
    if (request.body.length > 0) return deny("request_malformed", `a ${request.method} request has no body`);
    return findExpansionProblem(query) ?? { body: [] };
  }
  const body = readBody(request);
  if (!Array.isArray(body)) return body as Denial;
  const misplaced = findMisplaced(query, body);
  if (misplaced !== null)
    return deny("request_ambiguous", `\`${misplaced}\` belongs into the body, and only there`);
  const lookalike = endpoint?.accounted ? findLookalike(body, DECISIVE, DECISIVE_OBJECTS) : null;
  if (lookalike !== null)
    return deny("request_ambiguous", `\`${lookalike}\` can be read in more than one way`);
  return findExpansionProblem([...query, ...body]) ?? { body };
}

/** Stripe itself confuses query and body parameters, so nothing that matters may stand in a query beside a body. */
function findMisplaced(query: readonly FormField[], body: readonly FormField[]): string | null {
  const inBody = new Set(body.map((field) => rootOf(field.name).toLowerCase()));
  for (const { name } of query) {
    const root = rootOf(name).trim().toLowerCase();
    if (inBody.has(root) || DECISIVE.has(root) || DECISIVE_OBJECTS.has(root)) return name;
  }
  return null;
}

function readBody(request: VendorRequest): readonly FormField[] | Denial {
  if (request.body.length === 0) return [];
  if (request.path.startsWith("/v2/")) return []; // JSON: no v2 write is in the catalogue, so policy refuses it.
  if (!/^application\/x-www-form-urlencoded(?:; *charset=utf-8)?$/i.test(request.contentType ?? "")) {
    return deny("request_malformed", "the body must be `application/x-www-form-urlencoded`");
  }
  const text = decodeUtf8(request.body);
  if (text === null) return deny("request_malformed", "the body is not valid UTF-8");
  const fields = parseForm(text);
  return typeof fields === "string" ? deny("request_ambiguous", `the body is ambiguous: ${fields}`) : fields;
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function findExpansionProblem(fields: readonly FormField[]): Denial | null {
  const expansions = fields.filter((field) => rootOf(field.name) === "expand");
  if (expansions.length > EXPANSIONS_MAX)
    return deny("request_malformed", `more than ${EXPANSIONS_MAX} expansions`);
  for (const { value } of expansions) {
    if (!EXPANSION.test(value))
      return deny("request_malformed", "an `expand` that is no field path of at most four parts");
    if (SENSITIVE_EXPANSION.test(value))
      return deny("endpoint_forbidden", `\`expand\` of \`${value}\` reveals card data`);
    const parts = value.startsWith("data.") ? value.slice("data.".length) : value;
    if (!parts.split(".").every((part) => EXPANDABLE.has(part)))
      return deny("endpoint_not_allowed", `\`expand\` of \`${value}\` is not on the list`);
  }
  return null;
}

type Priced = { readonly price: Price; readonly exposureId: string | null } | Denial;

function priceOf(
  endpoint: StripeEndpoint,
  parameters: ReadonlyMap<string, string>,
  body: ReadonlyMap<string, string>,
  pricing: Pricing,
): Priced {
  const invalid = findInvalidMoney(body);
  if (invalid !== null) return invalid;
  switch (endpoint.price) {
    case "none":
      if (body.has("balance")) return { price: CREDIT, exposureId: null };
      return { ...FREE, exposureId: endpoint.settle === "none" ? null : (objectOf(parameters) ?? null) };
    case "amount":
      return { price: statedPrice(body, pricing), exposureId: null };
    case "raise":
      return raisedPrice(endpoint, parameters, body, pricing);
    case "refund":
      return { price: refundPrice(body, pricing), exposureId: null };
  }
}

const CREDIT: Price = { kind: "unpriced", reason: "`balance` gives or takes a customer's credit" };

/** The one field that states a raised amount, by operation; Stripe goes by no other. */
const RAISED_BY: Readonly<Record<string, string>> = {
  "payment_intents.update": "amount",
  "payment_intents.confirm": "amount_to_confirm",
  "payment_intents.capture": "amount_to_capture",
  "payment_intents.increment_authorization": "amount",
  "charges.capture": "amount",
};
const AMOUNT_FIELDS = ["amount", "amount_to_capture", "amount_to_confirm"];

function findInvalidMoney(body: ReadonlyMap<string, string>): Denial | null {
  for (const name of ["amount", "amount_to_capture", "amount_to_confirm"]) {
    const value = body.get(name);
    if (value !== undefined && !AMOUNT.test(value)) {
      return deny(
        "request_malformed",
        `\`${name}\` must be a positive whole number of the currency's smallest unit`,
      );
    }
  }
  const currency = body.get("currency");
  if (currency !== undefined && !CURRENCY.test(currency)) {
    return deny("request_malformed", "`currency` must be a three-letter ISO code");
  }
  return null;
}

function statedPrice(body: ReadonlyMap<string, string>, pricing: Pricing): Price {
  const amount = body.get("amount");
  const currency = body.get("currency")?.toLowerCase();
  if (amount === undefined || currency === undefined) {
    return { kind: "unpriced", reason: "the request must state `amount` and `currency`" };
  }
  return knownPrice(BigInt(amount), currency, pricing);
}

/** Confirm, capture, update and increment set an object's total; only what was not yet counted costs. */
function raisedPrice(
  endpoint: StripeEndpoint,
  parameters: ReadonlyMap<string, string>,
  body: ReadonlyMap<string, string>,
  pricing: Pricing,
): Priced {
  const objectId = objectOf(parameters);
  if (objectId === undefined) return deny("request_malformed", "the path has no object id");
  const isUpdate = endpoint.operation === "payment_intents.update";
  const field = RAISED_BY[endpoint.operation] ?? "amount";
  const strayed = AMOUNT_FIELDS.find((name) => name !== field && body.has(name));
  if (strayed !== undefined) return deny("request_malformed", `this endpoint does not take \`${strayed}\``);
  if (!isUpdate && body.has("currency"))
    return deny("request_malformed", "this endpoint does not take `currency`");
  const stated = body.get(field);
  const currency = body.get("currency")?.toLowerCase() ?? null;
  if (isUpdate && stated === undefined && currency === null) return { ...FREE, exposureId: objectId };
  const isPartial = body.has("final_capture") && body.get("final_capture") !== "true";
  const amount = stated === undefined || isPartial ? null : BigInt(stated);
  if (amount !== null && currency !== null)
    return { price: knownPrice(amount, currency, pricing), exposureId: objectId };
  const lookup: PriceLookup = {
    objectType: parameters.has("charge") ? "charge" : "payment_intent",
    objectId,
    amount,
    currency,
    // A capture that is not the last leaves the object open for its whole amount.
    basis: endpoint.operation.endsWith(".capture") && !isPartial ? "capturable" : "amount",
  };
  return { price: { kind: "lookup", lookup }, exposureId: objectId };
}

function refundPrice(body: ReadonlyMap<string, string>, pricing: Pricing): Price {
  if ((body.get("refund_application_fee") ?? "false") !== "false") {
    return { kind: "unpriced", reason: "`refund_application_fee` gives back a fee of unknown size" };
  }
  const charge = body.get("charge");
  const intent = body.get("payment_intent");
  if (body.has("origin")) {
    if (charge === undefined && intent === undefined) return statedPrice(body, pricing);
    return { kind: "unpriced", reason: "the refund names an object and a balance: give one" };
  }
  const objectId = charge ?? intent;
  if (objectId === undefined || (charge !== undefined && intent !== undefined)) {
    return { kind: "unpriced", reason: "the refund must name one `charge` or one `payment_intent`" };
  }
  if (!OBJECT_ID.test(objectId)) return { kind: "unpriced", reason: "the refund names no valid object" };
  const amount = body.get("amount");
  const lookup: PriceLookup = {
    objectType: charge === undefined ? "payment_intent" : "charge",
    objectId,
    amount: amount === undefined ? null : BigInt(amount),
    currency: null,
    basis: "refundable",
  };
  return { kind: "lookup", lookup };
}

/** A price from an amount in minor units: known, or unpriced when the operator gave no usable rate. */
export function knownPrice(amount: bigint, currency: string, pricing: Pricing): Price {
  const micros = toUsdMicros(amount, currency, stripeExponent(currency), pricing.rates, pricing.today);
  if (micros === null) {
    return {
      kind: "unpriced",
      reason: `there is no current rate for \`${currency}\`: add it to the rate table`,
    };
  }
  return { kind: "known", amount, currency, micros };
}

/** The connected account that stands in a path: like a destination, it is somebody else's unless pinned. */
function accountsIn(path: string): readonly string[] {
  const account = /^\/(?:v1|v2\/core)\/accounts\/([^/]+)/.exec(path)?.[1];
  return account === undefined ? [] : [account];
}

function objectOf(parameters: ReadonlyMap<string, string>): string | undefined {
  return parameters.get("intent") ?? parameters.get("charge") ?? parameters.get("payout");
}

function readDestinations(endpoint: StripeEndpoint | null, body: readonly FormField[]): readonly string[] {
  // A payout goes to the account's own bank; everywhere else a destination is somebody else's account.
  const isPayout = endpoint?.operation === "payouts.create";
  return body.flatMap(({ name, value }) => {
    const root = rootOf(name);
    const diverts =
      root === "on_behalf_of" ||
      (root === "transfer_data" && name !== "transfer_data[amount]") ||
      (root === "destination" && !isPayout && name !== "destination[amount]");
    return diverts && value !== "" ? [value] : [];
  });
}

function readMetadata(body: readonly FormField[]): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const { name, value } of body) {
    const key = /^metadata\[([^\]]{1,40})\]$/.exec(name)?.[1];
    if (key !== undefined && metadata.size < METADATA_FIELDS_MAX) metadata.set(key, value);
  }
  return metadata;
}
