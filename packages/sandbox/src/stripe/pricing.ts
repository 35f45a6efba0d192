import type { Json, JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash, missing, type Params, text } from "./parameters.ts";
import { inlinePrice, PRICES } from "./prices.ts";
import { amountIn } from "./resource.ts";

/** What somebody orders, priced in minor units of its currency. */
export interface PricedItem {
  readonly amount: number;
  readonly currency: string;
  readonly quantity: number;
  readonly description: string | null;
  /** Null for a bare amount. */
  readonly price: StripeObject | null;
}

/**
 * Prices an item by `price`, `pricing[price]`, `price_data`, `unit_amount_decimal` or `amount`, times `quantity`.
 * Prices from `price_data` are kept unless `isDraft`. Throws Stripe's error when nothing says what it costs.
 */
export function priceItem(
  call: StripeCall,
  item: Params,
  { currency, isDraft = false }: { currency?: string; isDraft?: boolean } = {},
): PricedItem {
  const quantity = amountIn(item, "quantity") ?? 1;
  if (quantity < 0)
    throw invalidRequest("This value must be greater than or equal to 0.", { param: "quantity" });
  const description = text(item, "description") ?? null;
  const id = text(item, "price") ?? text(hash(item, "pricing") ?? {}, "price");
  const data = hash(item, "price_data");
  if (id !== undefined || data !== undefined) {
    const price = id === undefined ? inlinePrice(call, data ?? {}, isDraft) : PRICES.refer(call, id, "price");
    const amount = times(String(price["unit_amount_decimal"]), quantity);
    return { amount, currency: String(price["currency"]), quantity, description, price };
  }
  const own = text(item, "currency") ?? currency;
  if (own === undefined) throw missing("currency");
  const decimal = text(item, "unit_amount_decimal");
  const amount = decimal === undefined ? amountIn(item, "amount") : times(decimal, quantity);
  if (amount === undefined) throw missing("amount");
  return { amount, currency: parseCurrency(own), quantity, description, price: null };
}

/** Decimal minor units times a quantity, rounded half up as Stripe rounds a line. */
function times(decimal: string, quantity: number): number {
  const [whole = "0", fraction = ""] = decimal.split(".");
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(`${whole}${fraction}`) * BigInt(quantity);
  return Number((product * 2n + scale) / (scale * 2n));
}

/** The one currency of all items. Throws when they differ or there is none. */
export function commonCurrency(items: readonly PricedItem[], param: string): string {
  const [first] = items;
  if (first === undefined) throw missing(param);
  if (items.every(({ currency }) => currency === first.currency)) return first.currency;
  throw invalidRequest("All prices must be in the same currency.", { param });
}

/** The sum of the items' amounts. */
export function sumOf(items: readonly PricedItem[]): number {
  return items.reduce((sum, { amount }) => sum + amount, 0);
}

/** Whether an item comes back every period. */
export function isRecurring({ price }: PricedItem): boolean {
  return price?.["type"] === "recurring";
}

/** How long a price's period is, in seconds; a month has 30 days here. */
export function periodSeconds(price: StripeObject | null): number {
  const recurring = hash(price ?? {}, "recurring") ?? {};
  const days: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };
  return (
    (days[text(recurring, "interval") ?? "month"] ?? 30) *
    (amountIn(recurring, "interval_count") ?? 1) *
    86_400
  );
}

/** Stripe's LineItem of a checkout session, payment link or quote. */
export function lineItem(call: StripeCall, item: PricedItem): JsonObject {
  return {
    id: call.account.objects("item").newId("li"),
    object: "item",
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: item.amount,
    amount_tax: 0,
    amount_total: item.amount,
    currency: item.currency,
    description: item.description,
    metadata: {},
    price: item.price,
    quantity: item.quantity,
  };
}

/** A list field that holds all of `data`. */
export function listOf(data: readonly Json[], url: string): JsonObject {
  return { object: "list", data, has_more: false, url };
}
