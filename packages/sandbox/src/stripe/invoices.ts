import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { findCustomer, requireCustomer } from "./customer-reference.ts";
import { invalidRequest } from "./error.ts";
import { randomText } from "./ids.ts";
import { pageOf } from "./inner-list.ts";
import { invoiceLine, type LineOrigin, linesOf, totalled } from "./invoice-lines.ts";
import { payInvoice } from "./invoice-payment.ts";
import type { StripeObject } from "./objects.ts";
import { flag, hash, integer, missing, text } from "./parameters.ts";
import { type PricedItem, priceItem } from "./pricing.ts";
import { amountOf, hashesIn, NO_LIST, nulls, Resource } from "./resource.ts";

/** Stripe's Invoice. */
export const INVOICES = new Resource({
  kind: "invoice",
  prefix: "in",
  url: "/v1/invoices",
  equal: ["collection_method", "customer", "status"],
  ranges: ["created", "due_date"],
  blank: {
    ...{
      ...nulls(
        "account_country account_name account_tax_ids application automatically_finalizes_at " +
          "billing_reason custom_fields customer customer_account customer_address customer_email " +
          "customer_name customer_phone customer_shipping customer_tax_exempt default_payment_method " +
          "default_source description due_date effective_at ending_balance footer from_invoice " +
          "last_finalization_error latest_revision next_payment_attempt number on_behalf_of parent " +
          "receipt_number rendering shipping_cost shipping_details statement_descriptor status " +
          "subtotal_excluding_tax test_clock total_discount_amounts total_excluding_tax " +
          "total_pretax_credit_amounts total_taxes webhooks_delivered_at",
      ),
      amount_due: 0,
      amount_overpaid: 0,
      amount_paid: 0,
      amount_remaining: 0,
      amount_shipping: 0,
      attempt_count: 0,
      attempted: false,
      automatic_tax: { ...nulls("disabled_reason liability provider status"), enabled: false },
      collection_method: "charge_automatically",
      currency: "",
      default_tax_rates: [],
      discounts: [],
      issuer: { type: "account" },
      lines: NO_LIST,
      payment_settings: { ...nulls("default_mandate payment_method_options payment_method_types") },
      period_end: 0,
      period_start: 0,
      post_payment_credit_notes_amount: 0,
      pre_payment_credit_notes_amount: 0,
      starting_balance: 0,
      status_transitions: { ...nulls("finalized_at marked_uncollectible_at paid_at voided_at") },
      subtotal: 0,
      total: 0,
    },
    auto_advance: false,
    hosted_invoice_url: null,
    invoice_pdf: null,
  },
});

/** The endpoints below `/v1/invoices`. */
export const INVOICE_OPERATIONS = {
  "invoices.create": createInvoice,
  "invoices.retrieve": (call: StripeCall) => INVOICES.require(call),
  "invoices.update": (call: StripeCall) => INVOICES.update(call),
  "invoices.delete": deleteInvoice,
  "invoices.list": (call: StripeCall) => {
    const subscription = text(call.params, "subscription");
    return INVOICES.list(
      call,
      (invoice) => subscription === undefined || subscriptionOf(invoice) === subscription,
    );
  },
  "invoices.add_lines": addLines,
  "invoices.create_preview": createPreview,
  "invoices.finalize": finalize,
  "invoices.mark_uncollectible": (call: StripeCall) =>
    close(call, "uncollectible", "marked_uncollectible", "marked_uncollectible_at"),
  "invoices.pay": pay,
  "invoices.send": send,
  "invoices.void": (call: StripeCall) => close(call, "void", "voided", "voided_at"),
  "invoices.list_lines": (call: StripeCall) =>
    pageOf(call, INVOICES.require(call)["lines"], `/v1/invoices/${call.id}/lines`),
} as const;

/** The subscription that an invoice is for; undefined when it is for none. */
function subscriptionOf(invoice: StripeObject): string | undefined {
  const details = hash(hash(invoice, "parent") ?? {}, "subscription_details");
  return details === undefined ? undefined : text(details, "subscription");
}

/** Throws Stripe's error unless the invoice can still be edited. */
export function requireDraft(invoice: StripeObject): void {
  if (invoice["status"] === "draft") return;
  throw invalidRequest(`Invoice ${invoice.id} can't be edited: it is no longer a draft.`, {
    code: "invoice_not_editable",
  });
}

