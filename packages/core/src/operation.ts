import type { Direction } from "./call.ts";
import type { Method, PathTemplate } from "./endpoint.ts";
import type { VendorName } from "./policy.ts";

/** One row of a vendor's catalogue: what an endpoint is and which money rule holds for it. */
export interface Endpoint {
  /** The catalogue's name, such as `payment_intents.create`; may stand in `allowed_endpoints`. */
  readonly operation: string;
  readonly method: Method;
  readonly template: PathTemplate;
  /** Null when no money can move. */
  readonly direction: Direction | null;
  /** True when the call can cost or change something: it is buffered, reserved and settled. */
  readonly accounted: boolean;
  /** True when it creates credentials: no policy can allow it. */
  readonly forbidden: boolean;
  /** True when it takes top-level `metadata`, so that run and agent labels can be appended. */
  readonly metadata: boolean;
}

/** An object at the vendor whose amount prices a call that does not state one. */
export interface PriceLookup {
  readonly objectType: "payment_intent" | "charge";
  readonly objectId: string;
  /** The amount the request does state, in minor units; null = take the look-up's. */
  readonly amount: bigint | null;
  /** The currency the request does state; null = take the look-up's. */
  readonly currency: string | null;
  /** Which of the object's amounts the call moves when the request states none. */
  readonly basis: "amount" | "capturable" | "refundable";
}

/**
 * What a call costs before it is made.
 * `known`: `amount` in the currency's minor units and the same in micro-dollars, never too little.
 * `lookup`: known once that object was read. `unpriced`: cannot be known; `reason` says what would make it so.
 */
export type Price =
  | { readonly kind: "free" }
  | { readonly kind: "known"; readonly amount: bigint; readonly currency: string; readonly micros: bigint }
  | { readonly kind: "lookup"; readonly lookup: PriceLookup }
  | { readonly kind: "unpriced"; readonly reason: string };

/** A request as its vendor's adapter understands it: all that policy and ledger need, and no credential. */
export interface Operation {
  readonly vendor: VendorName;
  readonly method: Method;
  /** The canonical path: judged by policy, and put on the wire byte for byte. */
  readonly path: string;
  readonly query: string | null;
  /** Null when the catalogue does not know the path. */
  readonly endpoint: Endpoint | null;
  readonly price: Price;
  /**
   * The vendor object whose total exposure this call raises to `price`, so that create, confirm and capture of one
   * payment count once; null = every call counts in full.
   */
  readonly exposureId: string | null;
  /** The connected account whose money moves, when a header names one. */
  readonly account: string | null;
  /** Accounts to which the request itself would divert money. */
  readonly destinations: readonly string[];
  readonly customerId: string | null;
  readonly idempotencyKey: string | null;
  /** Labels the agent put into the request itself: recorded, never trusted. */
  readonly metadata: ReadonlyMap<string, string>;
}
