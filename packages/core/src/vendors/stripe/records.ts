import type { Endpoint, Operation, VendorRead } from "../../operation.ts";
import type { Outcome } from "../../outcome.ts";
import type { RecordPage, RecordSpan, Trace, VendorRecord, VendorRecords } from "../records.ts";
import type { VendorAnswer } from "../vendor.ts";
import { listStripeEndpoints } from "./catalogue.ts";
import { isObject, parseObject, readAmount, readText, type StripeObject } from "./json-object.ts";
import { readStripeOutcome } from "./read-outcome.ts";

const EVENTS = "/v1/events";
const BALANCE = "/v1/balance_transactions";
const PAGE_SIZE = 100;

/** The objects by which money moves, and the endpoint whose answer has the same shape: its rule reads the amount. */
const KINDS: Readonly<Record<string, string>> = {
  charge: "charges.create",
  "climate.order": "climate.orders.create",
  credit_note: "credit_notes.create",
  payment_intent: "payment_intents.create",
  payout: "payouts.create",
  refund: "refunds.create",
  topup: "topups.create",
  transfer: "transfers.create",
  "treasury.inbound_transfer": "treasury.inbound_transfers.create",
  "treasury.outbound_payment": "treasury.outbound_payments.create",
  "treasury.outbound_transfer": "treasury.outbound_transfers.create",
};

/** Calls whose effect always is an event that names their request. */
const LISTED: Readonly<Record<string, string>> = {
  "POST /v1/charges": "charge",
  "POST /v1/charges/{charge}/capture": "charge",
  "POST /v1/payment_intents": "payment_intent",
  "POST /v1/payment_intents/{intent}/cancel": "payment_intent",
  "POST /v1/payment_intents/{intent}/capture": "payment_intent",
  "POST /v1/payment_intents/{intent}/confirm": "payment_intent",
  "POST /v1/payouts": "payout",
  "POST /v1/payouts/{payout}/cancel": "payout",
  "POST /v1/refunds": "refund",
  "POST /v1/topups": "topup",
  "POST /v1/transfers": "transfer",
};

/** Calls that an event may tell of; without one nothing is known. */
const TOLD: Readonly<Record<string, string>> = {
  "POST /v1/charges/{charge}/refund": "refund",
  "POST /v1/charges/{charge}/refunds": "refund",
  "POST /v1/climate/orders": "climate.order",
  "POST /v1/credit_notes": "credit_note",
  "POST /v1/payment_intents/{intent}/increment_authorization": "payment_intent",
  "POST /v1/treasury/inbound_transfers": "treasury.inbound_transfer",
  "POST /v1/treasury/outbound_payments": "treasury.outbound_payment",
  "POST /v1/treasury/outbound_transfers": "treasury.outbound_transfer",
};

/** What a balance transaction's `type` may be for its amount to be that of an object which a call made. */
const MOVEMENTS = new Set(["charge", "payment", "payment_refund", "payout", "refund", "topup", "transfer"]);

/**
 * Stripe's events of money, each with the id and the idempotency key of the request that caused it, and its balance
 * transactions as a second source of amounts. Events are kept for 30 days.
 */
export const stripeRecords: VendorRecords = {
  keptDays: 30,
  lists: (span) => [EVENTS, BALANCE].map((path) => pageAfter(path, span, null)),
  readPage: (read, answer, span) => readPage(read, answer, span),
  traceOf: (endpoint): Trace | null => {
    const listed = LISTED[endpoint];
    const kind = listed ?? TOLD[endpoint];
    const isListed = listed !== undefined;
    return kind === undefined ? null : { kind, isListed, provesAbsence: isListed, namesObject: true };
  },
  total: () => null,
  readTotal: () => null,
};

function pageAfter(path: string, { from, until }: RecordSpan, id: string | null): VendorRead {
  const range = `created[gte]=${secondsOf(from)}&created[lt]=${secondsOf(until)}`;
  const after = id === null ? "" : `&starting_after=${encodeURIComponent(id)}`;
  return { method: "GET", path, query: `${range}&limit=${PAGE_SIZE}${after}`, body: null };
}

function secondsOf(at: Date): number {
  return Math.floor(at.getTime() / 1_000);
}

function readPage(read: VendorRead, answer: VendorAnswer, span: RecordSpan): RecordPage | null {
  const page = answer.status === 200 ? parseObject(answer.body) : null;
  const data = page?.["data"];
  if (!Array.isArray(data)) return null;
  const records: VendorRecord[] = [];
  for (const item of data as unknown[]) {
    if (!isObject(item) || readText(item["id"]) === null || readAmount(item["created"]) === null) return null;
    const record = read.path === EVENTS ? readEvent(item) : readMovement(item);
    if (record !== null) records.push(record);
  }
  const last: unknown = data.at(-1);
  const isOver = page?.["has_more"] !== true || !isObject(last);
  return { records, next: isOver ? null : pageAfter(read.path, span, readText(last["id"])) };
}

