import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { parseCurrency } from "./currency.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { flag, hash, missing, type Params, text, texts } from "./parameters.ts";
import { PRODUCTS } from "./products.ts";
import { amountIn, nulls, Resource } from "./resource.ts";

/** Stripe's Price. */
export const PRICES = new Resource({
  kind: "price",
  prefix: "price",
  url: "/v1/prices",
  equal: ["active", "currency", "product", "type"],
  blank: {
    ...{
      ...nulls(
        "custom_unit_amount lookup_key nickname recurring tax_behavior tiers_mode transform_quantity " +
          "unit_amount unit_amount_decimal",
      ),
      active: false,
      billing_scheme: "per_unit",
      currency: "",
      product: "",
      type: "one_time",
    },
    active: true,
  },
});

/** The endpoints below `/v1/prices`. */
export const PRICE_OPERATIONS = {
  "prices.create": createPrice,
  "prices.retrieve": (call: StripeCall) => PRICES.require(call),
  "prices.update": (call: StripeCall) => PRICES.update(call),
  "prices.list": (call: StripeCall) => {
    const keys = texts(call.params, "lookup_keys");
    return PRICES.list(call, (price) => keys.length === 0 || keys.includes(String(price["lookup_key"])));
  },
} as const;

function createPrice(call: StripeCall): StripeObject {
  const { params } = call;
  if (hash(params, "currency_options") !== undefined || text(params, "billing_scheme") === "tiered") {
    throw invalidRequest("The sandbox has prices per unit in one currency only.", {
      param: "billing_scheme",
    });
  }
  const data = hash(params, "product_data");
  const product = text(params, "product");
  if (product === undefined && data === undefined) throw missing("product");
  const productId =
    product === undefined ? newProduct(call, data ?? {}).id : PRODUCTS.refer(call, product, "product").id;
  return PRICES.create(call, {
    ...priceFields(params),
    active: flag(params, "active") ?? true,
    product: productId,
  });
}

/** A price made on the fly from `price_data`. It is kept unless `isDraft`. */
export function inlinePrice(call: StripeCall, data: JsonObject, isDraft: boolean): StripeObject {
  const productData = hash(data, "product_data");
  const productId = text(data, "product");
  if (productId !== undefined) PRODUCTS.refer(call, productId, "product");
  if (productId === undefined && productData === undefined) throw missing("price_data[product]");
  const product =
    productId ?? (isDraft ? PRODUCTS.collection(call).newId("prod") : newProduct(call, productData ?? {}).id);
  const price: StripeObject = {
    object: "price",
    ...PRICES.shape.blank,
    ...priceFields(data),
    id: PRICES.collection(call).newId("price"),
    active: false,
    created: call.now,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: null,
    product,
    tax_behavior: text(data, "tax_behavior") ?? null,
  };
  return isDraft ? price : PRICES.collection(call).put(price);
}

function newProduct(call: StripeCall, data: JsonObject): StripeObject {
  const name = text(data, "name");
  if (name === undefined) throw missing("product_data[name]");
  return PRODUCTS.add(call, {
    object: "product",
    ...PRODUCTS.shape.blank,
    id: PRODUCTS.collection(call).newId("prod"),
    active: true,
    created: call.now,
    description: text(data, "description") ?? null,
    livemode: false,
    metadata: hash(data, "metadata") ?? {},
    name,
    type: "service",
    updated: call.now,
  });
}

/** Currency, amounts and recurrence of a price. */
function priceFields(data: Params): JsonObject {
  const currency = text(data, "currency");
  if (currency === undefined) throw missing("currency");
  const decimal = text(data, "unit_amount_decimal");
  const whole = amountIn(data, "unit_amount");
  if (whole === undefined && decimal === undefined) throw missing("unit_amount");
  if (decimal !== undefined && !/^\d{1,12}(?:\.\d{1,12})?$/.test(decimal)) {
    throw invalidRequest(`Invalid decimal: ${decimal}`, { param: "unit_amount_decimal" });
  }
  if (whole !== undefined && whole < 0) {
    throw invalidRequest("This value must be greater than or equal to 0.", {
      code: "parameter_invalid_integer",
      param: "unit_amount",
    });
  }
  return {
    currency: parseCurrency(currency),
    unit_amount: whole ?? (Number.isInteger(Number(decimal)) ? Number(decimal) : null),
    unit_amount_decimal: decimal ?? String(whole),
    ...recurrence(hash(data, "recurring")),
  };
}

function recurrence(recurring: JsonObject | undefined): JsonObject {
  if (recurring === undefined) return { recurring: null, type: "one_time" };
  return {
    recurring: {
      interval: text(recurring, "interval") ?? "month",
      interval_count: amountIn(recurring, "interval_count") ?? 1,
      meter: text(recurring, "meter") ?? null,
      trial_period_days: null,
      usage_type: text(recurring, "usage_type") ?? "licensed",
    },
    type: "recurring",
  };
}
