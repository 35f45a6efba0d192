import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { checkChargeAmount, parseCurrency } from "./currency.ts";
import { requireCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch, type StripeError } from "./error.ts";
import { randomText } from "./ids.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { IntentStatus, PaymentIntent, PaymentMethod } from "./objects.ts";
import { flag, hash, integer, missing, text, texts, updated } from "./parameters.ts";
import {
  cancelIntent,
  captureIntent,
  OPEN_STATUSES,
  payIntent,
  raiseIntent,
  unexpectedState,
} from "./payment-intent-state.ts";
import { findPaymentMethod, namedPaymentMethod } from "./payment-methods.ts";
import { searchObjects } from "./search.ts";

/** The endpoints below `/v1/payment_intents`. */
export const PAYMENT_INTENT_OPERATIONS = {
  "payment_intents.create": createIntent,
  "payment_intents.retrieve": retrieveIntent,
  "payment_intents.update": updateIntent,
  "payment_intents.confirm": confirmIntent,
  "payment_intents.capture": captureAuthorized,
  "payment_intents.increment_authorization": incrementAuthorization,
  "payment_intents.cancel": cancel,
  "payment_intents.list": (call: StripeCall) =>
    listObjects(call, call.account.paymentIntents, {
      url: "/v1/payment_intents",
      kind: "payment_intent",
      equal: ["customer", "customer_account"],
      ranges: ["created"],
    }),
  "payment_intents.search": (call: StripeCall) =>
    searchObjects(call, call.account.paymentIntents, {
      url: "/v1/payment_intents/search",
      fields: ["amount", "created", "currency", "customer", "status"],
    }),
} as const;

const CANCELABLE: readonly IntentStatus[] = [...OPEN_STATUSES, "requires_capture"];

const NO_AMOUNT_DETAILS: JsonObject = Object.freeze({ tip: Object.freeze({}) });

const CARD_OPTIONS: JsonObject = Object.freeze({
  card: Object.freeze({
    installments: null,
    mandate_options: null,
    network: null,
    request_three_d_secure: "automatic",
  }),
});

function createIntent(call: StripeCall): PaymentIntent {
  const { account, params } = call;
  const customer = requireCustomer(call);
  const isPaidNow = flag(params, "confirm") === true || call.isDeclineForced;
  const method =
    namedPaymentMethod(call, customer) ??
    (call.isDeclineForced ? findPaymentMethod(call, "pm_card_visa", customer) : undefined);
  const draft = newIntent(call, customer, method);
  checkChargeAmount(draft.amount, draft.currency);
  checkApplicationFee(draft.application_fee_amount, draft.amount);
  if (isPaidNow && method === undefined) throw withoutMethod();
  if (method !== undefined) account.paymentMethods.put(method);
  const intent = account.paymentIntents.put(draft);
  account.emit(call, "payment_intent.created", intent);
  return isPaidNow && method !== undefined ? payIntent(call, intent, method) : intent;
}

function newIntent(
  call: StripeCall,
  customer: string | null,
  method: PaymentMethod | undefined,
): PaymentIntent {
  const { params } = call;
  const id = call.account.paymentIntents.newId("pi");
  const types = texts(params, "payment_method_types");
  return {
    id,
    object: "payment_intent",
    allowed_payment_method_types: params["allowed_payment_method_types"] ?? null,
    amount: integer(params, "amount") ?? 0,
    amount_capturable: 0,
    amount_details: hash(params, "amount_details") ?? NO_AMOUNT_DETAILS,
    amount_received: 0,
    application: null,
    application_fee_amount: integer(params, "application_fee_amount") ?? null,
    automatic_payment_methods: automaticMethods(hash(params, "automatic_payment_methods"), types),
    canceled_at: null,
    cancellation_reason: null,
    capture_method: text(params, "capture_method") ?? "automatic_async",
    client_secret: `${id}_secret_${randomText(25)}`,
    confirmation_method: text(params, "confirmation_method") ?? "automatic",
    created: call.now,
    currency: parseCurrency(text(params, "currency") ?? ""),
    customer,
    customer_account: text(params, "customer_account") ?? null,
    description: text(params, "description") ?? null,
    excluded_payment_method_types: params["excluded_payment_method_types"] ?? null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: newMetadata(params["metadata"]),
    next_action: null,
    on_behalf_of: text(params, "on_behalf_of") ?? null,
    payment_method: method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: CARD_OPTIONS,
    payment_method_types: types.length > 0 ? types : ["card"],
    payment_record: null,
    processing: null,
    receipt_email: text(params, "receipt_email") ?? null,
    review: null,
    setup_future_usage: text(params, "setup_future_usage") ?? null,
    shipping: hash(params, "shipping") ?? null,
    source: null,
    statement_descriptor: text(params, "statement_descriptor") ?? null,
    statement_descriptor_suffix: text(params, "statement_descriptor_suffix") ?? null,
    status: method === undefined ? "requires_payment_method" : "requires_confirmation",
    transfer_data: hash(params, "transfer_data") ?? null,
    transfer_group: text(params, "transfer_group") ?? null,
  };
}

