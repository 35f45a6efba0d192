/**
 * What a vendor's complete answer says about the money of a call, amounts in the currency's minor units.
 *
 * `settled`: it took effect. `refused`: complete, and on the endpoint's no-effect list, so nothing happened.
 * `pending`: it took effect, and the price comes later. `unknown`: anything that proves neither; the worst case stays charged.
 */
export type Outcome =
  | {
      readonly kind: "settled";
      /** Null when no money moves on this endpoint. */
      readonly amount: bigint | null;
      readonly currency: string | null;
      /** The cost itself, where it is finer than minor units (a fee of a fraction of a cent). */
      readonly costMicros?: bigint;
      readonly exposure: Exposure | null;
      readonly objectId: string | null;
      readonly customerId: string | null;
    }
  | { readonly kind: "refused"; readonly vendorCode: string | null }
  /** It took effect, and the vendor states its price later: the worst case stays held until `Vendor.followUp` says. */
  | { readonly kind: "pending"; readonly objectId: string; readonly customerId: string | null }
  | { readonly kind: "unknown"; readonly reason: string };

/** How much of one vendor object counts against budgets after a call. */
export interface Exposure {
  /** The object, such as `pi_…`. */
  readonly objectId: string;
  /** The object's whole exposure in minor units. */
  readonly amount: bigint;
  readonly currency: string;
  /** True only when no more money can ever move on it, so that what was counted beyond `amount` is given back. */
  readonly isFinal: boolean;
}
