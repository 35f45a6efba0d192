import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { exponentOf } from "./currency.ts";
import { randomText } from "./ids.ts";
import type { Metadata } from "./metadata.ts";
import type { Charge, PaymentMethod } from "./objects.ts";
import { asSource, type Decline, declineOf, GENERIC_DECLINE, NO_BILLING_DETAILS } from "./payment-methods.ts";

/** What a charge takes over from whoever asks for it. */
export interface ChargeOrder {
  readonly amount: number;
  readonly currency: string;
  readonly method: PaymentMethod;
  /** False only authorizes. */
  readonly capture: boolean;
  readonly paymentIntent: string | null;
  readonly customer: string | null;
  readonly description: string | null;
  readonly metadata: Metadata;
  readonly applicationFeeAmount: number | null;
  readonly onBehalfOf: string | null;
  readonly receiptEmail: string | null;
  readonly shipping: JsonObject | null;
  readonly statementDescriptor: string | null;
  readonly statementDescriptorSuffix: string | null;
  readonly transferData: JsonObject | null;
  readonly transferGroup: string | null;
}

/** Charges a card and keeps the charge, a failed one too. `decline` says why it failed; null when it paid. */
export function chargeCard(
  call: StripeCall,
  order: ChargeOrder,
): { charge: Charge; decline: Decline | null } {
  const decline = call.isDeclineForced ? GENERIC_DECLINE : declineOf(order.method);
  call.account.paymentMethods.put(order.method);
  const charge = call.account.charges.put(newCharge(call, order, decline));
  if (decline !== null) {
    call.account.emit(call, "charge.failed", charge);
    return { charge, decline };
  }
  if (!order.capture) {
    call.account.emit(call, "charge.succeeded", charge);
    return { charge, decline };
  }
  const settled = settle(call, charge, order.amount, true);
  call.account.emit(call, "charge.succeeded", settled);
  return { charge: settled, decline };
}

/** Captures `amount` of an authorized charge; `isFinal` gives the rest back to the card. */
export function captureCharge(call: StripeCall, charge: Charge, amount: number, isFinal: boolean): Charge {
  const settled = settle(call, charge, amount, isFinal);
  call.account.emit(call, "charge.captured", settled);
  return settled;
}

/** Gives an authorized charge that was never captured back to the card. */
export function releaseCharge(call: StripeCall, charge: Charge): Charge {
  const released = call.account.charges.put({ ...charge, amount_refunded: charge.amount, refunded: true });
  call.account.emit(call, "charge.refunded", released);
  return released;
}

/** Stripe's fee on a captured amount: 2.9 % and 30 minor units (none in currencies without decimals). */
function feeOn(amount: number, currency: string): number {
  const fixed = exponentOf(currency) === 0 ? 0 : 30;
  return Math.min(amount, Math.round((amount * 29) / 1_000) + fixed);
}

function settle(call: StripeCall, charge: Charge, amount: number, isFinal: boolean): Charge {
  const { account } = call;
  let transaction = charge.balance_transaction;
  if (amount > 0) {
    transaction = account.transact(call, {
      type: "charge",
      reporting_category: "charge",
      amount,
      fee: feeOn(amount, charge.currency),
      currency: charge.currency,
      source: charge.id,
      description: charge.description,
    }).id;
    account.count(charge.currency, "captured", amount);
  }
  return account.charges.put({
    ...charge,
    amount_captured: charge.amount_captured + amount,
    balance_transaction: charge.balance_transaction ?? transaction,
    captured: isFinal,
  });
}

function newCharge(call: StripeCall, order: ChargeOrder, decline: Decline | null): Charge {
  const { method } = order;
  const isPaid = decline === null;
  return {
    id: call.account.charges.newId("ch"),
    object: "charge",
    amount: order.amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: order.applicationFeeAmount,
    balance_transaction: null,
    billing_details: NO_BILLING_DETAILS,
    calculated_statement_descriptor: isPaid ? (order.statementDescriptor ?? "KEYBRAKE SANDBOX") : null,
    captured: false,
    created: call.now,
    currency: order.currency,
    customer: order.customer,
    description: order.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: order.metadata,
    on_behalf_of: order.onBehalfOf,
    outcome: outcome(decline),
    paid: isPaid,
    payment_intent: order.paymentIntent,
    payment_method: method.id,
    payment_method_details: cardDetails(method, order.amount),
    receipt_email: order.receiptEmail,
    receipt_number: null,
    receipt_url: isPaid ? `https://pay.stripe.com/receipts/payment/${randomText(24)}` : null,
    refunded: false,
    review: null,
    shipping: order.shipping,
    source: method.id.startsWith("card_") ? asSource(method) : null,
    source_transfer: null,
    statement_descriptor: order.statementDescriptor,
    statement_descriptor_suffix: order.statementDescriptorSuffix,
    status: isPaid ? "succeeded" : "failed",
    transfer_data: order.transferData,
    transfer_group: order.transferGroup,
  };
}

function outcome(decline: Decline | null): object {
  const isPaid = decline === null;
  return {
    advice_code: null,
    network_advice_code: null,
    network_decline_code: isPaid ? null : "05",
    network_status: isPaid ? "approved_by_network" : "declined_by_network",
    reason: decline?.declineCode ?? decline?.code ?? null,
    risk_level: "normal",
    risk_score: 10,
    seller_message: isPaid
      ? "Payment complete."
      : "The bank did not return any further details with this decline.",
    type: isPaid ? "authorized" : "issuer_declined",
  };
}

const UNAVAILABLE = Object.freeze({ status: "unavailable" });

function cardDetails(method: PaymentMethod, amount: number): object {
  const { brand, last4, funding } = method.card;
  return {
    card: {
      amount_authorized: amount,
      authorization_code: null,
      brand,
      checks: method.card["checks"],
      country: "US",
      exp_month: method.card["exp_month"],
      exp_year: method.card["exp_year"],
      extended_authorization: { status: "disabled" },
      fingerprint: method.card["fingerprint"],
      funding,
      incremental_authorization: UNAVAILABLE,
      installments: null,
      last4,
      mandate: null,
      multicapture: UNAVAILABLE,
      network: brand,
      network_token: { used: false },
      network_transaction_id: null,
      overcapture: { maximum_amount_capturable: amount, status: "unavailable" },
      regulated_status: "unregulated",
      three_d_secure: null,
      transaction_link_id: null,
      wallet: null,
    },
    type: "card",
  };
}
