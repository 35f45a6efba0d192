import type { StripeCall } from "./account.ts";
import { formatAmount, parseCurrency } from "./currency.ts";
import { requireCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { Charge, Refund } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";
import { refundsArePending } from "./payment-methods.ts";

/** The endpoints below `/v1/refunds`. */
export const REFUND_OPERATIONS = {
  "refunds.create": (call: StripeCall) =>
    text(call.params, "origin") === undefined ? refundCharge(call) : refundCustomerBalance(call),
  "refunds.retrieve": retrieveRefund,
  "refunds.update": updateRefund,
  "refunds.cancel": cancelRefund,
  "refunds.list": (call: StripeCall) =>
    listObjects(call, call.account.refunds, {
      url: "/v1/refunds",
      kind: "refund",
      equal: ["charge", "payment_intent"],
      ranges: ["created"],
    }),
} as const;

/** Refunds the charge or payment intent that the call names, wholly unless it says how much. */
export function refundCharge(call: StripeCall): Refund {
  const { account, params } = call;
  const charge = refundedCharge(call);
  // An authorization has nothing captured: refunding it gives all of it back to the card, and no money moves.
  const isAuthorization = charge.amount_captured === 0;
  const rest = isAuthorization ? charge.amount : charge.amount_captured - charge.amount_refunded;
  if (rest <= 0 || charge.refunded) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: "charge_already_refunded",
    });
  }
  const amount = integer(params, "amount") ?? rest;
  if (amount > rest) {
    throw invalidRequest(
      `Refund amount (${formatAmount(amount, charge.currency)}) is greater than unrefunded amount on charge ` +
        `(${formatAmount(rest, charge.currency)})`,
      { param: "amount" },
    );
  }
  if (isAuthorization && amount < rest) {
    throw invalidRequest("An uncaptured charge can only be refunded in full.", { param: "amount" });
  }
  const id = account.refunds.newId("re");
  const method = account.paymentMethods.get(charge.payment_method);
  const transaction = isAuthorization ? null : payBack(call, id, amount, charge.currency);
  const refund = account.refunds.put({
    ...newRefund(call, id, amount, charge.currency),
    balance_transaction: transaction,
    charge: charge.id,
    destination_details: { card: { type: isAuthorization ? "reversal" : "refund" }, type: "card" },
    payment_intent: charge.payment_intent,
    status: refundsArePending(method) ? "pending" : "succeeded",
  });
  const refunded = account.charges.put({
    ...charge,
    amount_refunded: charge.amount_refunded + amount,
    refunded: amount === rest,
  });
  account.emit(call, "refund.created", refund);
  account.emit(call, "charge.refunded", refunded, { amount_refunded: charge.amount_refunded });
  return refund;
}

/** The charge that the call wants refunded. Throws when there is none that could be. */
function refundedCharge(call: StripeCall): Charge {
  const { account, params } = call;
  const chargeId = text(params, "charge");
  const intentId = text(params, "payment_intent");
  if (chargeId === undefined && intentId === undefined) {
    throw invalidRequest(
      "One of the following params should be provided for this request: payment_intent or charge.",
      {
        code: "parameter_missing",
      },
    );
  }
  const intent = intentId === undefined ? undefined : account.paymentIntents.get(intentId);
  if (intentId !== undefined && intent === undefined) {
    throw noSuch("payment_intent", intentId, "payment_intent", 404);
  }
  const wanted = chargeId ?? intent?.latest_charge ?? null;
  const charge = wanted === null ? undefined : account.charges.get(wanted);
  if (chargeId !== undefined && charge === undefined) throw noSuch("charge", chargeId, "charge", 404);
  if (charge !== undefined && intentId !== undefined && charge.payment_intent !== intentId) {
    throw invalidRequest(`Charge ${charge.id} does not belong to PaymentIntent ${intentId}.`, {
      param: "charge",
    });
  }
  const isRefundable = charge?.paid === true && (intent === undefined || charge.amount_captured > 0);
  if (charge === undefined || !isRefundable) {
    throw invalidRequest(
      intent === undefined
        ? `Charge ${wanted} failed and cannot be refunded.`
        : `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`,
      intent === undefined ? { code: "charge_not_refundable" } : {},
    );
  }
  return charge;
}

