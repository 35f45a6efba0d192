import { CREDENTIAL_MODES } from "@keybrake/core";
import { z } from "zod";
import { budgetSchema } from "./budget.ts";
import { callSchema } from "./call.ts";
import { amountText, instant, usdText, uuid } from "./identifier.ts";

/** The window of a budget in which a call counts, as it stands now. */
const countedBudgetSchema = budgetSchema
  .pick({ id: true, scope: true, value: true, window: true, unit: true })
  .extend({
    window_start: z.iso.date().nullable().describe("the window's first day, UTC; null for a total"),
    mode: z.enum(CREDENTIAL_MODES).describe("live and test credentials count apart"),
    limit: amountText.describe("dollars for `usd`, else a count"),
    used: amountText.describe("all that counts in this window by now, holds included"),
  })
  .meta({ id: "CountedBudget" });

/** The hold of a call without a final outcome. */
const reservationSchema = z
  .object({
    state: z.enum(["reserved", "unknown"]),
    deadline: instant.describe("when a call that is still reserved becomes unknown"),
    hold_usd: usdText,
    epoch: z.int().describe("the life of the replica that holds it"),
  })
  .meta({ id: "Reservation" });

/** What a call added to what was counted of a vendor's object, or took back. */
const exposurePartSchema = z
  .object({
    kind: z
      .enum(["added", "gave_back", "was_given_back"])
      .describe(
        "`added` = what this call still counts of an object; `gave_back` = its answer gave back what another call had counted; `was_given_back` = another call's answer gave back what this one had counted",
      ),
    object_id: z.string().nullable().describe("the vendor's object; null for what was given back"),
    call_id: uuid.nullable().describe("the other call; null for `added`"),
    day: z.iso.date().describe("the UTC day whose windows it counts in"),
    usd: usdText,
  })
  .meta({ id: "ExposurePart" });

/** An entry of the audit chain about a call. */
const chainEntrySchema = z
  .object({
    kind: z
      .enum(["decision", "unknown", "outcome"])
      .describe("`unknown` = it was written down that nobody knows the outcome; a final one may follow"),
    epoch: z.int(),
    seq: z.int(),
    written_at: instant,
    covers_row: z
      .boolean()
      .describe(
        "whether the row as it is now can be held against the entry; false for an `unknown` that a final outcome replaced",
      ),
    verified: z
      .boolean()
      .describe(
        "the link continues the one before it and its hash fits its entries and, with `covers_row`, the entry's digest is that of the row",
      ),
  })
  .meta({ id: "ChainEntry" });

/** One call with everything that is known about why it was decided so, what it counted, and what proves it. */
export const callEvidenceSchema = z
  .object({
    call: callSchema,
    budgets: z
      .array(countedBudgetSchema)
      .describe("the budgets that cover the call; of a refused call none counts it"),
    reservation: reservationSchema.nullable(),
    parts: z.array(exposurePartSchema),
    chain: z.array(chainEntrySchema).describe("oldest first; none within the first moment after a call"),
    dashboard_url: z
      .string()
      .nullable()
      .describe("the request in the vendor's own dashboard, where it has such a page"),
  })
  .meta({ id: "CallEvidence" });

export type CallEvidence = z.infer<typeof callEvidenceSchema>;
