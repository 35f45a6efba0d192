import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash } from "./parameters.ts";
import { amountOf, nulls, Resource } from "./resource.ts";

/** Stripe's Treasury FinancialAccount. They are seeded: `balance.cash` is by currency, in minor units. */
export const FINANCIAL_ACCOUNTS = new Resource({
  kind: "treasury.financial_account",
  prefix: "fa",
  url: "/v1/treasury/financial_accounts",
  equal: ["status"],
  blank: {
    balance: { cash: { usd: 100_000_000 }, inbound_pending: { usd: 0 }, outbound_pending: { usd: 0 } },
    country: "US",
    financial_addresses: [],
    status: "open",
    status_details: { ...nulls("closed") },
    supported_currencies: ["usd"],
  },
});

/** The endpoints below `/v1/treasury/financial_accounts`. */
export const TREASURY_ACCOUNT_OPERATIONS = {
  "treasury_financial_accounts.retrieve": (call: StripeCall) => FINANCIAL_ACCOUNTS.require(call),
  "treasury_financial_accounts.list": (call: StripeCall) => FINANCIAL_ACCOUNTS.list(call),
} as const;

/** Adds `amount` (negative to take) to a financial account. Throws Stripe's error when it has too little. */
export function moveCash(call: StripeCall, account: StripeObject, currency: string, amount: number): void {
  const balance = hash(account, "balance") ?? {};
  const cash = (balance["cash"] ?? {}) as JsonObject;
  const left = amountOf(cash, currency) + amount;
  if (left < 0) {
    throw invalidRequest("Insufficient funds in the financial account.", { code: "insufficient_funds" });
  }
  const changed = { ...account, balance: { ...balance, cash: { ...cash, [currency]: left } } };
  FINANCIAL_ACCOUNTS.collection(call).put(changed);
}
