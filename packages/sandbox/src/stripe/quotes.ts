import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import { pageOf } from "./inner-list.ts";
import { invoiceLine } from "./invoice-lines.ts";
import { draftInvoice, INVOICES } from "./invoices.ts";
import type { StripeObject } from "./objects.ts";
import { integer, missing } from "./parameters.ts";
import {
  commonCurrency,
  isRecurring,
  lineItem,
  listOf,
  type PricedItem,
  priceItem,
  sumOf,
} from "./pricing.ts";
import { amountOf, hashesIn, nulls, Resource } from "./resource.ts";
import { openSubscription } from "./subscriptions.ts";

/** Stripe's Quote. */
export const QUOTES = new Resource({
  kind: "quote",
  prefix: "qt",
  url: "/v1/quotes",
  equal: ["customer", "status", "test_clock"],
  blank: {
    ...nulls(
      "application application_fee_amount application_fee_percent currency customer " +
        "customer_account description footer from_quote header invoice number on_behalf_of " +
        "subscription subscription_schedule test_clock transfer_data",
    ),
    amount_subtotal: 0,
    amount_total: 0,
    automatic_tax: { ...nulls("liability provider status"), enabled: false },
    collection_method: "charge_automatically",
    computed: {
      ...nulls("recurring"),
      upfront: {
        amount_subtotal: 0,
        amount_total: 0,
        total_details: { ...nulls("amount_shipping"), amount_discount: 0, amount_tax: 0 },
      },
    },
    discounts: [],
    expires_at: 0,
    invoice_settings: {
      ...nulls("custom_fields days_until_due description footer"),
      issuer: { type: "account" },
    },
    status: "accepted",
    status_transitions: { ...nulls("accepted_at canceled_at finalized_at") },
    subscription_data: {
      ...nulls("description effective_date metadata trial_period_days"),
      billing_mode: { type: "classic" },
    },
    total_details: { ...nulls("amount_shipping"), amount_discount: 0, amount_tax: 0 },
  },
});

/** The endpoints below `/v1/quotes`. */
export const QUOTE_OPERATIONS = {
  "quotes.create": createQuote,
  "quotes.retrieve": (call: StripeCall) => shown(QUOTES.require(call)),
  "quotes.update": updateQuote,
  "quotes.finalize": finalizeQuote,
  "quotes.accept": acceptQuote,
  "quotes.cancel": cancelQuote,
  "quotes.list": (call: StripeCall) => {
    const page = QUOTES.list(call);
    return { ...page, data: page.data.map(shown) };
  },
  "quotes.list_lines": (call: StripeCall) =>
    pageOf(call, QUOTES.require(call)["line_items"], `/v1/quotes/${call.id}/line_items`),
} as const;

const EXPIRY_SECONDS = 30 * 86_400;

function createQuote(call: StripeCall): StripeObject {
  const id = QUOTES.collection(call).newId("qt");
  return shown(
    QUOTES.create(call, {
      id,
      expires_at: integer(call.params, "expires_at") ?? call.now + EXPIRY_SECONDS,
      status: "draft",
      ...priced(call, id),
    }),
  );
}

/** The lines of the call and the amounts that follow from them. */
function priced(call: StripeCall, id: string): JsonObject {
  const items = hashesIn(call.params, "line_items").map((item) => priceItem(call, item));
  const total = sumOf(items);
  const upfront = sumOf(items.filter((item) => !isRecurring(item))) + sumOf(items.filter(isRecurring));
  const details = { amount_discount: 0, amount_shipping: 0, amount_tax: 0 };
  return {
    amount_subtotal: total,
    amount_total: total,
    computed: {
      recurring: null,
      upfront: { amount_subtotal: upfront, amount_total: upfront, total_details: details },
    },
    currency: items.length === 0 ? null : commonCurrency(items, "line_items"),
    line_items: listOf(
      items.map((item) => lineItem(call, item)),
      `/v1/quotes/${id}/line_items`,
    ),
    total_details: details,
  };
}

