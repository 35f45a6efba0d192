import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { Payout } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";

/** The endpoints below `/v1/payouts`. */
export const PAYOUT_OPERATIONS = {
  "payouts.create": createPayout,
  "payouts.retrieve": retrievePayout,
  "payouts.update": updatePayout,
  "payouts.cancel": cancelPayout,
  "payouts.reverse": reversePayout,
  "payouts.list": (call: StripeCall) =>
    listObjects(call, call.account.payouts, {
      url: "/v1/payouts",
      kind: "payout",
      equal: ["destination", "status"],
      ranges: ["arrival_date", "created"],
    }),
} as const;

const STANDARD_SECONDS = 2 * 86_400;
const INSTANT_SECONDS = 1_800;
const BANK_ACCOUNT = "ba_3SandboxBankAccount00001";

function createPayout(call: StripeCall): Payout {
  const { account, params } = call;
  const amount = integer(params, "amount");
  if (amount === undefined) throw missing("amount");
  const currency = parseCurrency(text(params, "currency") ?? "");
  const destination = payoutDestination(call);
  const metadata = newMetadata(params["metadata"]);
  account.requireBalance(amount, currency);
  const id = account.payouts.newId("po");
  const method = text(params, "method") ?? "standard";
  const transaction = account.transact(call, {
    type: "payout",
    reporting_category: "payout",
    amount: -amount,
    currency,
    source: id,
    description: "STRIPE PAYOUT",
  });
  account.count(currency, "paidOut", amount);
  const payout = account.payouts.put({
    id,
    object: "payout",
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: call.now + (method === "instant" ? INSTANT_SECONDS : STANDARD_SECONDS),
    automatic: false,
    balance_transaction: transaction.id,
    created: call.now,
    currency,
    description: text(params, "description") ?? null,
    destination,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata,
    method,
    original_payout: null,
    payout_method: text(params, "payout_method") ?? null,
    reconciliation_status: "not_applicable",
    reversed_by: null,
    source_type: text(params, "source_type") ?? "card",
    statement_descriptor: text(params, "statement_descriptor") ?? null,
    status: "pending",
    trace_id: { status: "pending", value: null },
    type: "bank_account",
  });
  account.emit(call, "payout.created", payout);
  return payout;
}

function payoutDestination(call: StripeCall): string {
  const { destination = BANK_ACCOUNT } = call.params;
  if (typeof destination === "string" && /^(?:ba|card)_\w+$/.test(destination)) return destination;
  throw noSuch("external account", String(destination), "destination", 400);
}

function retrievePayout(call: StripeCall): Payout {
  const payout = call.account.payouts.get(call.id);
  if (payout === undefined) throw noSuch("payout", call.id, "payout", 404);
  return payout;
}

function updatePayout(call: StripeCall): Payout {
  const payout = retrievePayout(call);
  const metadata = mergeMetadata(payout.metadata, call.params["metadata"]);
  const changed = call.account.payouts.put({ ...payout, metadata });
  call.account.emit(call, "payout.updated", changed, { metadata: payout.metadata });
  return changed;
}

function cancelPayout(call: StripeCall): Payout {
  const { account } = call;
  const payout = retrievePayout(call);
  if (payout.status !== "pending") {
    throw invalidRequest(`Only pending payouts can be canceled; this one has a status of ${payout.status}.`);
  }
  const transaction = account.transact(call, {
    type: "payout_cancel",
    reporting_category: "payout_reversal",
    amount: payout.amount,
    currency: payout.currency,
    source: payout.id,
    description: "STRIPE PAYOUT CANCELED",
  });
  account.count(payout.currency, "paidOut", -payout.amount);
  const canceled = account.payouts.put({
    ...payout,
    failure_balance_transaction: transaction.id,
    status: "canceled",
  });
  account.emit(call, "payout.canceled", canceled, { status: payout.status });
  return canceled;
}

/** Brings a payout back: a payout of its own with the amount below zero, which the original names. */
function reversePayout(call: StripeCall): Payout {
  const { account, params } = call;
  const payout = retrievePayout(call);
  if (payout.original_payout !== null || payout.reversed_by !== null || payout.status === "canceled") {
    throw invalidRequest(`Payout ${payout.id} cannot be reversed.`);
  }
  const metadata = newMetadata(params["metadata"]);
  const id = account.payouts.newId("po");
  const transaction = account.transact(call, {
    type: "payout",
    reporting_category: "payout_reversal",
    amount: payout.amount,
    currency: payout.currency,
    source: id,
    description: "STRIPE PAYOUT REVERSAL",
  });
  account.count(payout.currency, "paidOut", -payout.amount);
  const reversal = account.payouts.put({
    ...payout,
    id,
    amount: -payout.amount,
    balance_transaction: transaction.id,
    created: call.now,
    metadata,
    original_payout: payout.id,
    status: "pending",
  });
  account.emit(call, "payout.created", reversal);
  const reversed = account.payouts.put({ ...payout, reversed_by: id });
  account.emit(call, "payout.updated", reversed, { reversed_by: null });
  return reversal;
}
