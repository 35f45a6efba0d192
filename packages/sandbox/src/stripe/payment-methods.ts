import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { PaymentMethod } from "./objects.ts";
import { hash, type Params, text } from "./parameters.ts";

/** Why a card refuses, in the words of Stripe's `card_error`. */
export interface Decline {
  readonly code: string;
  readonly declineCode: string | null;
  readonly message: string;
}

interface TestCard {
  readonly brand: string;
  readonly last4: string;
  readonly funding?: string;
}

/** Stripe's test cards by the name behind `pm_card_` or `tok_`. */
const TEST_CARDS: Readonly<Record<string, TestCard>> = {
  visa: { brand: "visa", last4: "4242" },
  visa_debit: { brand: "visa", last4: "5556", funding: "debit" },
  mastercard: { brand: "mastercard", last4: "4444" },
  mastercard_debit: { brand: "mastercard", last4: "8210", funding: "debit" },
  mastercard_prepaid: { brand: "mastercard", last4: "5100", funding: "prepaid" },
  amex: { brand: "amex", last4: "0005" },
  discover: { brand: "discover", last4: "1117" },
  diners: { brand: "diners", last4: "0904" },
  jcb: { brand: "jcb", last4: "0505" },
  unionpay: { brand: "unionpay", last4: "0001" },
  us: { brand: "visa", last4: "4242" },
  bypassPending: { brand: "visa", last4: "0077" },
  pendingRefund: { brand: "visa", last4: "5126" },
  chargeDeclined: { brand: "visa", last4: "0002" },
  chargeDeclinedInsufficientFunds: { brand: "visa", last4: "9995" },
  chargeDeclinedLostCard: { brand: "visa", last4: "9987" },
  chargeDeclinedStolenCard: { brand: "visa", last4: "9979" },
  chargeDeclinedExpiredCard: { brand: "visa", last4: "0069" },
  chargeDeclinedIncorrectCvc: { brand: "visa", last4: "0127" },
  chargeDeclinedProcessingError: { brand: "visa", last4: "0119" },
  chargeDeclinedVelocityLimitExceeded: { brand: "visa", last4: "6975" },
};

const CARD_DECLINED = "Your card was declined.";

/** The refusal of a card that always refuses. */
export const GENERIC_DECLINE: Decline = {
  code: "card_declined",
  declineCode: "generic_decline",
  message: CARD_DECLINED,
};

/** Test cards that refuse, by their last four digits. */
const DECLINES: Readonly<Record<string, Decline>> = {
  "0002": GENERIC_DECLINE,
  "9995": {
    code: "card_declined",
    declineCode: "insufficient_funds",
    message: "Your card has insufficient funds.",
  },
  "9987": { code: "card_declined", declineCode: "lost_card", message: CARD_DECLINED },
  "9979": { code: "card_declined", declineCode: "stolen_card", message: CARD_DECLINED },
  "0069": { code: "expired_card", declineCode: null, message: "Your card has expired." },
  "0127": { code: "incorrect_cvc", declineCode: null, message: "Your card's security code is incorrect." },
  "0119": {
    code: "processing_error",
    declineCode: null,
    message: "An error occurred while processing your card. Try again in a little bit.",
  },
  "6975": {
    code: "card_declined",
    declineCode: "card_velocity_exceeded",
    message:
      "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
  },
};

const PENDING_REFUND_LAST4 = "5126";

/** Nobody's address; a value of its own so that all objects share it. */
export const NO_BILLING_DETAILS = Object.freeze({
  address: Object.freeze({
    city: null,
    country: null,
    line1: null,
    line2: null,
    postal_code: null,
    state: null,
  }),
  email: null,
  name: null,
  phone: null,
  tax_id: null,
});

/** Why this card would refuse a payment; null when it pays. */
export function declineOf(method: PaymentMethod): Decline | null {
  return DECLINES[method.card.last4] ?? null;
}

/** Whether refunds to this card stay pending. */
export function refundsArePending(method: PaymentMethod | undefined): boolean {
  return method?.card.last4 === PENDING_REFUND_LAST4;
}

/**
 * The payment method that the parameters name: an earlier one, one of Stripe's test ids (`pm_card_…`), or
 * `payment_method_data`. Undefined when they name none. A new one is not kept yet: the call may still fail.
 */
