import type { StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { StripeObject, Transfer } from "./objects.ts";
import { integer } from "./parameters.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's TransferReversal. */
export const TRANSFER_REVERSALS = new Resource({
  kind: "transfer_reversal",
  prefix: "trr",
  url: "/v1/transfers",
  blank: {
    ...nulls("balance_transaction destination_payment_refund source_refund"),
    amount: 0,
    currency: "",
    transfer: "",
  },
});

/** The endpoints below `/v1/transfers/{id}/reversals`. */
export const TRANSFER_REVERSAL_OPERATIONS = {
  "transfer_reversals.create": createReversal,
  "transfer_reversals.retrieve": requireReversal,
  "transfer_reversals.update": (call: StripeCall) =>
    TRANSFER_REVERSALS.update({ ...call, id: requireReversal(call).id }),
  "transfer_reversals.list": (call: StripeCall) => {
    const { id } = requireTransfer(call);
    return TRANSFER_REVERSALS.list(
      call,
      (reversal) => reversal["transfer"] === id,
      `/v1/transfers/${id}/reversals`,
    );
  },
} as const;

function requireTransfer(call: StripeCall): Transfer {
  const transfer = call.account.transfers.get(call.id);
  if (transfer === undefined) throw noSuch("transfer", call.id, "id", 404);
  return transfer;
}

function requireReversal(call: StripeCall): StripeObject {
  const reversal = TRANSFER_REVERSALS.require(call, call.innerId);
  if (reversal["transfer"] !== call.id) throw noSuch("transfer reversal", call.innerId, "id", 404);
  return reversal;
}

function createReversal(call: StripeCall): StripeObject {
  const { account } = call;
  const transfer = requireTransfer(call);
  const rest = transfer.amount - transfer.amount_reversed;
  const amount = integer(call.params, "amount") ?? rest;
  if (rest === 0) throw invalidRequest(`Transfer ${transfer.id} is already fully reversed.`);
  if (amount > rest) {
    throw invalidRequest(
      `Reversal amount (${amount}) is greater than unreversed amount on transfer (${rest}).`,
      {
        param: "amount",
      },
    );
  }
  const id = TRANSFER_REVERSALS.collection(call).newId("trr");
  const transaction = account.transact(call, {
    type: "transfer_refund",
    reporting_category: "transfer_reversal",
    amount,
    currency: transfer.currency,
    source: id,
  });
  account.count(transfer.currency, "transferred", -amount);
  const reversal = TRANSFER_REVERSALS.build(call, {
    id,
    amount,
    balance_transaction: transaction.id,
    currency: transfer.currency,
    transfer: transfer.id,
  });
  TRANSFER_REVERSALS.collection(call).put(reversal);
  const reversed = account.transfers.put({
    ...transfer,
    amount_reversed: transfer.amount_reversed + amount,
    reversals: {
      object: "list",
      data: [reversal, ...(transfer.reversals as { data: readonly StripeObject[] }).data],
      has_more: false,
      url: `/v1/transfers/${transfer.id}/reversals`,
    },
    reversed: amount === rest,
  });
  account.emit(call, "transfer.reversed", reversed, { amount_reversed: transfer.amount_reversed });
  return reversal;
}
