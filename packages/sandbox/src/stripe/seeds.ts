import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { APPLICATION_FEES } from "./application-fees.ts";
import { CLIMATE_PRODUCTS } from "./climate.ts";
import { DISPUTES } from "./disputes.ts";
import { ISSUING_AUTHORIZATIONS } from "./issuing-authorizations.ts";
import type { StripeObject } from "./objects.ts";
import { amountOf, nulls, type Resource } from "./resource.ts";
import { FINANCIAL_ACCOUNTS } from "./treasury-accounts.ts";

/** The kinds of object that come into being without a call of Stripe's API. */
export const SEEDABLE_KINDS = [
  "application_fee",
  "climate.product",
  "dispute",
  "issuing.authorization",
  "treasury.financial_account",
] as const;

/** A kind that can be seeded. */
export type SeedableKind = (typeof SEEDABLE_KINDS)[number];

/** Fields that replace those of the blank; an `id` among them is taken as it is. */
export type SeedFields = JsonObject;

const RESOURCES: Readonly<Record<SeedableKind, Resource>> = {
  application_fee: APPLICATION_FEES,
  "climate.product": CLIMATE_PRODUCTS,
  dispute: DISPUTES,
  "issuing.authorization": ISSUING_AUTHORIZATIONS,
  "treasury.financial_account": FINANCIAL_ACCOUNTS,
};

/** Makes an object out of nothing. Throws a plain error for a kind that cannot be seeded. */
export function seedObject(call: StripeCall, kind: string, fields: SeedFields): StripeObject {
  const resource = Object.hasOwn(RESOURCES, kind) ? RESOURCES[kind as SeedableKind] : undefined;
  if (resource === undefined) {
    throw new Error(`\`${kind}\` cannot be seeded, use one of ${SEEDABLE_KINDS.join(", ")}`);
  }
  const known = "currency" in resource.shape.blank ? { currency: "usd" } : {};
  const { id } = fields;
  const adopted = typeof id === "string" ? { id: resource.collection(call).adoptId(id) } : {};
  return resource.create(call, { ...known, ...waiting(kind, fields), ...fields, ...adopted });
}

/** What an authorization that waits for its answer asks for. */
function waiting(kind: string, fields: SeedFields): JsonObject {
  if (kind !== "issuing.authorization") return {};
  const amount = amountOf(fields, "amount");
  const currency = String(fields["currency"] ?? "usd");
  return {
    // What was asked for stands in the request; nothing is authorized yet.
    pending_request: {
      ...nulls("amount_details network_risk_score"),
      amount,
      currency,
      is_amount_controllable: true,
      merchant_amount: amount,
      merchant_currency: currency,
    },
    merchant_currency: currency,
  };
}