export function namedPaymentMethod(call: StripeCall, customer: string | null): PaymentMethod | undefined {
  const { params } = call;
  if (params["confirmation_token"] !== undefined) {
    throw noSuch("confirmation token", text(params, "confirmation_token") ?? "", "confirmation_token", 400);
  }
  const id = text(params, "payment_method");
  if (id !== undefined) return findPaymentMethod(call, id, customer);
  const data = hash(params, "payment_method_data");
  return data === undefined ? undefined : fromData(call, data, customer);
}

/** The payment method behind an id in `payment_method`; a test id makes a new one, not kept yet. */
export function findPaymentMethod(call: StripeCall, id: string, customer: string | null): PaymentMethod {
  const known = call.account.paymentMethods.get(id);
  if (known !== undefined) return known;
  const card = id.startsWith("pm_card_") ? testCard(id.slice("pm_card_".length)) : undefined;
  if (card === undefined) throw noSuch("PaymentMethod", id, "payment_method", 400);
  return newCard(call, "pm", card, customer);
}

/** The card behind a `source` parameter: a new one, not kept yet, from a test token (`tok_…`), or a kept one. */
export function findSource(
  call: StripeCall,
  params: Params,
  customer: string | null,
): PaymentMethod | undefined {
  const source = params["source"];
  if (source === undefined || source === null) return undefined;
  if (typeof source !== "string") throw invalidRequest("Invalid source object", { param: "source" });
  const known = call.account.paymentMethods.get(source);
  if (known !== undefined) return known;
  const card = source.startsWith("tok_") ? testCard(source.slice("tok_".length)) : undefined;
  if (card === undefined) throw noSuch("token", source, "source", 400);
  return newCard(call, "card", card, customer);
}

/** A card as the `source` of a charge. */
export function asSource(card: PaymentMethod): object {
  const { brand, last4, funding } = card.card;
  return {
    id: card.id,
    object: "card",
    brand: brand.charAt(0).toUpperCase() + brand.slice(1),
    country: "US",
    customer: card.customer,
    exp_month: card.card["exp_month"],
    exp_year: card.card["exp_year"],
    fingerprint: card.card["fingerprint"],
    funding,
    last4,
    metadata: {},
    name: null,
  };
}

function fromData(call: StripeCall, data: JsonObject, customer: string | null): PaymentMethod {
  const type = data["type"];
  if (type === undefined) {
    throw invalidRequest("Missing required param: payment_method_data[type].", {
      code: "parameter_missing",
      param: "payment_method_data[type]",
    });
  }
  if (type !== "card") {
    throw invalidRequest(
      `The payment method type "${String(type)}" is invalid: the sandbox takes cards only.`,
      {
        param: "payment_method_data[type]",
      },
    );
  }
  return newCard(call, "pm", TEST_CARDS["visa"] ?? { brand: "visa", last4: "4242" }, customer);
}

/** A new card, not kept yet: that of a test token (`tok_…`), else a Visa. */
export function newPaymentMethod(call: StripeCall, type: string, token: string | undefined): PaymentMethod {
  if (token === undefined) return fromData(call, { type }, null);
  const card = token.startsWith("tok_") ? testCard(token.slice("tok_".length)) : undefined;
  if (card === undefined) throw noSuch("token", token, "card[token]", 400);
  return newCard(call, "pm", card, null);
}

function testCard(name: string): TestCard | undefined {
  const key = name.startsWith("visa_chargeDeclined") ? name.slice("visa_".length) : name;
  return Object.hasOwn(TEST_CARDS, key) ? TEST_CARDS[key] : undefined;
}

function newCard(
  call: StripeCall,
  prefix: "pm" | "card",
  card: TestCard,
  customer: string | null,
): PaymentMethod {
  return {
    id: call.account.paymentMethods.newId(prefix),
    object: "payment_method",
    allow_redisplay: "unspecified",
    billing_details: NO_BILLING_DETAILS,
    card: {
      brand: card.brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
      country: "US",
      display_brand: card.brand,
      exp_month: 12,
      exp_year: 2_034,
      fingerprint: `sandbox${card.last4}`,
      funding: card.funding ?? "credit",
      generated_from: null,
      last4: card.last4,
      networks: { available: [card.brand], preferred: null },
      regulated_status: "unregulated",
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: call.now,
    customer,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: "card",
  };
}
