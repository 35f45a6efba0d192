import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import type { StripeObject } from "./objects.ts";
import { listOf, type PricedItem } from "./pricing.ts";
import { amountOf, hashesIn, nulls } from "./resource.ts";

const LINE_BLANK: JsonObject = {
  ...{
    ...nulls(
      "description discount_amounts invoice parent pretax_credit_amounts pricing quantity " +
        "quantity_decimal subscription taxes",
    ),
    amount: 0,
    currency: "",
    discountable: false,
    discounts: [],
    period: { end: 0, start: 0 },
    subtotal: 0,
  },
  discountable: true,
};

/** What a line comes from: an invoice item, or an item of a subscription. */
export interface LineOrigin {
  readonly invoiceItem?: string;
  readonly subscription?: string;
  readonly subscriptionItem?: string;
  readonly periodEnd?: number;
}

/** Stripe's InvoiceLineItem of something priced. */
export function invoiceLine(call: StripeCall, item: PricedItem, origin: LineOrigin = {}): StripeObject {
  return {
    ...LINE_BLANK,
    id: call.account.objects("line_item").newId("il"),
    object: "line_item",
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    livemode: false,
    metadata: {},
    parent: parentOf(origin),
    period: { start: call.now, end: origin.periodEnd ?? call.now },
    pricing:
      item.price === null
        ? null
        : {
            price_details: { price: item.price.id, product: item.price["product"] ?? null },
            type: "price_details",
            unit_amount_decimal: item.price["unit_amount_decimal"] ?? null,
          },
    quantity: item.quantity,
    quantity_decimal: String(item.quantity),
    subscription: origin.subscription ?? null,
    subtotal: item.amount,
  };
}

function parentOf({ invoiceItem, subscription, subscriptionItem }: LineOrigin): JsonObject | null {
  if (subscriptionItem !== undefined) {
    return {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: subscription ?? null,
        subscription_item: subscriptionItem,
      },
      type: "subscription_item_details",
    };
  }
  if (invoiceItem === undefined) return null;
  return {
    invoice_item_details: {
      invoice_item: invoiceItem,
      proration: false,
      proration_details: { credited_items: null },
      subscription: subscription ?? null,
    },
    subscription_item_details: null,
    type: "invoice_item_details",
  };
}

/** The lines that an invoice holds. */
export function linesOf(invoice: JsonObject): readonly StripeObject[] {
  return hashesIn((invoice["lines"] ?? {}) as JsonObject, "data") as readonly StripeObject[];
}

/** An invoice's lines with every amount that follows from them; `balance` is what the customer owes already. */
export function totalled(id: string, lines: readonly StripeObject[], balance: number): JsonObject {
  const total = lines.reduce((sum, line) => sum + amountOf(line, "amount"), 0);
  const due = Math.max(0, total + balance);
  return {
    amount_due: due,
    amount_remaining: due,
    ending_balance: null,
    lines: listOf(
      lines.map((line) => ({ ...line, invoice: id })),
      `/v1/invoices/${id}/lines`,
    ),
    starting_balance: balance,
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_excluding_tax: total,
  };
}