/** A refund from a customer's cash balance: it names its own currency and waits for the customer. */
function refundCustomerBalance(call: StripeCall): Refund {
  const { account, params } = call;
  const amount = integer(params, "amount");
  if (amount === undefined) throw missing("amount");
  const currencyText = text(params, "currency");
  if (currencyText === undefined) throw missing("currency");
  const customer = requireCustomer(call);
  if (customer === null) throw missing("customer");
  if (text(params, "charge") !== undefined || text(params, "payment_intent") !== undefined) {
    throw invalidRequest("A refund with an origin cannot name a charge or payment_intent.", {
      code: "parameters_exclusive",
      param: "origin",
    });
  }
  const currency = parseCurrency(currencyText);
  const id = account.refunds.newId("re");
  const email = text(params, "instructions_email");
  const refund = account.refunds.put({
    ...newRefund(call, id, amount, currency),
    balance_transaction: payBack(call, id, amount, currency),
    customer,
    destination_details: { type: "us_bank_transfer", us_bank_transfer: {} },
    ...(email === undefined ? {} : { instructions_email: email }),
    next_action: {
      type: "display_details",
      display_details: {
        email_sent: { email_sent_at: call.now, email_sent_to: email ?? "customer@example.com" },
        expires_at: call.now + 45 * 86_400,
      },
    },
    status: "requires_action",
  });
  account.emit(call, "refund.created", refund);
  return refund;
}

/** Takes the amount from the balance and counts it. */
function payBack(call: StripeCall, source: string, amount: number, currency: string): string {
  call.account.count(currency, "refunded", amount);
  return call.account.transact(call, {
    type: "refund",
    reporting_category: "refund",
    amount: -amount,
    currency,
    source,
    description: "REFUND",
  }).id;
}

function newRefund(
  call: StripeCall,
  id: string,
  amount: number,
  currency: string,
): Omit<Refund, "destination_details" | "status"> {
  const { params } = call;
  return {
    id,
    object: "refund",
    amount,
    balance_transaction: null,
    charge: null,
    created: call.now,
    currency,
    customer: null,
    customer_account: null,
    metadata: newMetadata(params["metadata"]),
    payment_intent: null,
    payment_method: null,
    reason: text(params, "reason") ?? null,
    receipt_number: null,
    source_transfer_reversal: null,
    transfer_reversal: null,
  };
}

function retrieveRefund(call: StripeCall): Refund {
  const refund = call.account.refunds.get(call.id);
  if (refund === undefined) throw noSuch("refund", call.id, "id", 404);
  return refund;
}

function updateRefund(call: StripeCall): Refund {
  const refund = retrieveRefund(call);
  const metadata = mergeMetadata(refund.metadata, call.params["metadata"]);
  const changed = call.account.refunds.put({ ...refund, metadata });
  call.account.emit(call, "refund.updated", changed, { metadata: refund.metadata });
  return changed;
}

function cancelRefund(call: StripeCall): Refund {
  const { account } = call;
  const refund = retrieveRefund(call);
  if (refund.status !== "requires_action") {
    throw invalidRequest(
      `You can only cancel refunds with a status of requires_action; this one has a status of ${refund.status}.`,
    );
  }
  account.count(refund.currency, "refunded", -refund.amount);
  account.transact(call, {
    type: "refund_failure",
    reporting_category: "refund_failure",
    amount: refund.amount,
    currency: refund.currency,
    source: refund.id,
    description: "REFUND CANCELED",
  });
  const { next_action: _, ...rest } = refund;
  const canceled = account.refunds.put({ ...rest, status: "canceled" });
  account.emit(call, "refund.updated", canceled, { status: refund.status });
  return canceled;
}