const AUTOMATIC: JsonObject = Object.freeze({ allow_redirects: "always", enabled: true });

/** Stripe switches automatic methods on unless the caller named the types. */
function automaticMethods(given: JsonObject | undefined, types: readonly string[]): JsonObject | null {
  if (given === undefined) return types.length > 0 ? null : AUTOMATIC;
  if (given["enabled"] !== true) return null;
  return { allow_redirects: given["allow_redirects"] ?? "always", enabled: true };
}

function retrieveIntent(call: StripeCall): PaymentIntent {
  const intent = call.account.paymentIntents.get(call.id);
  if (intent === undefined) throw noSuch("payment_intent", call.id, "intent", 404);
  return intent;
}

function updateIntent(call: StripeCall): PaymentIntent {
  const { params } = call;
  const intent = retrieveIntent(call);
  if (!OPEN_STATUSES.includes(intent.status)) checkLateUpdate(call, intent);
  const currency = text(params, "currency");
  const draft = {
    ...intent,
    ...changes(call, intent),
    currency: currency ? parseCurrency(currency) : intent.currency,
  };
  if (OPEN_STATUSES.includes(intent.status)) checkChargeAmount(draft.amount, draft.currency);
  checkApplicationFee(draft.application_fee_amount, draft.amount);
  const method = namedPaymentMethod(call, draft.customer);
  if (method !== undefined) call.account.paymentMethods.put(method);
  return call.account.paymentIntents.put({
    ...draft,
    payment_method: method?.id ?? draft.payment_method,
    status: method === undefined ? draft.status : "requires_confirmation",
  });
}

function changes(call: StripeCall, intent: PaymentIntent): Partial<PaymentIntent> {
  const { params } = call;
  return {
    amount: integer(params, "amount") ?? intent.amount,
    application_fee_amount: updated(params, "application_fee_amount", intent.application_fee_amount),
    capture_method: text(params, "capture_method") ?? intent.capture_method,
    customer: params["customer"] === undefined ? intent.customer : requireCustomer(call),
    description: updated(params, "description", intent.description),
    metadata: mergeMetadata(intent.metadata, params["metadata"]),
    receipt_email: updated(params, "receipt_email", intent.receipt_email),
    setup_future_usage: updated(params, "setup_future_usage", intent.setup_future_usage),
    shipping: updated(params, "shipping", intent.shipping),
    statement_descriptor: updated(params, "statement_descriptor", intent.statement_descriptor),
    statement_descriptor_suffix: updated(
      params,
      "statement_descriptor_suffix",
      intent.statement_descriptor_suffix,
    ),
    transfer_data: updated(params, "transfer_data", intent.transfer_data),
    transfer_group: updated(params, "transfer_group", intent.transfer_group),
  };
}

const LATE_PARAMETERS = new Set([
  "description",
  "expand",
  "metadata",
  "receipt_email",
  "shipping",
  "transfer_group",
]);

/** Once paid or canceled an intent keeps what money depends on. */
function checkLateUpdate(call: StripeCall, intent: PaymentIntent): void {
  const fixed = Object.keys(call.params).find((name) => !LATE_PARAMETERS.has(name));
  if (fixed === undefined) return;
  throw unexpectedState(
    intent,
    `This PaymentIntent's ${fixed} could not be updated because it has a status of ${intent.status}. You may only ` +
      `update the ${fixed} of a PaymentIntent with one of the following statuses: ${OPEN_STATUSES.join(", ")}.`,
  );
}

