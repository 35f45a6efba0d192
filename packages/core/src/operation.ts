import type { Direction } from "./call.ts";
import type { DenialCode } from "./denial.ts";
import type { Method, PathTemplate } from "./endpoint.ts";
import type { VendorName } from "./vendors/names.ts";

/** One row of a vendor's catalogue: what an endpoint is and which money rules hold for it. */
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
  /** True when it takes labels (Stripe's `metadata`, Resend's `tags`), so that run and agent can be appended. */
  readonly metadata: boolean;
  /** True when its answer is passed on as it arrives, however long it is. */
  readonly streams: boolean;
  /** The names of the vendor's rules that price the call before and read its cost after it was made. */
  readonly quote: string;
  readonly settle: string;
  /** Settings of this endpoint that mean something to the vendor's adapter, as `host` or `owner`. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * A request that Keybrake makes itself, with the real credential, before it decides or after a call was made. It
 * changes nothing at the vendor and costs nothing. Paths are canonical, as policy sees them.
 */
export interface VendorRead {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly query: string | null;
  /** A form, for a preview that the vendor answers to POST; null for GET. */
  readonly body: string | null;
}

/** What must be read at the vendor (or remembered by the ledger) before a call has a price. */
export interface PriceLookup {
  /** In order; the adapter gets all answers. At most `LOOKUP_READS_MAX`. */
  readonly reads: readonly VendorRead[];
  /** The object whose exposure, when the ledger remembers it, makes the reads unnecessary; null = always read. */
  readonly objectId: string | null;
  /** The amount that the request does state, in minor units; null = take the look-up's. */
  readonly amount: bigint | null;
  /** The currency that the request does state; null = take the look-up's. */
  readonly currency: string | null;
  /** The adapter's own rule for reading the answers, such as `refundable`. */
  readonly basis: string;
}

/** How many reads one price may take. */
export const LOOKUP_READS_MAX = 20;

/**
 * What a call costs before it is made.
 * `known`: `amount` in the currency's minor units and the same in micro-dollars, never too little.
 * `lookup`: known once those objects were read. `unpriced`: cannot be known; `reason` says what would make it so.
 */
export type Price =
  | { readonly kind: "free" }
  | { readonly kind: "known"; readonly amount: bigint; readonly currency: string; readonly micros: bigint }
  | { readonly kind: "lookup"; readonly lookup: PriceLookup }
  | { readonly kind: "unpriced"; readonly reason: string };

/** Something a request does that a key's policy must grant: one of `anyOf` must stand in the policy's list `rule`. */
export interface Demand {
  /** The policy's field, such as `stripe.account` or `twilio.allowed_countries`. */
  readonly rule: string;
  readonly anyOf: readonly string[];
  /** What the request asks for, as a person reads it. */
  readonly shown: string;
  /** What a policy without that list means. */
  readonly ifAbsent: "allow" | "deny";
  readonly code: DenialCode;
}

/** An object of the vendor whose owner decides whether a key that is bound to customers may touch it. */
export interface OwnedObject {
  readonly objectId: string;
  readonly read: VendorRead;
}

/** Whom a request touches. */
export interface CustomerScope {
  /** The customer ids that stand in the request. */
  readonly named: readonly string[];
  /** Objects in the request that belong to somebody. */
  readonly owned: readonly OwnedObject[];
  /** True when it could touch or show customers beyond those: a list without a filter, a search. */
  readonly isOpen: boolean;
}

/** A request as its vendor's adapter understands it: all that policy and ledger need, and no credential. */
export interface Operation {
  readonly vendor: VendorName;
  readonly method: Method;
  /** The canonical path: judged by policy, and put on the wire byte for byte behind its host's prefix. */
  readonly path: string;
  readonly query: string | null;
  /** Which of the vendor's hosts serves it, a name in `Vendor.hosts`. */
  readonly host: string;
  /** The media type of the body as it goes to the vendor; null without one. */
  readonly contentType: string | null;
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
  readonly demands: readonly Demand[];
  readonly customers: CustomerScope;
  readonly customerId: string | null;
  readonly idempotencyKey: string | null;
  /** Labels the agent put into the request itself: recorded, never trusted. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Fields that are appended to a form because policy bounds the call by them (a call's `TimeLimit`). */
  readonly additions: ReadonlyMap<string, string>;
}
