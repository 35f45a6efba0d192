import { z } from "zod";
import { instant, secretName, usdText, uuid, vendor } from "./identifier.ts";

/** The most entries that a report shows of each list; `count` is how many there are. */
export const RECONCILE_ENTRIES_MAX = 1_000;

const text = z.string().nullable();
const amount = z.int().nullable().describe("in minor units of `currency`");

function listOf<Entry extends z.ZodType>(entry: Entry) {
  return z.object({ count: z.int().min(0), entries: z.array(entry) });
}

/** A call that is settled, and of which the vendor knows nothing. */
export const lostCallSchema = z
  .object({
    secret: secretName,
    call_id: uuid,
    requested_at: instant,
    agent_id: text,
    crew_run_id: text,
    endpoint: text,
    vendor_object_id: text,
    amount,
    currency: text,
    cost_usd: usdText,
  })
  .meta({ id: "LostCall" });

/** Something at the vendor that no call explains: the real credential was used past Keybrake. */
export const bypassSchema = z
  .object({
    secret: secretName,
    at: instant,
    what: z.string().describe("what happened, in the vendor's words"),
    vendor_object_id: text,
    vendor_request_id: text,
    amount,
    currency: text,
  })
  .meta({ id: "Bypass" });

/** An object whose amount is another one at the vendor. Fees are compared to the micro-dollar, in `…_usd`. */
export const differenceSchema = z
  .object({
    secret: secretName,
    call_id: uuid
      .nullable()
      .describe("the latest call on the object; null when it was made on an earlier day"),
    vendor_object_id: z.string(),
    what: z.string(),
    currency: text,
    ledger_amount: amount,
    vendor_amount: amount,
    ledger_usd: usdText.nullable(),
    vendor_usd: usdText.nullable(),
  })
  .meta({ id: "AmountDifference" });

/** A call whose outcome was unknown, and what the vendor's records say about it now. */
export const unknownCallSchema = z
  .object({
    secret: secretName,
    call_id: uuid,
    requested_at: instant,
    agent_id: text,
    crew_run_id: text,
    endpoint: text,
    reserved_usd: usdText,
    verdict: z.enum(["settle", "release", "undecided"]),
    vendor_object_id: text,
    amount,
    currency: text,
    cost_usd: usdText.nullable(),
    reason: z.string(),
    applied: z.boolean(),
  })
  .meta({ id: "UnknownCall" });

export const reconcileBody = z.strictObject({
  vendor,
  day: z.iso.date({ error: "must be a day such as `2026-11-22`" }).describe("a UTC day"),
  secret: secretName.optional().describe("every secret of the vendor when absent"),
  apply: z.boolean().optional().describe("settle and release the unknown calls that are decided"),
});

/** What a comparison of the audit log with a vendor's own records found. */
export const reconcileReportSchema = z
  .object({
    vendor,
    day: z.iso.date(),
    secrets: z.array(secretName),
    clean: z.boolean().describe("true when all four lists are empty"),
    complete: z
      .boolean()
      .describe("false when the vendor has more records than were read: absence was not judged"),
    calls: z.int().min(0).describe("calls of the day that were compared"),
    records: z.int().min(0).describe("records of the vendor that were read"),
    pages: z.int().min(0).describe("reads that were made at the vendor"),
    ledger_total_usd: usdText.describe("what the day's settled calls cost"),
    vendor_total_usd: usdText
      .nullable()
      .describe("what the vendor charged in all, also for what is not listed; null when it says none"),
    lost: listOf(lostCallSchema),
    bypass: listOf(bypassSchema),
    differences: listOf(differenceSchema),
    unknown: listOf(unknownCallSchema),
  })
  .meta({ id: "ReconcileReport" });

export type ReconcileReport = z.infer<typeof reconcileReportSchema>;
export type Reconcile = z.input<typeof reconcileBody>;
