import type { StripeCall } from "./account.ts";
import { captureCharge, chargeCard } from "./charging.ts";
import { checkChargeAmount, parseCurrency } from "./currency.ts";
import { findCustomer, requireCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch, StripeError } from "./error.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { Charge, PaymentMethod } from "./objects.ts";
import { flag, hash, integer, missing, text, updated } from "./parameters.ts";
import { captureIntent } from "./payment-intent-state.ts";
import { findSource } from "./payment-methods.ts";
import { searchObjects } from "./search.ts";

/** The endpoints below `/v1/charges`. */
export const CHARGE_OPERATIONS = {
  "charges.create": createCharge,
  "charges.retrieve": retrieveCharge,
  "charges.update": updateCharge,
  "charges.capture": capture,
  "charges.list": (call: StripeCall) =>
    listObjects(call, call.account.charges, {
      url: "/v1/charges",
      kind: "charge",
      equal: ["customer", "payment_intent", "transfer_group"],
      ranges: ["created"],
    }),
  "charges.search": (call: StripeCall) =>
    searchObjects(call, call.account.charges, {
      url: "/v1/charges/search",
      fields: ["amount", "created", "currency", "customer", "disputed", "refunded", "status"],
    }),
} as const;

function createCharge(call: StripeCall): Charge {
  const { params } = call;
  const amount = integer(params, "amount");
  if (amount === undefined) throw missing("amount");
  const currency = text(params, "currency");
  if (currency === undefined) throw missing("currency");
  const parsed = parseCurrency(currency);
  checkChargeAmount(amount, parsed);
  const customer = requireCustomer(call);
  const metadata = newMetadata(params["metadata"]);
  const method = findSource(call, params, customer) ?? defaultSource(call, customer);
  const { charge, decline } = chargeCard(call, {
    amount,
    currency: parsed,
    method,
    capture: flag(params, "capture") ?? true,
    paymentIntent: null,
    customer,
    description: text(params, "description") ?? null,
    metadata,
    applicationFeeAmount:
      integer(params, "application_fee_amount") ?? integer(params, "application_fee") ?? null,
    onBehalfOf: text(params, "on_behalf_of") ?? null,
    receiptEmail: text(params, "receipt_email") ?? null,
    shipping: hash(params, "shipping") ?? null,
    statementDescriptor: text(params, "statement_descriptor") ?? null,
    statementDescriptorSuffix: text(params, "statement_descriptor_suffix") ?? null,
    transferData: hash(params, "transfer_data") ?? null,
    transferGroup: text(params, "transfer_group") ?? null,
  });
  if (decline === null) return charge;
  throw new StripeError(402, {
    type: "card_error",
    code: decline.code,
    message: decline.message,
    details: {
      charge: charge.id,
      ...(decline.declineCode === null ? {} : { decline_code: decline.declineCode }),
    },
  });
}

function defaultSource(call: StripeCall, customer: string | null): PaymentMethod {
  if (customer === null) {
    throw invalidRequest("Must provide source or customer.", { code: "parameter_missing", param: "source" });
  }
  const source = findCustomer(call, customer)?.default_source ?? null;
  const card = source === null ? undefined : call.account.paymentMethods.get(source);
  if (card === undefined) {
    throw invalidRequest("Cannot charge a customer that has no active card", {
      code: "missing",
      param: "card",
    });
  }
  return card;
}

function retrieveCharge(call: StripeCall): Charge {
  const charge = call.account.charges.get(call.id);
  if (charge === undefined) throw noSuch("charge", call.id, "id", 404);
  return charge;
}

function updateCharge(call: StripeCall): Charge {
  const { account, params } = call;
  const charge = retrieveCharge(call);
  const changed = account.charges.put({
    ...charge,
    customer: params["customer"] === undefined ? charge.customer : requireCustomer(call),
    description: updated(params, "description", charge.description),
    fraud_details: hash(params, "fraud_details") ?? charge.fraud_details,
    metadata: mergeMetadata(charge.metadata, params["metadata"]),
    receipt_email: updated(params, "receipt_email", charge.receipt_email),
    shipping: updated(params, "shipping", charge.shipping),
    transfer_group: updated(params, "transfer_group", charge.transfer_group),
  });
  account.emit(call, "charge.updated", changed, { metadata: charge.metadata });
  return changed;
}

function capture(call: StripeCall): Charge {
  const { account, params } = call;
  const charge = retrieveCharge(call);
  if (charge.captured) {
    throw invalidRequest(`Charge ${charge.id} has already been captured.`, {
      code: "charge_already_captured",
    });
  }
  if (charge.refunded) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: "charge_already_refunded",
    });
  }
  if (!charge.paid) {
    throw invalidRequest(`Charge ${charge.id} failed and cannot be captured.`, {
      code: "charge_not_capturable",
    });
  }
  const capturable = charge.amount - charge.amount_captured;
  const amount = integer(params, "amount") ?? capturable;
  if (amount > capturable) {
    throw invalidRequest(
      `You cannot capture a charge for an amount greater than it already has (${capturable}).`,
      {
        code: "amount_too_large",
        param: "amount",
      },
    );
  }
  const intent =
    charge.payment_intent === null ? undefined : account.paymentIntents.get(charge.payment_intent);
  if (intent === undefined) return captureCharge(call, charge, amount, true);
  captureIntent(call, intent, amount, true);
  return account.charges.get(charge.id) ?? charge;
}
