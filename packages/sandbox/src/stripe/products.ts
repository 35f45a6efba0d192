import type { StripeCall } from "./account.ts";
import type { StripeObject } from "./objects.ts";
import { flag, missing, text } from "./parameters.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's Product. */
export const PRODUCTS = new Resource({
  kind: "product",
  prefix: "prod",
  url: "/v1/products",
  equal: ["active"],
  blank: {
    ...{
      ...nulls("description package_dimensions shippable tax_details url"),
      active: false,
      images: [],
      marketing_features: [],
      name: "",
      type: "good",
      updated: 0,
    },
    default_price: null,
  },
});

/** The endpoints below `/v1/products`. */
export const PRODUCT_OPERATIONS = {
  "products.create": createProduct,
  "products.retrieve": (call: StripeCall) => PRODUCTS.require(call),
  "products.update": (call: StripeCall) => PRODUCTS.update(call, { updated: call.now }),
  "products.list": (call: StripeCall) => PRODUCTS.list(call),
} as const;

function createProduct(call: StripeCall): StripeObject {
  const id = text(call.params, "id");
  if (text(call.params, "name") === undefined) throw missing("name");
  return PRODUCTS.create(call, {
    ...(id === undefined ? {} : { id: PRODUCTS.collection(call).adoptId(id) }),
    active: flag(call.params, "active") ?? true,
    type: text(call.params, "type") ?? "service",
    updated: call.now,
  });
}
