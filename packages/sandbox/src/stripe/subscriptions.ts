import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { requireCustomer } from "./customer-reference.ts";
import { invalidRequest, StripeError } from "./error.ts";
import { invoiceLine } from "./invoice-lines.ts";
import { defaultMethod, payInvoice } from "./invoice-payment.ts";
import { draftInvoice, finalizeInvoice, INVOICES, mergedItems } from "./invoices.ts";
import type { StripeObject } from "./objects.ts";
import { flag, integer, missing, text } from "./parameters.ts";
import { commonCurrency, isRecurring, listOf, type PricedItem, priceItem } from "./pricing.ts";
import { amountOf, hashesIn, NO_LIST, nulls, Resource } from "./resource.ts";
import { newItem, SUBSCRIPTION_ITEMS } from "./subscription-item.ts";

/** Stripe's Subscription. It bills once, when it is made or changed: no clock renews it. */
export const SUBSCRIPTIONS = new Resource({
  kind: "subscription",
  prefix: "sub",
  url: "/v1/subscriptions",
  equal: ["collection_method", "customer"],
  blank: {
    ...nulls(
      "application application_fee_percent billing_cycle_anchor_config billing_thresholds cancel_at " +
        "canceled_at cancellation_details customer_account days_until_due default_payment_method " +
        "default_source description ended_at latest_invoice managed_payments " +
        "next_pending_invoice_item_invoice on_behalf_of pause_collection payment_settings " +
        "pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock " +
        "transfer_data trial_end trial_settings trial_start",
    ),
    automatic_tax: { ...nulls("disabled_reason liability"), enabled: false },
    billing_cycle_anchor: 0,
    billing_mode: { ...nulls("flexible"), type: "classic" },
    billing_schedules: [],
    cancel_at_period_end: false,
    collection_method: "charge_automatically",
    currency: "",
    customer: "",
    discounts: [],
    invoice_settings: {
      ...nulls("account_tax_ids custom_fields description footer"),
      issuer: { type: "account" },
    },
    items: NO_LIST,
    start_date: 0,
    status: "active",
  },
});

/** The endpoints below `/v1/subscriptions`. */
export const SUBSCRIPTION_OPERATIONS = {
  "subscriptions.create": createSubscription,
  "subscriptions.retrieve": (call: StripeCall) => SUBSCRIPTIONS.require(call),
  "subscriptions.update": updateSubscription,
  "subscriptions.cancel": cancelSubscription,
  "subscriptions.list": (call: StripeCall) => {
    const status = text(call.params, "status");
    return SUBSCRIPTIONS.list(call, (subscription) =>
      status === undefined
        ? subscription["status"] !== "canceled"
        : status === "all" || subscription["status"] === status,
    );
  },
} as const;

function createSubscription(call: StripeCall): StripeObject {
  const { params } = call;
  const customer = requireCustomer(call);
  if (customer === null) throw missing("customer");
  const items = hashesIn(params, "items").map((item) => priceItem(call, item));
  const once = hashesIn(params, "add_invoice_items").map((item) => priceItem(call, item));
  return openSubscription(call, customer, items, once);
}

/** Starts a subscription of priced items and bills its first period. Throws the card error when declined. */
export function openSubscription(
  call: StripeCall,
  customer: string,
  items: readonly PricedItem[],
  once: readonly PricedItem[],
): StripeObject {
  const currency = commonCurrency(items, "items");
  if (!items.every(isRecurring)) {
    throw invalidRequest(
      "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
      {
        param: "items",
      },
    );
  }
  const id = SUBSCRIPTIONS.collection(call).newId("sub");
  const kept = items.map((item) => newItem(call, id, item));
  const trialEnd = trialEndOf(call);
  const draft = SUBSCRIPTIONS.build(call, {
    id,
    billing_cycle_anchor: call.now,
    currency,
    customer,
    items: listOf(kept, `/v1/subscription_items?subscription=${id}`),
    start_date: call.now,
    trial_end: trialEnd,
    trial_start: trialEnd === null ? null : call.now,
  });
  const lines = kept.map((item, index) =>
    invoiceLine(
      call,
      trialEnd === null ? (items[index] as PricedItem) : { ...(items[index] as PricedItem), amount: 0 },
      {
        subscription: id,
        subscriptionItem: item.id,
        periodEnd: amountOf(item, "current_period_end"),
      },
    ),
  );
  const extra = once.map((item) => invoiceLine(call, item));
  const invoice = bill(call, draft, [...lines, ...extra], "subscription_create");
  for (const item of kept) SUBSCRIPTION_ITEMS.collection(call).put(item);
  const isPaid = invoice["status"] === "paid" || draft["collection_method"] === "send_invoice";
  return SUBSCRIPTIONS.add(call, {
    ...draft,
    latest_invoice: invoice.id,
    status: trialEnd !== null ? "trialing" : isPaid ? "active" : "incomplete",
  });
}