function confirmIntent(call: StripeCall): PaymentIntent {
  const { params } = call;
  const intent = retrieveIntent(call);
  if (!OPEN_STATUSES.includes(intent.status)) throw notConfirmable(intent);
  const amount = integer(params, "amount_to_confirm") ?? intent.amount;
  checkChargeAmount(amount, intent.currency);
  const method =
    namedPaymentMethod(call, intent.customer) ??
    (intent.payment_method === null ? undefined : call.account.paymentMethods.get(intent.payment_method));
  if (method === undefined) throw withoutMethod();
  const draft = {
    ...intent,
    amount,
    capture_method: text(params, "capture_method") ?? intent.capture_method,
    receipt_email: updated(params, "receipt_email", intent.receipt_email),
    setup_future_usage: updated(params, "setup_future_usage", intent.setup_future_usage),
    shipping: updated(params, "shipping", intent.shipping),
  };
  return payIntent(call, draft, method);
}

function notConfirmable(intent: PaymentIntent): StripeError {
  if (intent.status === "succeeded") {
    return unexpectedState(
      intent,
      "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
    );
  }
  return unexpectedState(
    intent,
    `You cannot confirm this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with ` +
      `one of the following statuses may be confirmed: ${OPEN_STATUSES.join(", ")}.`,
  );
}

function withoutMethod(): StripeError {
  return invalidRequest(
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the " +
      "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment " +
      "method or ConfirmationToken.",
    { code: "payment_intent_unexpected_state" },
  );
}

function captureAuthorized(call: StripeCall): PaymentIntent {
  const { params } = call;
  const intent = retrieveIntent(call);
  if (intent.status !== "requires_capture") {
    throw unexpectedState(
      intent,
      `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent ` +
        "with one of the following statuses may be captured: requires_capture.",
    );
  }
  const isFinal = flag(params, "final_capture") ?? true;
  const amount = integer(params, "amount_to_capture") ?? intent.amount_capturable;
  if (amount === 0 && !(isFinal && intent.amount_received > 0)) {
    throw invalidRequest("This value must be greater than or equal to 1.", {
      code: "parameter_invalid_integer",
      param: "amount_to_capture",
    });
  }
  if (amount > intent.amount_capturable) {
    throw invalidRequest(
      `The provided capture amount (${amount}) is greater than the amount you can capture on this payment ` +
        `(${intent.amount_capturable}).`,
      { code: "amount_too_large", param: "amount_to_capture" },
    );
  }
  const metadata = mergeMetadata(intent.metadata, params["metadata"]);
  return captureIntent(call, { ...intent, metadata }, amount, isFinal);
}

function incrementAuthorization(call: StripeCall): PaymentIntent {
  const { params } = call;
  const intent = retrieveIntent(call);
  const amount = integer(params, "amount");
  if (amount === undefined) throw missing("amount");
  if (intent.status !== "requires_capture") {
    throw unexpectedState(
      intent,
      `This PaymentIntent's authorization could not be incremented because it has a status of ${intent.status}. ` +
        "Only a PaymentIntent with one of the following statuses may be incremented: requires_capture.",
    );
  }
  if (amount <= intent.amount) {
    throw invalidRequest(`The new amount must be greater than the authorized amount (${intent.amount}).`, {
      param: "amount",
    });
  }
  checkChargeAmount(amount, intent.currency);
  const metadata = mergeMetadata(intent.metadata, params["metadata"]);
  const description = updated(params, "description", intent.description);
  return raiseIntent(call, { ...intent, description, metadata }, amount);
}

function cancel(call: StripeCall): PaymentIntent {
  const intent = retrieveIntent(call);
  if (!CANCELABLE.includes(intent.status)) {
    throw unexpectedState(
      intent,
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. Only a PaymentIntent with ` +
        `one of the following statuses may be canceled: ${CANCELABLE.join(", ")}.`,
    );
  }
  return cancelIntent(call, intent, text(call.params, "cancellation_reason") ?? null);
}

function checkApplicationFee(fee: number | null, amount: number): void {
  if (fee === null || fee <= amount) return;
  throw invalidRequest("Your application fee cannot be more than the amount of the payment.", {
    param: "application_fee_amount",
  });
}
