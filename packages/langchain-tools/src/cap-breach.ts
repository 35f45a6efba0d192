import { type Refusal, readRefusal } from "@keybrake/client";
import { markNotRetryable } from "./agent-setup-error.ts";
import type { CallOutcome } from "./call-outcome.ts";

/** A vault key has used up what it may spend, or has ended: no call with it can pass before `retryAt`. */
export class CapBreach extends Error {
  override readonly name = "CapBreach";
  readonly code: Refusal["code"];
  /** Null when waiting does not help. */
  readonly retryAt: Date | null;
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.code = refusal.code;
    this.retryAt = refusal.retryAt;
    this.refusal = refusal;
    markNotRetryable(this);
  }
}

/** Any other outcome of a call that is no answer of the vendor's. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  readonly outcome: CallOutcome;

  constructor(outcome: CallOutcome, message: string) {
    super(message);
    this.outcome = outcome;
    markNotRetryable(this);
  }
}

const CHAIN_MAX = 8;

/**
 * Says whether an error is a cap breach: one of this package's, or what the vendors' SDKs make of Keybrake's answer,
 * also inside other errors. `toolRetryMiddleware({ retryOn: (error) => !isCapBreach(error) })`.
 */
export function isCapBreach(error: unknown): boolean {
  const refusal = findRefusal(error);
  return refusal !== null && isBreach(refusal);
}

/** Says whether an error is any refusal of Keybrake's: none of them passes by being repeated at once. */
export function isRefusal(error: unknown): boolean {
  return findRefusal(error) !== null;
}

/** True for a refusal that holds for the key, and not only for its one call. */
export function isBreach(refusal: Refusal): boolean {
  return refusal.kind === "until_retry_at" || refusal.kind === "for_good";
}

/** Reads the refusal out of an error of this package or of a vendor's SDK; null when it is none. */
export function findRefusal(error: unknown): Refusal | null {
  let link: unknown = error;
  for (let depth = 0; depth < CHAIN_MAX && typeof link === "object" && link !== null; depth++) {
    const refusal = refusalOf(link);
    if (refusal !== null) return refusal;
    link = "cause" in link ? link.cause : null;
  }
  return null;
}

/** By their fields and not by their classes, because two copies of a package may be loaded. */
function refusalOf(error: object): Refusal | null {
  const fields = error as Readonly<Record<string, unknown>>;
  const refusal = fields["name"] === "CapBreach" ? fields["refusal"] : outcomeRefusal(fields["outcome"]);
  if (refusal !== undefined) return refusal as Refusal;
  const status = Number(fields["statusCode"] ?? fields["status"]);
  if (!(status >= 400)) return null;
  const headers =
    typeof fields["headers"] === "object" && fields["headers"] !== null ? fields["headers"] : {};
  // stripe-node keeps the error object in `raw`; Twilio's and Resend's errors are the bodies themselves.
  const body = "raw" in fields ? { error: fields["raw"] } : { ...fields, message: fields["message"] };
  return readRefusal({ status, headers: headers as Record<string, string>, body });
}

function outcomeRefusal(outcome: unknown): unknown {
  return typeof outcome === "object" && outcome !== null && "refusal" in outcome
    ? outcome.refusal
    : undefined;
}

/** The vendor's answer of a call, or a thrown `CapBreach` or `CallFailure`. */
export function expectAnswer(outcome: CallOutcome): unknown {
  switch (outcome.kind) {
    case "answered":
      return outcome.data;
    case "refused":
      if (isBreach(outcome.refusal)) throw new CapBreach(outcome.refusal);
      throw new CallFailure(outcome, `${outcome.refusal.code}: ${outcome.refusal.message}`);
    case "vendor_error":
      throw new CallFailure(outcome, `${outcome.code ?? outcome.status}: ${outcome.message}`);
    default:
      throw new CallFailure(outcome, outcome.reason);
  }
}
