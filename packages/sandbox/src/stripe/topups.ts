import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";
import { amountOf, nulls, Resource } from "./resource.ts";

/** Stripe's Topup. It stays pending, and its money is there at once. */
export const TOPUPS = new Resource({
  kind: "topup",
  prefix: "tu",
  url: "/v1/topups",
  equal: ["status"],
  ranges: ["amount", "created"],
  blank: {
    ...nulls(
      "balance_transaction description expected_availability_date failure_code failure_message " +
        "initiated_by source statement_descriptor transfer_group",
    ),
    amount: 0,
    currency: "",
    status: "canceled",
  },
});

/** The endpoints below `/v1/topups`. */
export const TOPUP_OPERATIONS = {
  "topups.create": createTopup,
  "topups.retrieve": (call: StripeCall) => TOPUPS.require(call),
  "topups.update": (call: StripeCall) => TOPUPS.update(call),
  "topups.cancel": cancelTopup,
  "topups.list": (call: StripeCall) => TOPUPS.list(call),
} as const;

const ARRIVAL_SECONDS = 5 * 86_400;

function createTopup(call: StripeCall): StripeObject {
  const amount = integer(call.params, "amount");
  if (amount === undefined) throw missing("amount");
  const topup = TOPUPS.build(call, {
    expected_availability_date: call.now + ARRIVAL_SECONDS,
    source: null,
    status: "pending",
  });
  const transaction = call.account.transact(call, {
    type: "topup",
    reporting_category: "topup",
    amount,
    currency: String(topup["currency"]),
    source: topup.id,
    description: text(call.params, "description") ?? null,
  });
  return TOPUPS.add(call, { ...topup, balance_transaction: transaction.id });
}

function cancelTopup(call: StripeCall): StripeObject {
  const topup = TOPUPS.require(call);
  if (topup["status"] !== "pending") {
    throw invalidRequest(
      `Only pending top-ups can be canceled; this one has a status of ${topup["status"]}.`,
    );
  }
  call.account.transact(call, {
    type: "topup_reversal",
    reporting_category: "topup_reversal",
    amount: -amountOf(topup, "amount"),
    currency: String(topup["currency"]),
    source: topup.id,
  });
  return TOPUPS.change(call, topup, { status: "canceled" }, "canceled");
}
