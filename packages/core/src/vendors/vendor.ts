import type { CredentialMode } from "../credential-mode.ts";
import type { Denial, DenialCode } from "../denial.ts";
import type { Method } from "../endpoint.ts";
import type { FaultCode } from "../faults.ts";
import type { RateTable } from "../money.ts";
import type { Endpoint, Operation, OwnedObject, Price, PriceLookup, VendorRead } from "../operation.ts";
import type { Outcome } from "../outcome.ts";
import type { Policy } from "../policy.ts";
import type { KnownExposure } from "../ports.ts";
import type { VendorName } from "./names.ts";
import type { ResendPrices } from "./resend/prices.ts";
import type { TwilioPrices } from "./twilio/prices.ts";

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

/** What reading a request needs besides the request. */
export interface ReadingContext extends Pricing {
  /** The account that the secret belongs to (Twilio's AccountSid), as the operator configured it. */
  readonly accountId: string | null;
  /** The policy of the key that asks; null for Keybrake's own reads. */
  readonly policy: Policy | null;
}

/** What prices need: the operator's rates and price tables, and the ledger's day (ISO date). */
export interface Pricing {
  readonly rates: RateTable;
  readonly prices: PriceTables;
  readonly today: string;
}

/** The price tables of vendors whose requests and answers state no price. */
export interface PriceTables {
  readonly twilio: TwilioPrices;
  readonly resend: ResendPrices;
}

/** One of a vendor's hosts. */
export interface VendorHost {
  readonly origin: string;
  /** A first path segment that names this host to us and is taken off on its wire, as `/verify`; else empty. */
  readonly prefix: string;
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
  /** Where the vendor's API lives, by the names that operations use; `main` is always there. */
  readonly hosts: Readonly<Record<string, VendorHost>> & { readonly main: VendorHost };
  /** Header names (lower case) that an agent may send on to the vendor besides the ones Keybrake builds itself. */
  readonly requestHeaders: readonly string[];
  /** Header names (lower case) that the vendor may send back to an agent. */
  readonly responseHeaders: readonly string[];
  /** The header that carries the vendor's own id of a request. */
  readonly requestIdHeader: string;
  /** The header that says `true` on an answer repeated for the same idempotency key; null = the vendor marks none. */
  readonly replayHeader: string | null;
  /** What an SDK of the vendor's own sends as the body of every read, where it means nothing; null = nothing. */
  readonly readBody: string | null;
  /** Every endpoint that this version knows, in the catalogue's order. */
  readonly endpoints: readonly Endpoint[];
  /** How each rule that the catalogue's column `quote` names prices a call, in words. */
  readonly priceRules: Readonly<Record<string, string>>;
  /** Why no call of an endpoint has a price, and what to do instead; null when its rule can price one. */
  findUnpricedReason(endpoint: Endpoint): string | null;
  /** Why a value cannot be this vendor's credential, or null: what an operator sees when storing a secret. */
  findCredentialProblem(value: string, accountId: string | null): string | null;
  /** Whether a credential moves money, when its value says so (Stripe's do); null = it does not say. */
  readCredentialMode(value: string): CredentialMode | null;
  /** How many requests a second the vendor documents for an account with a credential of this kind. */
  requestsPerSecond(mode: CredentialMode): number;
  /**
   * Says whether an answer means that the account as a whole asks too much, so that fewer requests help. The body is
   * empty where it was not kept.
   */
  isRateLimited(answer: VendorAnswer): boolean;
  /** The page of a request in the vendor's own dashboard, by the id that its answer had; null = there is none. */
  requestPage(requestId: string, mode: CredentialMode): string | null;
  /** The `Authorization` value for a real credential. */
  authorization(credential: string, accountId: string | null): string;
  /** Understands a request, or says why it is ambiguous or malformed. Never guesses. */
  readOperation(request: VendorRequest, context: ReadingContext): Operation | Denial;
  /** Prices an operation by what the ledger has counted for its object; null when that does not say. */
  priceFromMemory(lookup: PriceLookup, known: KnownExposure, pricing: Pricing): Price | null;
  /** Prices an operation by the answers to its look-up's reads, in their order. */
  priceFromAnswers(
    operation: Operation,
    lookup: PriceLookup,
    answers: readonly VendorAnswer[],
    pricing: Pricing,
  ): Price;
  /** The customer that an object belongs to by the answer to its read; null when it says none. */
  readOwner(object: OwnedObject, answer: VendorAnswer): string | null;
  /** Converts minor units to micros by the vendor's own exponents; null without a usable rate. */
  toMicros(amount: bigint, currency: string, pricing: Pricing): bigint | null;
  /** Says what an answer proves about money. */
  readOutcome(operation: Operation, answer: VendorAnswer, pricing: Pricing): Outcome;
  /** The read that tells later what a pending call cost; null when this endpoint is never pending. */
  followUp(endpoint: string, objectId: string, accountId: string | null): VendorRead | null;
  /** Reads that answer: `pending` = ask again. */
  readFollowUp(endpoint: string, answer: VendorAnswer, pricing: Pricing): Outcome;
  /**
   * The body as it goes to the vendor: the agent's own bytes, with the operation's additions and, where the endpoint
   * takes them and the agent set none of that name, the key's labels appended. Deterministic, so that an SDK's own
   * retry keeps the same body. Returns the same bytes when there is nothing to append.
   */
  completeBody(operation: Operation, body: Uint8Array, labels: Labels): Uint8Array;
  /** The answer without what no agent may see (a token that the vendor puts into an object); the same bytes if nothing. */
  scrubAnswer(operation: Operation, body: Uint8Array): Uint8Array;
  /** The error body, in the vendor's shape; `application/json`. */
  renderError(problem: Problem): string;
}
