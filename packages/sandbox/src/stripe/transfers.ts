import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { randomText } from "./ids.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { Charge, Transfer } from "./objects.ts";
import { integer, missing, text, updated } from "./parameters.ts";

/** The endpoints below `/v1/transfers`. */
export const TRANSFER_OPERATIONS = {
  "transfers.create": createTransfer,
  "transfers.retrieve": retrieveTransfer,
  "transfers.update": updateTransfer,
  "transfers.list": (call: StripeCall) =>
    listObjects(call, call.account.transfers, {
      url: "/v1/transfers",
      kind: "transfer",
      equal: ["destination", "transfer_group"],
      ranges: ["created"],
    }),
} as const;

function createTransfer(call: StripeCall): Transfer {
  const { account, params } = call;
  const currency = parseCurrency(text(params, "currency") ?? "");
  const { destination } = params;
  if (typeof destination !== "string" || !/^acct_\w+$/.test(destination)) {
    throw noSuch("destination", String(destination), "destination", 400);
  }
  const source = sourceCharge(call, currency);
  const amount = integer(params, "amount") ?? source?.amount_captured;
  if (amount === undefined) throw missing("amount");
  if (source !== undefined && amount > source.amount_captured) {
    throw invalidRequest("Transfers using this transaction as a source must not exceed the source amount.", {
      param: "amount",
    });
  }
  const metadata = newMetadata(params["metadata"]);
  account.requireBalance(amount, currency);
  const id = account.transfers.newId("tr");
  const transaction = account.transact(call, {
    type: "transfer",
    reporting_category: "transfer",
    amount: -amount,
    currency,
    source: id,
    description: text(params, "description") ?? null,
  });
  account.count(currency, "transferred", amount);
  const transfer = account.transfers.put({
    id,
    object: "transfer",
    amount,
    amount_reversed: 0,
    balance_transaction: transaction.id,
    created: call.now,
    currency,
    description: text(params, "description") ?? null,
    destination,
    destination_payment: `py_3${randomText(23)}`,
    livemode: false,
    metadata,
    reversals: { object: "list", data: [], has_more: false, url: `/v1/transfers/${id}/reversals` },
    reversed: false,
    source_transaction: source?.id ?? null,
    source_type: text(params, "source_type") ?? "card",
    transfer_group: text(params, "transfer_group") ?? source?.transfer_group ?? null,
  });
  account.emit(call, "transfer.created", transfer);
  return transfer;
}

function sourceCharge(call: StripeCall, currency: string): Charge | undefined {
  const id = text(call.params, "source_transaction");
  if (id === undefined) return undefined;
  const charge = call.account.charges.get(id);
  if (charge === undefined) throw noSuch("charge", id, "source_transaction", 400);
  if (charge.currency === currency) return charge;
  throw invalidRequest(
    "The currency of source_transaction's balance transaction must be the transfer currency.",
    {
      param: "currency",
    },
  );
}

function retrieveTransfer(call: StripeCall): Transfer {
  const transfer = call.account.transfers.get(call.id);
  if (transfer === undefined) throw noSuch("transfer", call.id, "id", 404);
  return transfer;
}

function updateTransfer(call: StripeCall): Transfer {
  const { account, params } = call;
  const transfer = retrieveTransfer(call);
  const changed = account.transfers.put({
    ...transfer,
    description: updated(params, "description", transfer.description),
    metadata: mergeMetadata(transfer.metadata, params["metadata"]),
  });
  account.emit(call, "transfer.updated", changed, {
    description: transfer.description,
    metadata: transfer.metadata,
  });
  return changed;
}
