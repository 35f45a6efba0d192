import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { StripeObject } from "./objects.ts";
import { hash, integer, missing, text, texts } from "./parameters.ts";

interface Kind {
  /** The last part of `object` and of the URL. */
  readonly name: string;
  readonly prefix: string;
  readonly family: string;
}

const OUTBOUND_PAYMENT: Kind = { name: "outbound_payment", prefix: "obp", family: "outbound_payments" };
const OUTBOUND_TRANSFER: Kind = { name: "outbound_transfer", prefix: "obt", family: "outbound_transfers" };
const PAYOUT_INTENT: Kind = { name: "payout_intent", prefix: "pint", family: "payout_intents" };
const INBOUND_TRANSFER: Kind = { name: "inbound_transfer", prefix: "ibt", family: "inbound_transfers" };

/** The endpoints below `/v2/money_management`: JSON bodies, amounts as `{value, currency}`, times as ISO text. */
export const MONEY_MANAGEMENT_OPERATIONS = {
  "v2_outbound_payments.create": (call: StripeCall) => startOutbound(call, OUTBOUND_PAYMENT),
  "v2_outbound_payments.retrieve": (call: StripeCall) => require(call, OUTBOUND_PAYMENT),
  "v2_outbound_payments.list": (call: StripeCall) => list(call, OUTBOUND_PAYMENT),
  "v2_outbound_payments.cancel": (call: StripeCall) => cancel(call, OUTBOUND_PAYMENT),
  "v2_outbound_transfers.create": (call: StripeCall) => startOutbound(call, OUTBOUND_TRANSFER),
  "v2_outbound_transfers.retrieve": (call: StripeCall) => require(call, OUTBOUND_TRANSFER),
  "v2_outbound_transfers.list": (call: StripeCall) => list(call, OUTBOUND_TRANSFER),
  "v2_outbound_transfers.cancel": (call: StripeCall) => cancel(call, OUTBOUND_TRANSFER),
  "v2_payout_intents.create": createIntent,
  "v2_payout_intents.retrieve": (call: StripeCall) => require(call, PAYOUT_INTENT),
  "v2_payout_intents.update": updateIntent,
  "v2_payout_intents.list": (call: StripeCall) => list(call, PAYOUT_INTENT),
  "v2_payout_intents.cancel": (call: StripeCall) => cancel(call, PAYOUT_INTENT),
  "v2_payout_intents.confirm": confirmIntent,
  "v2_inbound_transfers.create": startInbound,
  "v2_inbound_transfers.retrieve": (call: StripeCall) => require(call, INBOUND_TRANSFER),
  "v2_inbound_transfers.list": (call: StripeCall) => list(call, INBOUND_TRANSFER),
} as const;

interface Amount extends JsonObject {
  readonly value: number;
  readonly currency: string;
}

/** The `amount` of the call: a whole number of minor units from 1, and a currency. */
function amountParam({ params }: StripeCall): Amount {
  const amount = hash(params, "amount") ?? {};
  const { value, currency, ...rest } = amount;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw invalidRequest(`Received unknown parameter: amount[${unknown}]`, {
      code: "parameter_unknown",
      param: `amount[${unknown}]`,
    });
  }
  if (value === undefined) throw missing("amount.value");
  if (typeof currency !== "string") throw missing("amount.currency");
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw invalidRequest("Invalid integer for amount.value.", {
      code: "parameter_invalid_integer",
      param: "amount.value",
    });
  }
  return { value, currency: parseCurrency(currency) };
}

function iso(call: StripeCall): string {
  return new Date(call.now * 1_000).toISOString();
}

function part(call: StripeCall, side: "from" | "to", name: string): string {
  const id = text(hash(call.params, side) ?? {}, name);
  if (id === undefined) throw missing(`${side}.${name}`);
  return id;
}

