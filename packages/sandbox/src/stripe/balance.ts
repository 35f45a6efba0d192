import type { StripeCall } from "./account.ts";
import { noSuch } from "./error.ts";
import { listObjects } from "./listing.ts";
import type { BalanceTransaction } from "./objects.ts";

/** The endpoints `/v1/balance` and below `/v1/balance_transactions`. */
export const BALANCE_OPERATIONS = {
  "balance.retrieve": retrieveBalance,
  "balance_transactions.retrieve": retrieveTransaction,
  "balance_transactions.list": (call: StripeCall) =>
    listObjects(call, call.account.balanceTransactions, {
      url: "/v1/balance_transactions",
      kind: "balance_transaction",
      equal: ["currency", "source", "type", "payout"],
      ranges: ["created"],
    }),
} as const;

/** Funds are available at once; nothing is ever pending. */
function retrieveBalance(call: StripeCall): object {
  const { account } = call;
  const known = account.currencies();
  const currencies = known.length === 0 ? ["usd"] : known;
  return {
    object: "balance",
    available: currencies.map((currency) => part(account.balance(currency), currency)),
    connect_reserved: currencies.map((currency) => ({ amount: 0, currency })),
    livemode: false,
    pending: currencies.map((currency) => part(0, currency)),
  };
}

function part(amount: number, currency: string): object {
  return { amount, currency, source_types: { card: amount } };
}

function retrieveTransaction(call: StripeCall): BalanceTransaction {
  const transaction = call.account.balanceTransactions.get(call.id);
  if (transaction === undefined) throw noSuch("balance_transaction", call.id, "id", 404);
  return transaction;
}
