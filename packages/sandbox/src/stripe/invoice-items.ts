import type { Json, JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { requireCustomer } from "./customer-reference.ts";
import { invalidRequest } from "./error.ts";
import { attachItem, INVOICES, requireDraft } from "./invoices.ts";
import type { StripeObject } from "./objects.ts";
import { flag, missing, text } from "./parameters.ts";
import { type PricedItem, priceItem } from "./pricing.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's InvoiceItem. */
export const INVOICE_ITEMS = new Resource({
  kind: "invoiceitem",
  prefix: "ii",
  url: "/v1/invoiceitems",
  equal: ["customer", "invoice"],
  blank: {
    ...{
      ...nulls("customer_account description discounts invoice parent pricing tax_rates test_clock"),
      amount: 0,
      currency: "",
      customer: "",
      date: 0,
      discountable: false,
      period: { end: 0, start: 0 },
      proration: false,
      quantity: 0,
      quantity_decimal: "0",
    },
    discountable: true,
    quantity: 1,
    quantity_decimal: "1",
  },
});

/** The endpoints below `/v1/invoiceitems`. */
export const INVOICE_ITEM_OPERATIONS = {
  "invoiceitems.create": createItem,
  "invoiceitems.retrieve": (call: StripeCall) => INVOICE_ITEMS.require(call),
  "invoiceitems.update": updateItem,
  "invoiceitems.delete": deleteItem,
  "invoiceitems.list": (call: StripeCall) => {
    const pending = flag(call.params, "pending");
    return INVOICE_ITEMS.list(
      call,
      (item) => pending === undefined || (item["invoice"] === null) === pending,
    );
  },
} as const;

function createItem(call: StripeCall): StripeObject {
  const { params } = call;
  const customer = requireCustomer(call);
  if (customer === null) throw missing("customer");
  const invoiceId = text(params, "invoice");
  const invoice = invoiceId === undefined ? undefined : INVOICES.refer(call, invoiceId, "invoice");
  if (invoice !== undefined) requireDraft(invoice);
  const priced = priceItem(call, params, {
    currency: text(params, "currency") ?? String(invoice?.["currency"] ?? "usd"),
  });
  const item = INVOICE_ITEMS.build(call, {
    ...pricedFields(priced),
    date: call.now,
    invoice: invoice?.id ?? null,
  });
  if (invoice !== undefined) attachItem(call, invoice, item);
  return INVOICE_ITEMS.add(call, item);
}

function pricedFields({ amount, currency, quantity, price }: PricedItem): JsonObject {
  return {
    amount,
    currency,
    quantity,
    quantity_decimal: String(quantity),
    pricing: pricingOf(price),
  };
}

/** The `pricing` of a line or item. */
export function pricingOf(price: StripeObject | null): Json {
  if (price === null) return null;
  return {
    price_details: { price: price.id, product: price["product"] ?? null },
    type: "price_details",
    unit_amount_decimal: price["unit_amount_decimal"] ?? null,
  };
}

function updateItem(call: StripeCall): StripeObject {
  const { params } = call;
  const item = pendingItem(call);
  const isRepriced = ["amount", "pricing", "price_data", "quantity", "unit_amount_decimal"].some(
    (name) => params[name] !== undefined,
  );
  if (!isRepriced) return INVOICE_ITEMS.update(call);
  const kept = item["pricing"] as JsonObject | null;
  const details = kept?.["price_details"] as JsonObject | undefined;
  const isPriced = ["amount", "pricing", "price_data", "unit_amount_decimal"].some(
    (name) => params[name] !== undefined,
  );
  const order: JsonObject = {
    quantity: item["quantity"] ?? 1,
    ...(isPriced
      ? {}
      : details === undefined
        ? { amount: item["amount"] ?? 0 }
        : { price: details["price"] ?? "" }),
    ...(params as JsonObject),
  };
  return INVOICE_ITEMS.update(
    call,
    pricedFields(priceItem(call, order, { currency: String(item["currency"]) })),
  );
}

function deleteItem(call: StripeCall): JsonObject {
  pendingItem(call);
  return INVOICE_ITEMS.remove(call);
}

function pendingItem(call: StripeCall): StripeObject {
  const item = INVOICE_ITEMS.require(call);
  if (item["invoice"] === null) return item;
  throw invalidRequest("This invoice item has been attached to an invoice and cannot be changed.");
}