function collection(call: StripeCall, { name }: Kind): ReturnType<StripeCall["account"]["objects"]> {
  return call.account.objects(`v2.money_management.${name}`);
}

function add(call: StripeCall, kind: Kind, fields: JsonObject): StripeObject {
  const { description } = call.params;
  const object = collection(call, kind).put({
    id: collection(call, kind).newId(kind.prefix),
    object: `v2.money_management.${kind.name}`,
    created: iso(call),
    ...(description === undefined || description === null ? {} : { description }),
    livemode: false,
    ...(kind === INBOUND_TRANSFER ? {} : { metadata: newMetadata(call.params["metadata"]) }),
    ...fields,
  });
  call.account.emit(call, `v2.money_management.${kind.name}.created`, object);
  return object;
}

function require(call: StripeCall, kind: Kind): StripeObject {
  const object = collection(call, kind).get(call.id);
  if (object === undefined) throw noSuch(kind.name, call.id, "id", 404);
  return object;
}

/** A page of the second version of the API: it names the address of the next one. */
function list(call: StripeCall, kind: Kind): JsonObject {
  const { params } = call;
  const limit = integer(params, "limit") ?? 10;
  const after = text(params, "page");
  const wanted = texts(params, "status");
  const data: StripeObject[] = [];
  let next: string | null = null;
  for (const object of collection(call, kind).newestFirst(after)) {
    if (wanted.length > 0 && !wanted.includes(String(object["status"]))) continue;
    if (data.length === limit) {
      next = `/v2/money_management/${kind.family}?limit=${limit}&page=${data.at(-1)?.id}`;
      break;
    }
    data.push(object);
  }
  return { data, next_page_url: next, previous_page_url: null };
}

function pay(call: StripeCall, source: string, { value, currency }: Amount, direction: 1 | -1): void {
  const { account } = call;
  if (direction < 0) account.requireBalance(value, currency);
  account.transact(call, {
    type: direction < 0 ? "payout" : "topup",
    reporting_category: direction < 0 ? "payout" : "topup",
    amount: direction * value,
    currency,
    source,
  });
}

function startOutbound(call: StripeCall, kind: Kind): StripeObject {
  const amount = amountParam(call);
  return outbound(call, kind, amount, hash(call.params, "from") ?? {}, hash(call.params, "to") ?? {});
}

function outbound(
  call: StripeCall,
  kind: Kind,
  amount: Amount,
  from: JsonObject,
  to: JsonObject,
): StripeObject {
  const account = text(from, "financial_account");
  if (account === undefined) throw missing("from.financial_account");
  const target = kind === OUTBOUND_PAYMENT ? "recipient" : "payout_method";
  const payee = text(to, target);
  if (payee === undefined) throw missing(`to.${target}`);
  call.account.requireBalance(amount.value, amount.currency);
  const object = add(call, kind, {
    amount,
    cancelable: true,
    expected_arrival_date: iso(call),
    from: { debited: amount, financial_account: account },
    ...(kind === OUTBOUND_PAYMENT ? { recipient_notification: { setting: "configured" } } : {}),
    statement_descriptor: text(call.params, "statement_descriptor") ?? "SANDBOX",
    status: "processing",
    status_details: null,
    status_transitions: {},
    to: {
      credited: amount,
      [target]: payee,
      ...(text(to, "payout_method") === undefined ? {} : { payout_method: text(to, "payout_method") ?? "" }),
    },
    trace_id: { status: "pending" },
  });
  pay(call, object.id, amount, -1);
  call.account.count(amount.currency, "paidOut", amount.value);
  return object;
}

function change(
  call: StripeCall,
  kind: Kind,
  object: StripeObject,
  fields: JsonObject,
  event: string,
): StripeObject {
  const changed = collection(call, kind).put({ ...object, ...fields });
  call.account.emit(call, `v2.money_management.${kind.name}.${event}`, changed);
  return changed;
}

