import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import { randomText } from "./ids.ts";
import type { StripeObject } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";
import { amountOf, nulls, Resource } from "./resource.ts";
import { FINANCIAL_ACCOUNTS, moveCash } from "./treasury-accounts.ts";

/** Stripe's Treasury OutboundPayment. */
export const OUTBOUND_PAYMENTS = new Resource({
  kind: "treasury.outbound_payment",
  prefix: "obp",
  url: "/v1/treasury/outbound_payments",
  equal: ["customer", "financial_account", "status"],
  blank: {
    ...nulls(
      "customer description destination_payment_method destination_payment_method_details " +
        "end_user_details hosted_regulatory_receipt_url returned_details tracking_details",
    ),
    amount: 0,
    cancelable: false,
    currency: "",
    expected_arrival_date: 0,
    financial_account: "",
    statement_descriptor: "",
    status: "canceled",
    status_transitions: { ...nulls("canceled_at failed_at posted_at returned_at") },
    transaction: "",
  },
});

/** Stripe's Treasury OutboundTransfer. */
export const OUTBOUND_TRANSFERS = new Resource({
  kind: "treasury.outbound_transfer",
  prefix: "obt",
  url: "/v1/treasury/outbound_transfers",
  equal: ["financial_account", "status"],
  blank: {
    ...nulls(
      "description destination_payment_method hosted_regulatory_receipt_url returned_details " +
        "tracking_details",
    ),
    amount: 0,
    cancelable: false,
    currency: "",
    destination_payment_method_details: {
      billing_details: { ...nulls("email name"), address: "" },
      type: "financial_account",
    },
    expected_arrival_date: 0,
    financial_account: "",
    statement_descriptor: "",
    status: "canceled",
    status_transitions: { ...nulls("canceled_at failed_at posted_at returned_at") },
    transaction: "",
  },
});

/** Stripe's Treasury InboundTransfer. */
export const INBOUND_TRANSFERS = new Resource({
  kind: "treasury.inbound_transfer",
  prefix: "ibt",
  url: "/v1/treasury/inbound_transfers",
  equal: ["financial_account", "status"],
  blank: {
    ...nulls(
      "description failure_details hosted_regulatory_receipt_url origin_payment_method " +
        "origin_payment_method_details returned transaction",
    ),
    amount: 0,
    cancelable: false,
    currency: "",
    financial_account: "",
    linked_flows: { ...nulls("received_debit") },
    statement_descriptor: "",
    status: "canceled",
    status_transitions: { ...nulls("failed_at succeeded_at") },
  },
});

/** The endpoints that move a financial account's money. */
export const TREASURY_FLOW_OPERATIONS = {
  "treasury_outbound_payments.create": (call: StripeCall) => startFlow(call, OUTBOUND_PAYMENTS, -1),
  "treasury_outbound_payments.retrieve": (call: StripeCall) => OUTBOUND_PAYMENTS.require(call),
  "treasury_outbound_payments.list": (call: StripeCall) => OUTBOUND_PAYMENTS.list(call),
  "treasury_outbound_payments.cancel": (call: StripeCall) => cancelFlow(call, OUTBOUND_PAYMENTS, -1),
  "treasury_outbound_transfers.create": (call: StripeCall) => startFlow(call, OUTBOUND_TRANSFERS, -1),
  "treasury_outbound_transfers.retrieve": (call: StripeCall) => OUTBOUND_TRANSFERS.require(call),
  "treasury_outbound_transfers.list": (call: StripeCall) => OUTBOUND_TRANSFERS.list(call),
  "treasury_outbound_transfers.cancel": (call: StripeCall) => cancelFlow(call, OUTBOUND_TRANSFERS, -1),
  "treasury_inbound_transfers.create": (call: StripeCall) => startFlow(call, INBOUND_TRANSFERS, 1),
  "treasury_inbound_transfers.retrieve": (call: StripeCall) => INBOUND_TRANSFERS.require(call),
  "treasury_inbound_transfers.list": (call: StripeCall) => INBOUND_TRANSFERS.list(call),
  "treasury_inbound_transfers.cancel": (call: StripeCall) => cancelFlow(call, INBOUND_TRANSFERS, 1),
} as const;

const ARRIVAL_SECONDS = 2 * 86_400;

function startFlow(call: StripeCall, resource: Resource, direction: 1 | -1): StripeObject {
  const { params } = call;
  const account = FINANCIAL_ACCOUNTS.refer(call, text(params, "financial_account"), "financial_account");
  const amount = integer(params, "amount");
  if (amount === undefined) throw missing("amount");
  const flow = resource.build(call, {
    ...("expected_arrival_date" in resource.shape.blank
      ? { expected_arrival_date: call.now + ARRIVAL_SECONDS }
      : {}),
    cancelable: true,
    statement_descriptor: text(params, "statement_descriptor") ?? (direction < 0 ? "payment" : "transfer"),
    status: "processing",
    transaction: `trxn_3${randomText(23)}`,
  });
  move(call, flow, account, amount * direction);
  return resource.add(call, flow);
}

/** Moves the money and, when it leaves, counts it. */
function move(call: StripeCall, flow: JsonObject, account: StripeObject, amount: number): void {
  const currency = String(flow["currency"]);
  moveCash(call, account, currency, amount);
  const isInbound = flow["object"] === INBOUND_TRANSFERS.shape.kind;
  if (!isInbound) call.account.count(currency, "paidOut", -amount);
}

function cancelFlow(call: StripeCall, resource: Resource, direction: 1 | -1): StripeObject {
  const flow = resource.require(call);
  if (flow["status"] !== "processing") {
    throw invalidRequest(`Only processing ones can be canceled; this one has a status of ${flow["status"]}.`);
  }
  const account = FINANCIAL_ACCOUNTS.refer(call, flow["financial_account"], "financial_account");
  move(call, flow, account, -direction * amountOf(flow, "amount"));
  const transitions = flow["status_transitions"] as JsonObject;
  return resource.change(
    call,
    flow,
    {
      cancelable: false,
      status: "canceled",
      ...("canceled_at" in transitions
        ? { status_transitions: { ...transitions, canceled_at: call.now } }
        : {}),
    },
    "canceled",
  );
}