function readEvent(event: StripeObject): VendorRecord | null {
  const data = event["data"];
  const object = isObject(data) ? data["object"] : null;
  const what = readText(event["type"]) ?? "";
  const kind = isObject(object) ? (readText(object["object"]) ?? "") : "";
  // A change of labels is no money; a change of status has an event of its own name.
  if (!isObject(object) || !Object.hasOwn(KINDS, kind) || what.endsWith(".updated")) return null;
  const request = isObject(event["request"]) ? event["request"] : {};
  // Accounts of before 2017 are told the request's id alone.
  const requestId = readText(event["request"]);
  const idempotencyKey = readText(request["idempotency_key"]);
  return {
    ...identityOf(event),
    what,
    kind: what === "charge.refunded" ? "charge_refunded" : kind,
    objectIds: objectsOf(what, object),
    requestId,
    idempotencyKey,
    isAutomatic: requestId === null && idempotencyKey === null,
    outcome: outcomeOf(what, kind, object, isObject(data) ? data["previous_attributes"] : null),
  };
}

function identityOf(item: StripeObject): { readonly id: string; readonly at: Date } {
  return { id: readText(item["id"]) ?? "", at: new Date(Number(item["created"]) * 1_000) };
}

/** A charge was made by its intent's call; a refund is never explained by the call that made the charge. */
function objectsOf(what: string, object: StripeObject): readonly string[] {
  if (what === "charge.refunded") return [];
  const parents = object["object"] === "charge" ? [object["id"], object["payment_intent"]] : [object["id"]];
  return parents.flatMap((value) => readText(value) ?? []);
}

function outcomeOf(what: string, kind: string, object: StripeObject, previous: unknown): Outcome {
  const currency = readText(object["currency"])?.toLowerCase() ?? null;
  const objectId = readText(object["id"]);
  if (what === "charge.refunded") {
    const before = isObject(previous) ? (readAmount(previous["amount_refunded"]) ?? 0n) : 0n;
    const amount = (readAmount(object["amount_refunded"]) ?? 0n) - before;
    return { kind: "settled", amount, currency, exposure: null, objectId, customerId: null };
  }
  if (what === "charge.failed" && currency !== null && objectId !== null) {
    const exposure = { objectId, amount: 0n, currency, isFinal: true };
    return { kind: "settled", amount: 0n, currency, exposure, objectId, customerId: null };
  }
  const endpoint = ENDPOINT_OF_KIND.get(kind);
  if (endpoint === undefined) return { kind: "unknown", reason: `no amount is read from a ${kind}` };
  const answer = { status: 200, header: () => null, body: JSON.stringify(object) };
  return readStripeOutcome(callOf(endpoint), answer);
}

const ENDPOINT_OF_KIND: ReadonlyMap<string, Endpoint> = new Map(
  Object.entries(KINDS).map(([kind, operation]) => {
    const endpoint = listStripeEndpoints().find((candidate) => candidate.operation === operation);
    if (endpoint === undefined) throw new TypeError(`the catalogue has no \`${operation}\``);
    return [kind, endpoint] as const;
  }),
);

/** A call of an endpoint as far as the rule that reads its answer looks at it. */
function callOf(endpoint: Endpoint): Operation {
  return {
    vendor: "stripe",
    method: endpoint.method,
    path: endpoint.template.text,
    query: null,
    host: "main",
    contentType: null,
    endpoint,
    price: { kind: "unpriced", reason: "it was made already" },
    exposureId: null,
    account: null,
    demands: [],
    customers: { named: [], owned: [], isOpen: false },
    customerId: null,
    idempotencyKey: null,
    metadata: new Map(),
    additions: new Map(),
  };
}

function readMovement(item: StripeObject): VendorRecord | null {
  const source = readText(item["source"]);
  const amount = item["amount"];
  const currency = readText(item["currency"])?.toLowerCase() ?? null;
  const type = readText(item["type"]) ?? "";
  if (source === null || currency === null || !Number.isSafeInteger(amount) || !MOVEMENTS.has(type))
    return null;
  return {
    ...identityOf(item),
    what: `balance_transaction ${type}`,
    kind: "movement",
    objectIds: [source],
    requestId: null,
    idempotencyKey: null,
    isAutomatic: true,
    outcome: {
      kind: "settled",
      amount: BigInt(Math.abs(Number(amount))),
      currency,
      exposure: null,
      objectId: source,
      customerId: null,
    },
  };
}