function cancel(call: StripeCall, kind: Kind): StripeObject {
  const object = require(call, kind);
  const isOpen =
    kind === PAYOUT_INTENT ? object["status"] === "requires_action" : object["status"] === "processing";
  if (!isOpen) {
    throw invalidRequest(`This ${kind.name} cannot be canceled: it has a status of ${object["status"]}.`, {
      code: "not_cancelable",
    });
  }
  if (kind !== PAYOUT_INTENT) {
    const amount = object["amount"] as Amount;
    pay(call, object.id, amount, 1);
    call.account.count(amount.currency, "paidOut", -amount.value);
  }
  const transitions = (object["status_transitions"] ?? {}) as JsonObject;
  return change(
    call,
    kind,
    object,
    {
      ...(kind === PAYOUT_INTENT ? {} : { cancelable: false }),
      status: "canceled",
      status_transitions: { ...transitions, canceled_at: iso(call) },
    },
    "canceled",
  );
}

/** With `confirmation_method` `manual` it waits for its confirmation; else it pays at once. */
function createIntent(call: StripeCall): StripeObject {
  const amount = amountParam(call);
  const method = text(call.params, "confirmation_method") ?? "automatic";
  part(call, "from", "financial_account");
  const intent = add(call, PAYOUT_INTENT, {
    amount,
    confirmation_method: method,
    from: hash(call.params, "from") ?? {},
    status: "requires_action",
    status_transitions: { requires_action_at: iso(call) },
    to: hash(call.params, "to") ?? {},
    next_action: { confirm: { reason: "manually_requested" }, type: "confirm" },
    ...(text(call.params, "statement_descriptor") === undefined
      ? {}
      : { statement_descriptor: text(call.params, "statement_descriptor") ?? "" }),
  });
  return method === "manual" ? intent : payOut(call, intent);
}

function updateIntent(call: StripeCall): StripeObject {
  const intent = require(call, PAYOUT_INTENT);
  const to = hash(call.params, "to");
  return change(
    call,
    PAYOUT_INTENT,
    intent,
    {
      description: text(call.params, "description") ?? intent["description"] ?? "",
      metadata: mergeMetadata((intent["metadata"] ?? {}) as Record<string, string>, call.params["metadata"]),
      ...(to === undefined ? {} : { to }),
    },
    "updated",
  );
}

function confirmIntent(call: StripeCall): StripeObject {
  const intent = require(call, PAYOUT_INTENT);
  if (intent["status"] === "requires_action") return payOut(call, intent);
  throw invalidRequest(`This payout intent cannot be confirmed: it has a status of ${intent["status"]}.`);
}

function payOut(call: StripeCall, intent: StripeObject): StripeObject {
  const to = hash(intent, "to") ?? {};
  const kind = text(to, "recipient") === undefined ? OUTBOUND_TRANSFER : OUTBOUND_PAYMENT;
  const paid = outbound(call, kind, intent["amount"] as Amount, hash(intent, "from") ?? {}, to);
  const { next_action: _, ...rest } = intent;
  const transitions = (intent["status_transitions"] ?? {}) as JsonObject;
  return change(
    call,
    PAYOUT_INTENT,
    rest as StripeObject,
    {
      latest_payout: { [kind.name]: paid.id, type: kind.name },
      status: "processing",
      status_transitions: { ...transitions, processing_at: iso(call) },
    },
    "processing",
  );
}

function startInbound(call: StripeCall): StripeObject {
  const amount = amountParam(call);
  const method = part(call, "from", "payment_method");
  const account = part(call, "to", "financial_account");
  const object = add(call, INBOUND_TRANSFER, {
    amount,
    description: text(call.params, "description") ?? "",
    from: { debited: amount, payment_method: { type: "us_bank_account", us_bank_account: method } },
    to: { credited: amount, financial_account: account },
    transfer_history: [],
  });
  pay(call, object.id, amount, 1);
  return object;
}
