import type { Denial, DenialCode } from "../denial.ts";
import type { Method } from "../endpoint.ts";
import type { FaultCode } from "../faults.ts";
import type { RateTable } from "../money.ts";
import type { Operation, Price, PriceLookup } from "../operation.ts";
import type { Outcome } from "../outcome.ts";
import type { VendorName } from "../policy.ts";

/** A request as it was read off the wire, in its one canonical form and without its credential. */
export interface VendorRequest {
  readonly method: Method;
  readonly path: string;
  readonly query: string | null;
  readonly contentType: string | null;
  readonly idempotencyKey: string | null;
  /** The connected account that a header names (`Stripe-Account`), or null. */
  readonly account: string | null;
  readonly body: Uint8Array;
}

/** What prices need besides the request: the operator's rates and the ledger's day (ISO date). */
export interface Pricing {
  readonly rates: RateTable;
  readonly today: string;
}

/** Amounts of one vendor object in minor units, from the ledger's own memory or from the vendor. */
export interface ObjectFacts {
  readonly currency: string;
  readonly amount: bigint;
  /** What was captured already; 0 for a charge. */
  readonly received: bigint;
  readonly capturable: bigint;
  readonly refundable: bigint;
}

/** The labels of the key that made a call. */
export interface Labels {
  readonly agentId: string;
  readonly crewRunId: string | null;
}

/** A vendor's answer, complete. `header` is case-insensitive. */
export interface VendorAnswer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly body: string;
}

/** Something to be told to an agent in the vendor's own words, so that its SDK raises its typed error. */
export interface Problem {
  readonly code: DenialCode | FaultCode;
  readonly status: number;
  readonly message: string;
  readonly callId: string | null;
  readonly denial: Denial | null;
}

/**
 * One vendor's adapter: everything that differs between vendors, and nothing else. Pure.
 * Adding a vendor means implementing this interface and entering it in the registry.
 */
export interface Vendor {
  readonly name: VendorName;
  /** Where the vendor's API lives. */
  readonly origin: string;
  /** Header names (lower case) that an agent may send on to the vendor besides the ones Keybrake builds itself. */
  readonly requestHeaders: readonly string[];
  /** Header names (lower case) that the vendor may send back to an agent. */
  readonly responseHeaders: readonly string[];
  /** The header that carries the vendor's own id of a request. */
  readonly requestIdHeader: string;
  /** The `Authorization` value for a real credential. */
  authorization(credential: string): string;
  /** Understands a request, or says why it is ambiguous or malformed. Never guesses. */
  readOperation(request: VendorRequest, pricing: Pricing): Operation | Denial;
  /** The free read that finds an object's amounts, as method GET on a path and query. */
  lookupRequest(lookup: PriceLookup): { readonly path: string; readonly query: string | null };
  /** Reads that look-up's answer; null when it does not say. */
  readFacts(lookup: PriceLookup, answer: VendorAnswer): ObjectFacts | null;
  /** Prices an operation once the object's amounts are known. */
  priceFromFacts(lookup: PriceLookup, facts: ObjectFacts, pricing: Pricing): Price;
  /** Converts minor units to micros by the vendor's own exponents; null without a usable rate. */
  toMicros(amount: bigint, currency: string, pricing: Pricing): bigint | null;
  /** Says what an answer proves about money. */
  readOutcome(operation: Operation, answer: VendorAnswer): Outcome;
  /**
   * Appends the key's labels where the endpoint takes metadata and the agent set none of that name. Deterministic,
   * so that an SDK's own retry keeps the same body. Returns the same bytes when there is nothing to append.
   */
  appendLabels(operation: Operation, body: Uint8Array, labels: Labels): Uint8Array;
  /** The error body, in the vendor's shape; `application/json`. */
  renderError(problem: Problem): string;
}
