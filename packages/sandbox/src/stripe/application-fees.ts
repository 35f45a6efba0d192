import type { StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { integer } from "./parameters.ts";
import { amountOf, NO_LIST, nulls, Resource } from "./resource.ts";

/** Stripe's ApplicationFee. There are no connected accounts here, so fees are seeded. */
export const APPLICATION_FEES = new Resource({
  kind: "application_fee",
  prefix: "fee",
  url: "/v1/application_fees",
  equal: ["charge"],
  blank: {
    ...nulls("balance_transaction fee_source originating_transaction"),
    account: "",
    amount: 0,
    amount_refunded: 0,
    application: "",
    charge: "",
    currency: "",
    refunded: false,
    refunds: NO_LIST,
  },
});

/** Stripe's FeeRefund. */
export const FEE_REFUNDS = new Resource({
  kind: "fee_refund",
  prefix: "fr",
  url: "/v1/application_fees",
  blank: { ...nulls("balance_transaction"), amount: 0, currency: "", fee: "" },
});

/** The endpoints below `/v1/application_fees`. */
export const APPLICATION_FEE_OPERATIONS = {
  "application_fees.retrieve": (call: StripeCall) => APPLICATION_FEES.require(call),
  "application_fees.list": (call: StripeCall) => APPLICATION_FEES.list(call),
  "fee_refunds.create": createRefund,
  "fee_refunds.retrieve": requireRefund,
  "fee_refunds.update": (call: StripeCall) => FEE_REFUNDS.update({ ...call, id: requireRefund(call).id }),
  "fee_refunds.list": (call: StripeCall) => {
    const { id } = APPLICATION_FEES.require(call);
    return FEE_REFUNDS.list(call, (refund) => refund["fee"] === id, `/v1/application_fees/${id}/refunds`);
  },
} as const;

function requireRefund(call: StripeCall): StripeObject {
  const refund = FEE_REFUNDS.require(call, call.innerId);
  if (refund["fee"] !== call.id) throw noSuch("fee refund", call.innerId, "id", 404);
  return refund;
}

function createRefund(call: StripeCall): StripeObject {
  const { account } = call;
  const fee = APPLICATION_FEES.require(call);
  const rest = amountOf(fee, "amount") - amountOf(fee, "amount_refunded");
  const amount = integer(call.params, "amount") ?? rest;
  if (rest <= 0) throw invalidRequest(`Application fee ${fee.id} has already been refunded.`);
  if (amount > rest) {
    throw invalidRequest(`Refund amount (${amount}) is greater than fee left (${rest}).`, {
      param: "amount",
    });
  }
  const currency = String(fee["currency"]);
  const id = FEE_REFUNDS.collection(call).newId("fr");
  const transaction = account.transact(call, {
    type: "application_fee_refund",
    reporting_category: "platform_earning_refund",
    amount: -amount,
    currency,
    source: id,
  });
  account.count(currency, "refunded", amount);
  const refund = FEE_REFUNDS.build(call, {
    id,
    amount,
    balance_transaction: transaction.id,
    currency,
    fee: fee.id,
  });
  FEE_REFUNDS.collection(call).put(refund);
  const changes = { amount_refunded: amountOf(fee, "amount_refunded") + amount, refunded: amount === rest };
  APPLICATION_FEES.change(call, fee, changes, "refunded");
  return refund;
}