/** A new draft of an invoice, not kept. */
export function draftInvoice(
  call: StripeCall,
  customerId: string,
  lines: readonly StripeObject[],
  fields: JsonObject,
): StripeObject {
  const customer = findCustomer(call, customerId);
  const id = INVOICES.collection(call).newId("in");
  const currency = String(lines[0]?.["currency"] ?? text(call.params, "currency") ?? "usd");
  if (lines.some((line) => line["currency"] !== currency)) {
    throw invalidRequest("All lines of an invoice must be in the invoice's currency.", { param: "currency" });
  }
  return INVOICES.build(call, {
    currency,
    customer: customerId,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    customer_tax_exempt: customer?.tax_exempt ?? "none",
    period_end: call.now,
    period_start: call.now,
    ...fields,
    ...totalled(id, lines, customer?.balance ?? 0),
    id,
    status: "draft",
    total_discount_amounts: [],
    total_pretax_credit_amounts: [],
    total_taxes: [],
  });
}

function createInvoice(call: StripeCall): StripeObject {
  const { params } = call;
  const customer = requireCustomer(call);
  if (customer === null) throw missing("customer");
  const currency = text(params, "currency");
  const items =
    text(params, "pending_invoice_items_behavior") === "include"
      ? pendingItems(call, customer, currency)
      : [];
  const daysUntilDue = integer(params, "days_until_due");
  const invoice = draftInvoice(
    call,
    customer,
    items.map((item) => itemLine(call, item)),
    {
      auto_advance: flag(params, "auto_advance") ?? false,
      billing_reason: "manual",
      due_date:
        integer(params, "due_date") ?? (daysUntilDue === undefined ? null : call.now + daysUntilDue * 86_400),
    },
  );
  for (const item of items) call.account.objects("invoiceitem").put({ ...item, invoice: invoice.id });
  return INVOICES.add(call, invoice);
}

function pendingItems(
  call: StripeCall,
  customer: string,
  currency: string | undefined,
): readonly StripeObject[] {
  const wanted = [...call.account.objects("invoiceitem").newestFirst()].filter(
    (item) => item["customer"] === customer && item["invoice"] === null,
  );
  const only = currency ?? wanted[0]?.["currency"];
  return wanted.filter((item) => item["currency"] === only);
}

/** The line of a kept invoice item. */
function itemLine(call: StripeCall, item: StripeObject): StripeObject {
  const priced: PricedItem = {
    amount: amountOf(item, "amount"),
    currency: String(item["currency"]),
    quantity: amountOf(item, "quantity"),
    description: text(item, "description") ?? null,
    price: null,
  };
  return {
    ...invoiceLine(call, priced, { invoiceItem: item.id }),
    metadata: item["metadata"] ?? {},
    pricing: item["pricing"] ?? null,
  };
}

/** Puts the line of an invoice item on a draft. */
export function attachItem(call: StripeCall, invoice: StripeObject, item: StripeObject): StripeObject {
  return setLines(call, invoice, [...linesOf(invoice), itemLine(call, item)]);
}

function setLines(call: StripeCall, invoice: StripeObject, lines: readonly StripeObject[]): StripeObject {
  const currency =
    invoice["lines"] === undefined || linesOf(invoice).length === 0
      ? lines[0]?.["currency"]
      : invoice["currency"];
  if (lines.some((line) => line["currency"] !== currency)) {
    throw invalidRequest("All lines of an invoice must be in the invoice's currency.", { param: "currency" });
  }
  return INVOICES.change(call, invoice, {
    ...totalled(invoice.id, lines, amountOf(invoice, "starting_balance")),
    currency: currency ?? invoice["currency"] ?? "usd",
  });
}

function addLines(call: StripeCall): StripeObject {
  const invoice = INVOICES.require(call);
  requireDraft(invoice);
  const currency = String(invoice["currency"]);
  const added = hashesIn(call.params, "lines").map((line) => {
    const itemId = text(line, "invoice_item");
    const item = itemId === undefined ? undefined : call.account.objects("invoiceitem").get(itemId);
    if (item !== undefined) call.account.objects("invoiceitem").put({ ...item, invoice: invoice.id });
    return item === undefined ? invoiceLine(call, priceItem(call, line, { currency })) : itemLine(call, item);
  });
  return setLines(call, invoice, [...linesOf(invoice), ...added]);
}

/** What the next invoice would be, computed from the parameters; nothing is kept. */
function createPreview(call: StripeCall): StripeObject {
  const { params } = call;
  const customer = requireCustomer(call);
  const subscriptionId = text(params, "subscription");
  const subscription =
    subscriptionId === undefined ? undefined : call.account.objects("subscription").get(subscriptionId);
  if (customer === null && subscription === undefined && hash(params, "customer_details") === undefined) {
    throw missing("customer");
  }
  const details = hash(params, "subscription_details") ?? {};
  const currency = text(params, "currency") ?? text(subscription ?? {}, "currency") ?? "usd";
  const wanted = hashesIn(details, "items");
  const kept = hashesIn(hash(subscription ?? {}, "items") ?? {}, "data");
  const orders: readonly (readonly [JsonObject, LineOrigin])[] = [
    ...mergedItems(kept, wanted).map(
      (item) => [item, { subscriptionItem: text(item, "id") ?? "si_preview" }] as const,
    ),
    ...hashesIn(params, "invoice_items").map((item) => [item, { invoiceItem: "ii_preview" }] as const),
  ];
  const lines = orders.map(([item, origin]) =>
    invoiceLine(call, priceItem(call, item, { currency, isDraft: true }), origin),
  );
  const owner = customer ?? String(subscription?.["customer"] ?? "");
  return draftInvoice(call, owner, lines, { billing_reason: "upcoming" });
}

