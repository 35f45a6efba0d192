import type { Endpoint } from "./operation.ts";
import type { Vendor } from "./vendors/vendor.ts";

/**
 * What an endpoint means to a policy. `read` = free and changes nothing; `change` = free, and counts in call caps;
 * `priced` = money moves and is priced before; `unpriced` = its cost cannot be known before; `forbidden` = no policy can
 * allow it.
 */
export const ENDPOINT_KINDS = ["read", "change", "priced", "unpriced", "forbidden"] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];

/** An endpoint of a catalogue in words. */
export interface CatalogueEntry {
  readonly kind: EndpointKind;
  /** How its price is known, one phrase. */
  readonly money: string;
  /** What would give it a price, or what to call instead; null unless it is `unpriced`. */
  readonly needs: string | null;
}

/** Says what one of a vendor's endpoints means to a policy: for the API, the command line and the vendors' pages. */
export function describeEndpoint(vendor: Vendor, endpoint: Endpoint): CatalogueEntry {
  if (endpoint.forbidden)
    return { kind: "forbidden", money: "never called: it creates or shows credentials", needs: null };
  const money = vendor.priceRules[endpoint.quote] ?? "not known to this version";
  const needs = vendor.findUnpricedReason(endpoint);
  return { kind: needs === null ? kindOfPriced(endpoint) : "unpriced", money, needs };
}

function kindOfPriced({ accounted, direction, quote }: Endpoint): EndpointKind {
  if (!accounted) return "read";
  return direction === null || quote === "none" ? "change" : "priced";
}
