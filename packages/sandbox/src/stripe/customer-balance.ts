import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { findCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { Customer, PaymentIntent, StripeObject } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";
import { unexpectedState } from "./payment-intent-state.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's CustomerBalanceTransaction. */
export const CUSTOMER_BALANCE_TRANSACTIONS = new Resource({
  kind: "customer_balance_transaction",
  prefix: "cbtxn",
  url: "/v1/customers",
  equal: ["invoice"],
  blank: {
    ...nulls("checkout_session credit_note customer_account description invoice"),
    amount: 0,
    currency: "",
    customer: "",
    ending_balance: 0,
    type: "adjustment",
  },
});

/** The endpoints below `/v1/customers/{id}/balance_transactions`, and the one that spends a cash balance. */
export const CUSTOMER_BALANCE_OPERATIONS = {
  "customer_balance_transactions.create": createTransaction,
  "customer_balance_transactions.retrieve": requireTransaction,
  "customer_balance_transactions.update": (call: StripeCall) =>
    CUSTOMER_BALANCE_TRANSACTIONS.update({ ...call, id: requireTransaction(call).id }),
  "customer_balance_transactions.list": (call: StripeCall) => {
    const { id } = requireOwner(call);
    return CUSTOMER_BALANCE_TRANSACTIONS.list(
      call,
      (transaction) => transaction["customer"] === id,
      `/v1/customers/${id}/balance_transactions`,
    );
  },
  "payment_intents.apply_customer_balance": applyBalance,
} as const;

function requireOwner(call: StripeCall): Customer {
  const customer = findCustomer(call, call.id);
  if (customer === undefined) throw noSuch("customer", call.id, "id", 404);
  return customer;
}

function requireTransaction(call: StripeCall): StripeObject {
  const transaction = CUSTOMER_BALANCE_TRANSACTIONS.require(call, call.innerId);
  if (transaction["customer"] !== call.id) throw noSuch("balance transaction", call.innerId, "id", 404);
  return transaction;
}

/** A negative amount is a credit to the customer; it lowers what the next invoice asks for. */
function createTransaction(call: StripeCall): StripeObject {
  const customer = requireOwner(call);
  const amount = integer(call.params, "amount");
  if (amount === undefined) throw missing("amount");
  const balance = customer.balance + amount;
  const transaction = CUSTOMER_BALANCE_TRANSACTIONS.create(call, {
    currency: parseCurrency(text(call.params, "currency") ?? ""),
    customer: customer.id,
    ending_balance: balance,
  });
  const changed = call.account.customers.put({ ...customer, balance });
  call.account.emit(call, "customer.updated", changed, { balance: customer.balance });
  return transaction;
}

/** Pays an open intent from its customer's cash balance, which is without bound here. */
function applyBalance(call: StripeCall): PaymentIntent {
  const { account, params } = call;
  const intent = account.paymentIntents.get(call.id);
  if (intent === undefined) throw noSuch("payment_intent", call.id, "intent", 404);
  if (!intent.status.startsWith("requires_") || intent.status === "requires_capture") {
    throw unexpectedState(
      intent,
      `This PaymentIntent has a status of ${intent.status} and takes no balance.`,
    );
  }
  if (intent.customer === null)
    throw invalidRequest("This PaymentIntent has no customer.", { param: "customer" });
  const rest = intent.amount - intent.amount_received;
  const amount = integer(params, "amount") ?? rest;
  if (amount > rest)
    throw invalidRequest(`The amount is greater than what is left to pay (${rest}).`, { param: "amount" });
  const currency = text(params, "currency");
  if (currency !== undefined && parseCurrency(currency) !== intent.currency) {
    throw invalidRequest("The currency must be that of the PaymentIntent.", { param: "currency" });
  }
  account.transact(call, {
    type: "payment",
    reporting_category: "charge",
    amount,
    currency: intent.currency,
    source: intent.id,
  });
  account.count(intent.currency, "captured", amount);
  const paid = account.paymentIntents.put({
    ...intent,
    amount_received: intent.amount_received + amount,
    status: amount === rest ? "succeeded" : intent.status,
  });
  account.emit(call, amount === rest ? "payment_intent.succeeded" : "payment_intent.partially_funded", paid);
  return paid;
}
