import { toUsdMicros } from "../../money.ts";
import type { Endpoint, Price, PriceLookup, VendorRead } from "../../operation.ts";
import type { Pricing } from "../vendor.ts";
import { stripeExponent } from "./currency.ts";
import type { LineSum } from "./lines.ts";
import type { Parameters } from "./parameters.ts";

/** A call to be priced. */
export interface Quoted {
  readonly endpoint: Endpoint;
  /** The canonical path of the request. */
  readonly target: string;
  readonly parameters: Parameters;
  readonly pricing: Pricing;
}

/** What a call costs, and the object whose total exposure it raises to that. */
export interface Priced {
  readonly price: Price;
  readonly exposureId: string | null;
}

/** Nothing moves. */
export const FREE: Priced = { price: { kind: "free" }, exposureId: null };

/** A price that cannot be known, with the sentence that says what would make it so. */
export function unpriced(reason: string, exposureId: string | null = null): Priced {
  return { price: { kind: "unpriced", reason }, exposureId };
}

/** A price from an amount in minor units: known, or unpriced when the operator gave no usable rate. */
export function knownPrice(amount: bigint, currency: string, pricing: Pricing): Price {
  const micros = toUsdMicros(amount, currency, stripeExponent(currency), pricing.rates, pricing.today);
  if (micros === null) {
    return {
      kind: "unpriced",
      reason: `there is no current rate for \`${currency}\`: add it to the rate table`,
    };
  }
  return { kind: "known", amount, currency, micros };
}

/** A read of one object, with the expansions that show what is asked. */
export function readOf(path: string, ...expand: readonly string[]): VendorRead {
  const query = expand.map((name) => `expand[]=${name}`).join("&");
  return { method: "GET", path, query: query === "" ? null : query, body: null };
}

/** A look-up by its reads and its rule; what the request states itself goes into `stated`. */
export function lookUp(
  basis: string,
  reads: readonly VendorRead[],
  stated: Partial<Pick<PriceLookup, "objectId" | "amount" | "currency">> = {},
): Price {
  return {
    kind: "lookup",
    lookup: { reads, basis, objectId: null, amount: null, currency: null, ...stated },
  };
}

/** The price of a sum: known when it names no price, else read; `missing` is the reason when it has no currency. */
export function sumPrice(sum: LineSum, pricing: Pricing, missing: string): Price {
  if (sum.prices.length > 0) {
    const basis = `prices:${sum.prices.map(({ quantity }) => quantity).join(",")}`;
    const reads = sum.prices.map(({ id }) => readOf(`/v1/prices/${id}`));
    return lookUp(basis, reads, { amount: sum.amount, currency: sum.currency });
  }
  if (sum.currency === null) return { kind: "unpriced", reason: missing };
  return knownPrice(sum.amount, sum.currency, pricing);
}
