import type { VendorRead } from "../operation.ts";
import type { Outcome } from "../outcome.ts";
import type { VendorName } from "./names.ts";
import { resendRecords } from "./resend/records.ts";
import { stripeRecords } from "./stripe/records.ts";
import { twilioRecords } from "./twilio/records.ts";
import type { Pricing, Vendor, VendorAnswer } from "./vendor.ts";

/** Of which time, and of whom, records are wanted. */
export interface RecordSpan {
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly until: Date;
  /** The account that the secret belongs to, as the operator configured it (Twilio's AccountSid). */
  readonly accountId: string | null;
}

/** One thing that the vendor says happened under the real key. */
export interface VendorRecord {
  /** The vendor's id of the record itself; no two are the same. */
  readonly id: string;
  readonly at: Date;
  /** What happened, in the vendor's words, such as `payment_intent.succeeded`. */
  readonly what: string;
  /** What it happened to, by the names that `Trace.kind` uses. */
  readonly kind: string;
  /** The objects by which an audit row can be the record's cause; the first one is the object itself. */
  readonly objectIds: readonly string[];
  /** The vendor's own id of the request that caused it. */
  readonly requestId: string | null;
  /** The idempotency key of that request, as the vendor saw it. */
  readonly idempotencyKey: string | null;
  /** True when the vendor says that it came about without any request. */
  readonly isAutomatic: boolean;
  /** What it says about the money of its object. */
  readonly outcome: Outcome;
}

/** One page of records, newest first, and where the next one is. */
export interface RecordPage {
  readonly records: readonly VendorRecord[];
  readonly next: VendorRead | null;
}

/** What a call leaves at the vendor. */
export interface Trace {
  /** The kind of the records that state its amount. */
  readonly kind: string;
  /** True when every call that took effect has a record: a settled one without is lost. */
  readonly isListed: boolean;
  /** True when a call that took effect surely shows among the records of its day, so that absence proves the contrary. */
  readonly provesAbsence: boolean;
  /** False when one call makes many objects whose ids its audit row does not hold. */
  readonly namesObject: boolean;
}

/**
 * How the records that a vendor itself keeps of a day are read, and what they say: the second opinion about the audit
 * log. Pure; the reads go to endpoints of the vendor's catalogue.
 */
export interface VendorRecords {
  /**
   * For how many days the vendor surely keeps its records; null = nobody says, so that only a record which is older
   * than the span shows that the span is there as a whole.
   */
  readonly keptDays: number | null;
  /** The first page of each list to read; throws a RangeError when the account must be known and is not. */
  lists(span: RecordSpan): readonly VendorRead[];
  /** Reads a page; null when the answer is none. Records outside the span may be among them. */
  readPage(read: VendorRead, answer: VendorAnswer, span: RecordSpan, pricing: Pricing): RecordPage | null;
  /** What a call of an endpoint (`METHOD /template`) leaves; null = nothing that could be joined. */
  traceOf(endpoint: string): Trace | null;
  /** The read that tells what the vendor charged for the whole span; null when there is none. */
  total(span: RecordSpan): VendorRead | null;
  /** Micro-dollars by the answer to that read; null when it says none. */
  readTotal(answer: VendorAnswer): bigint | null;
}

/** The same for every vendor, by name. Keep it beside the registry of vendors. */
export const VENDOR_RECORDS: Readonly<Record<VendorName, VendorRecords>> = {
  stripe: stripeRecords,
  twilio: twilioRecords,
  resend: resendRecords,
};

/** What a record says in micro-dollars; null when it states none, or in a currency without a rate. */
export function recordMicros(record: VendorRecord, vendor: Vendor, pricing: Pricing): bigint | null {
  if (record.outcome.kind !== "settled") return null;
  const { costMicros, amount, currency } = record.outcome;
  if (costMicros !== undefined) return costMicros;
  return amount === null || currency === null ? null : vendor.toMicros(amount, currency, pricing);
}