/** A subscription's items with changes by `id` applied and new ones added. */
export function mergedItems(
  kept: readonly JsonObject[],
  wanted: readonly JsonObject[],
): readonly JsonObject[] {
  const orders = kept
    .filter((item) =>
      wanted.every((change) => change["id"] !== item["id"] || String(change["deleted"]) !== "true"),
    )
    .map((item) => {
      const change = wanted.find(({ id }) => id === item["id"]) ?? {};
      const price =
        change["price_data"] === undefined ? { price: String((item["price"] as JsonObject)["id"]) } : {};
      return { id: item["id"] ?? "", quantity: item["quantity"] ?? 1, ...price, ...change };
    });
  return [...orders, ...wanted.filter(({ id }) => id === undefined)];
}

function deleteInvoice(call: StripeCall): JsonObject {
  requireDraft(INVOICES.require(call));
  return INVOICES.remove(call);
}

/** Opens a draft for payment; nothing due is paid at once. */
export function finalizeInvoice(call: StripeCall, invoice: StripeObject): StripeObject {
  const customer = findCustomer(call, String(invoice["customer"]));
  const balance = customer?.balance ?? 0;
  const amounts = totalled(invoice.id, linesOf(invoice), balance);
  const total = amountOf(amounts, "total");
  const ending = Math.min(0, total + balance);
  if (customer !== undefined && ending !== balance)
    call.account.customers.put({ ...customer, balance: ending });
  const open = INVOICES.change(
    call,
    invoice,
    {
      ...amounts,
      effective_at: call.now,
      ending_balance: ending,
      hosted_invoice_url: `https://invoice.stripe.com/i/acct_sandbox/test_${randomText(32)}`,
      invoice_pdf: `https://pay.stripe.com/invoice/acct_sandbox/test_${randomText(32)}/pdf`,
      number: `${customer?.invoice_prefix ?? "SANDBOX"}-${randomText(4).toUpperCase()}`,
      status: "open",
      status_transitions: { ...(invoice["status_transitions"] as JsonObject), finalized_at: call.now },
    },
    "finalized",
  );
  return amountOf(open, "amount_due") === 0
    ? payInvoice(call, open, { isOutOfBand: false, method: undefined })
    : open;
}

function finalize(call: StripeCall): StripeObject {
  const invoice = INVOICES.require(call);
  if (invoice["status"] !== "draft") {
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: "invoice_not_editable",
    });
  }
  const advance = flag(call.params, "auto_advance") ?? invoice["auto_advance"] === true;
  return finalizeInvoice(call, { ...invoice, auto_advance: advance });
}

function pay(call: StripeCall): StripeObject {
  const invoice = INVOICES.require(call);
  const open = invoice["status"] === "draft" ? finalizeInvoice(call, invoice) : invoice;
  if (open["status"] === "paid" && invoice["status"] === "draft") return open;
  if (open["status"] !== "open" && open["status"] !== "uncollectible") {
    throw invalidRequest(
      open["status"] === "paid" ? "Invoice is already paid" : "This invoice can no longer be paid.",
    );
  }
  return payInvoice(call, open, {
    isOutOfBand: flag(call.params, "paid_out_of_band") === true,
    method: text(call.params, "payment_method") ?? text(call.params, "source"),
  });
}

/** Mails an invoice, a draft after finalizing it. */
function send(call: StripeCall): StripeObject {
  const invoice = INVOICES.require(call);
  if (invoice["collection_method"] !== "send_invoice") {
    throw invalidRequest("You can only manually send an invoice if its collection method is 'send_invoice'.");
  }
  const open = invoice["status"] === "draft" ? finalizeInvoice(call, invoice) : invoice;
  call.account.emit(call, "invoice.sent", open);
  return open;
}

function close(call: StripeCall, status: string, event: string, moment: string): StripeObject {
  const invoice = INVOICES.require(call);
  const isOpen = invoice["status"] === "open" || (status === "void" && invoice["status"] === "uncollectible");
  if (!isOpen) {
    throw invalidRequest(
      `You can only pass in open invoices. This invoice isn't open: it is ${invoice["status"]}.`,
    );
  }
  const transitions = invoice["status_transitions"] as JsonObject;
  return INVOICES.change(
    call,
    invoice,
    { status, status_transitions: { ...transitions, [moment]: call.now } },
    event,
  );
}