function trialEndOf(call: StripeCall): number | null {
  const days = integer(call.params, "trial_period_days");
  if (days !== undefined && days > 0) return call.now + days * 86_400;
  const end = Number(call.params["trial_end"] ?? 0);
  return end > call.now ? end : null;
}

/** The invoice of a subscription: opened, and paid at once unless the caller or the collection method says otherwise. */
function bill(
  call: StripeCall,
  subscription: StripeObject,
  lines: readonly StripeObject[],
  reason: string,
): StripeObject {
  const isCharged = subscription["collection_method"] === "charge_automatically";
  const behavior = text(call.params, "payment_behavior") ?? "allow_incomplete";
  const customer = String(subscription["customer"]);
  const preferred = text(subscription, "default_payment_method");
  const isDue = lines.some((line) => amountOf(line, "amount") > 0);
  const draft = draftInvoice(call, customer, lines, {
    auto_advance: isCharged,
    billing_reason: reason,
    collection_method: subscription["collection_method"] ?? "charge_automatically",
    default_payment_method: preferred ?? null,
    description: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription["metadata"] ?? {}, subscription: subscription.id },
      type: "subscription_details",
    },
  });
  const isPaidNow = isCharged && isDue && behavior !== "default_incomplete";
  if (isPaidNow && defaultMethod(call, customer, preferred) === undefined) {
    throw invalidRequest(
      "This customer has no attached payment source or default payment method. Please consider adding a default " +
        "payment method. For more information, visit https://stripe.com/docs/billing/customer.",
      { code: "resource_missing" },
    );
  }
  const open = finalizeInvoice(call, INVOICES.add(call, draft));
  if (!isPaidNow || open["status"] !== "open") return open;
  try {
    return payInvoice(call, open, { isOutOfBand: false, method: preferred });
  } catch (error) {
    // A declined card leaves an incomplete subscription, unless the caller asked for an error.
    const isDecline = error instanceof StripeError && error.status === 402;
    if (!isDecline || behavior === "error_if_incomplete") throw error;
    return INVOICES.require(call, open.id);
  }
}

function updateSubscription(call: StripeCall): StripeObject {
  const subscription = SUBSCRIPTIONS.require(call);
  const wanted = hashesIn(call.params, "items");
  const cancelAt = flag(call.params, "cancel_at_period_end");
  const canceled = cancelAt === undefined ? {} : { canceled_at: cancelAt ? call.now : null };
  if (wanted.length === 0)
    return SUBSCRIPTIONS.update(call, { ...canceled, items: subscription["items"] ?? NO_LIST });
  const changed = changeItems(call, subscription, wanted);
  return SUBSCRIPTIONS.update(call, { ...canceled, ...changed });
}

/**
 * Changes a subscription's items. What becomes dearer is billed at once, as with `always_invoice`, unless
 * `proration_behavior` is `none`: the difference for the whole period, since no time passes here.
 */
export function changeItems(
  call: StripeCall,
  subscription: StripeObject,
  wanted: readonly JsonObject[],
): JsonObject {
  const kept = hashesIn(subscription["items"] as JsonObject, "data") as readonly StripeObject[];
  const orders = mergedItems(kept, wanted);
  const priced = orders.map((order) => priceItem(call, order));
  const items = priced.map((item, index) => {
    const known = kept.find(({ id }) => id === orders[index]?.["id"]);
    return newItem(call, subscription.id, item, known);
  });
  for (const item of kept) SUBSCRIPTION_ITEMS.collection(call).remove(item.id);
  const before = kept.reduce(
    (sum, item) => sum + priceItem(call, { price: priceId(item), quantity: item["quantity"] ?? 1 }).amount,
    0,
  );
  const difference = priced.reduce((sum, { amount }) => sum + amount, 0) - before;
  const currency = String(subscription["currency"]);
  const isBilled = difference > 0 && text(call.params, "proration_behavior") !== "none";
  const line = {
    amount: difference,
    currency,
    quantity: 1,
    description: "Change of subscription",
    price: null,
  };
  const invoice = isBilled
    ? bill(
        call,
        subscription,
        [invoiceLine(call, line, { subscription: subscription.id })],
        "subscription_update",
      )
    : undefined;
  for (const item of items) SUBSCRIPTION_ITEMS.collection(call).put(item);
  return {
    items: listOf(items, `/v1/subscription_items?subscription=${subscription.id}`),
    latest_invoice: invoice?.id ?? subscription["latest_invoice"] ?? null,
  };
}

function priceId(item: StripeObject): string {
  return String((item["price"] as JsonObject)["id"]);
}

function cancelSubscription(call: StripeCall): StripeObject {
  const subscription = SUBSCRIPTIONS.require(call);
  if (subscription["status"] === "canceled") {
    throw invalidRequest(`No such subscription: '${subscription.id}'`, {
      code: "resource_missing",
      param: "id",
    });
  }
  return SUBSCRIPTIONS.change(
    call,
    subscription,
    { canceled_at: call.now, ended_at: call.now, status: "canceled" },
    "deleted",
  );
}
