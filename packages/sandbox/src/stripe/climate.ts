import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash, integer, missing, text } from "./parameters.ts";
import { amountOf, nulls, Resource } from "./resource.ts";

/** Stripe's climate Product. They are seeded; `current_prices_per_metric_ton` is by currency, in minor units. */
export const CLIMATE_PRODUCTS = new Resource({
  kind: "climate.product",
  prefix: "climsku",
  url: "/v1/climate/products",
  blank: {
    ...nulls("delivery_year"),
    current_prices_per_metric_ton: {
      usd: { amount_fees: 2_000, amount_subtotal: 50_000, amount_total: 52_000 },
    },
    metric_tons_available: "1000",
    name: "Sandbox removal",
    suppliers: [],
  },
});

/** Stripe's climate Order. */
export const CLIMATE_ORDERS = new Resource({
  kind: "climate.order",
  prefix: "climorder",
  url: "/v1/climate/orders",
  blank: {
    ...nulls(
      "canceled_at cancellation_reason certificate confirmed_at delayed_at delivered_at " +
        "product_substituted_at",
    ),
    amount_fees: 0,
    amount_subtotal: 0,
    amount_total: 0,
    currency: "",
    delivery_details: [],
    expected_delivery_year: 0,
    metric_tons: "0",
    product: "",
    status: "awaiting_funds",
  },
});

/** The endpoints below `/v1/climate`. */
export const CLIMATE_OPERATIONS = {
  "climate_products.retrieve": (call: StripeCall) => CLIMATE_PRODUCTS.require(call),
  "climate_products.list": (call: StripeCall) => CLIMATE_PRODUCTS.list(call),
  "climate_orders.create": createOrder,
  "climate_orders.retrieve": (call: StripeCall) => CLIMATE_ORDERS.require(call),
  "climate_orders.update": (call: StripeCall) => CLIMATE_ORDERS.update(call),
  "climate_orders.cancel": cancelOrder,
  "climate_orders.list": (call: StripeCall) => CLIMATE_ORDERS.list(call),
} as const;

/** An order by amount, or by metric tons at the product's price. */
function createOrder(call: StripeCall): StripeObject {
  const { account, params } = call;
  const product = CLIMATE_PRODUCTS.refer(call, text(params, "product"), "product");
  const amount = integer(params, "amount");
  const tons = text(params, "metric_tons");
  if ((amount === undefined) === (tons === undefined)) {
    throw invalidRequest("Exactly one of amount and metric_tons must be given.", {
      code: "parameters_exclusive",
    });
  }
  if (amount !== undefined && text(params, "currency") === undefined) throw missing("currency");
  const currency = parseCurrency(text(params, "currency") ?? "usd");
  const prices = hash(product, "current_prices_per_metric_ton") ?? {};
  const price = hash(prices, currency);
  if (price === undefined)
    throw invalidRequest(`This product has no price in ${currency}.`, { param: "currency" });
  const total = amount ?? Math.ceil(Number(tons) * amountOf(price, "amount_total"));
  if (!Number.isSafeInteger(total) || total < 1) {
    throw invalidRequest("Invalid number of metric tons.", { param: "metric_tons" });
  }
  const fees = Math.round((total * amountOf(price, "amount_fees")) / amountOf(price, "amount_total"));
  account.requireBalance(total, currency);
  const order = CLIMATE_ORDERS.build(call, {
    amount_fees: fees,
    amount_subtotal: total - fees,
    amount_total: total,
    currency,
    expected_delivery_year: 2_030,
    metric_tons: tons ?? (total / amountOf(price, "amount_total")).toFixed(2),
    product: product.id,
    status: "open",
    confirmed_at: call.now,
  });
  pay(call, order, -total);
  return CLIMATE_ORDERS.add(call, order);
}

function pay(call: StripeCall, order: JsonObject, amount: number): void {
  const currency = String(order["currency"]);
  call.account.transact(call, {
    type: amount < 0 ? "climate_order_purchase" : "climate_order_refund",
    reporting_category: amount < 0 ? "climate_order_purchase" : "climate_order_refund",
    amount,
    currency,
    source: String(order["id"]),
  });
  call.account.count(currency, "paidOut", -amount);
}

function cancelOrder(call: StripeCall): StripeObject {
  const order = CLIMATE_ORDERS.require(call);
  if (order["status"] === "canceled") throw invalidRequest("This order has already been canceled.");
  pay(call, order, amountOf(order, "amount_total"));
  const fields = { canceled_at: call.now, cancellation_reason: "requested", status: "canceled" };
  return CLIMATE_ORDERS.change(call, order, fields, "canceled");
}
