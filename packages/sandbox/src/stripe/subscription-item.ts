import type { StripeCall } from "./account.ts";
import type { StripeObject } from "./objects.ts";
import { type PricedItem, periodSeconds } from "./pricing.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's SubscriptionItem. */
export const SUBSCRIPTION_ITEMS = new Resource({
  kind: "subscription_item",
  prefix: "si",
  url: "/v1/subscription_items",
  equal: ["subscription"],
  blank: {
    ...nulls("billing_thresholds current_trial tax_rates"),
    current_period_end: 0,
    current_period_start: 0,
    discounts: [],
    plan: "",
    price: "",
    subscription: "",
  },
});

/** An item of a subscription, not kept; with the id of `known` when it replaces that one. */
export function newItem(
  call: StripeCall,
  subscription: string,
  item: PricedItem,
  known?: StripeObject,
): StripeObject {
  return {
    object: "subscription_item",
    ...SUBSCRIPTION_ITEMS.shape.blank,
    created: call.now,
    current_period_start: call.now,
    metadata: {},
    ...known,
    id: known?.id ?? SUBSCRIPTION_ITEMS.collection(call).newId("si"),
    current_period_end: call.now + periodSeconds(item.price),
    plan: planOf(item),
    price: item.price,
    quantity: item.quantity,
    subscription,
  };
}

/** The Plan that older callers read in place of the price. */
function planOf({ price, currency }: PricedItem): StripeObject {
  const recurring = (price?.["recurring"] ?? {}) as Readonly<Record<string, string | number | null>>;
  return {
    id: price?.id ?? "",
    object: "plan",
    active: price?.["active"] ?? true,
    amount: price?.["unit_amount"] ?? null,
    amount_decimal: price?.["unit_amount_decimal"] ?? null,
    billing_scheme: "per_unit",
    created: price?.["created"] ?? 0,
    currency,
    interval: recurring["interval"] ?? "month",
    interval_count: recurring["interval_count"] ?? 1,
    livemode: false,
    metadata: {},
    meter: null,
    nickname: null,
    product: price?.["product"] ?? null,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: recurring["usage_type"] ?? "licensed",
  };
}