function updateQuote(call: StripeCall): StripeObject {
  requireStatus(QUOTES.require(call), "draft", "updated");
  const isRepriced = call.params["line_items"] !== undefined;
  return shown(QUOTES.update(call, isRepriced ? priced(call, call.id) : {}));
}

function requireStatus(quote: StripeObject, status: string, action: string): void {
  if (quote["status"] === status) return;
  throw invalidRequest(
    `Only quotes with a status of ${status} can be ${action}; this one has a status of ${quote["status"]}.`,
  );
}

function moment(quote: StripeObject, name: string, now: number): JsonObject {
  return { ...(quote["status_transitions"] as JsonObject), [name]: now };
}

function finalizeQuote(call: StripeCall): StripeObject {
  const quote = QUOTES.require(call);
  requireStatus(quote, "draft", "finalized");
  return shown(
    QUOTES.change(
      call,
      quote,
      {
        expires_at: integer(call.params, "expires_at") ?? quote["expires_at"] ?? 0,
        number: `QT-${quote.id.slice(-6)}-1`,
        status: "open",
        status_transitions: moment(quote, "finalized_at", call.now),
      },
      "finalized",
    ),
  );
}

/** Turns an open quote into a draft of an invoice, or into a subscription when something in it comes back. */
function acceptQuote(call: StripeCall): StripeObject {
  const quote = QUOTES.require(call);
  requireStatus(quote, "open", "accepted");
  if (typeof quote["customer"] !== "string") throw missing("customer");
  const items = hashesIn(quote["line_items"] as JsonObject, "data").map(asPriced);
  const once = items.filter((item) => !isRecurring(item));
  const recurring = items.filter(isRecurring);
  const fields = recurring.length > 0 ? subscribe(call, quote, recurring, once) : invoice(call, quote, once);
  return shown(
    QUOTES.change(
      call,
      quote,
      { ...fields, status: "accepted", status_transitions: moment(quote, "accepted_at", call.now) },
      "accepted",
    ),
  );
}

function subscribe(
  call: StripeCall,
  quote: StripeObject,
  recurring: readonly PricedItem[],
  once: readonly PricedItem[],
): JsonObject {
  const subscription = openSubscription(call, String(quote["customer"]), recurring, once);
  return { invoice: subscription["latest_invoice"] ?? null, subscription: subscription.id };
}

function invoice(call: StripeCall, quote: StripeObject, items: readonly PricedItem[]): JsonObject {
  const lines = items.map((item) => invoiceLine(call, item));
  const draft = draftInvoice(call, String(quote["customer"]), lines, {
    auto_advance: false,
    billing_reason: "manual",
    collection_method: quote["collection_method"] ?? "charge_automatically",
    parent: { quote_details: { quote: quote.id }, subscription_details: null, type: "quote_details" },
  });
  return { invoice: INVOICES.add(call, draft).id };
}

function asPriced(line: JsonObject): PricedItem {
  return {
    amount: amountOf(line, "amount_total"),
    currency: String(line["currency"]),
    quantity: amountOf(line, "quantity"),
    description: typeof line["description"] === "string" ? line["description"] : null,
    price: (line["price"] ?? null) as StripeObject | null,
  };
}

function cancelQuote(call: StripeCall): StripeObject {
  const quote = QUOTES.require(call);
  if (quote["status"] !== "draft" && quote["status"] !== "open") {
    throw invalidRequest(
      `Only draft and open quotes can be canceled; this one has a status of ${quote["status"]}.`,
    );
  }
  const fields = { status: "canceled", status_transitions: moment(quote, "canceled_at", call.now) };
  return shown(QUOTES.change(call, quote, fields, "canceled"));
}

/** Line items are in the answer only when expanded; they have a list of their own. */
function shown(quote: StripeObject): StripeObject {
  const { line_items: _, ...rest } = quote;
  return rest as StripeObject;
}
