import { z } from "zod";
import { instant, reason } from "./identifier.ts";

/** The first thing that is wrong with the audit log. `epoch` and `seq` name the link; null when none is concerned. */
export const auditProblemSchema = z
  .object({ epoch: z.int().nullable(), seq: z.int().nullable(), problem: z.string() })
  .meta({ id: "AuditProblem" });

/** What a verification found. It stops at the first problem, so the counts then say how far it came. */
export const auditReportSchema = z
  .object({
    ok: z.boolean(),
    links: z.int().min(0).describe("links that were recomputed"),
    calls: z
      .int()
      .min(0)
      .describe("calls that were counted against the chain; those of the last minute are not"),
    gaps: z
      .int()
      .min(0)
      .describe("losses of history that an operator has accepted: they explain what is missing"),
    first_problem: auditProblemSchema.nullable(),
  })
  .meta({ id: "AuditReport" });

/** A loss of history: links that were seen, and that the database does not have any more. */
export const historyGapSchema = z
  .object({
    id: z.string(),
    found_at: instant,
    found_by: z.string().describe("the replica that noticed"),
    lost: z
      .array(z.object({ epoch: z.int(), seq: z.int() }))
      .describe("the newest link of each chain that is gone"),
    accepted_at: instant.nullable(),
    accepted_by: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: "HistoryGap" });

/** While history is lost and nobody has accepted that, every call gets 503 `history_lost`. */
export const auditHistorySchema = z
  .object({ is_lost: z.boolean(), gaps: z.array(historyGapSchema) })
  .meta({ id: "AuditHistory" });

export const acceptHistoryBody = z.strictObject({
  reason: reason.min(1, { error: "must say why: it stands in the signed gap marker" }),
});

export type AuditHistory = z.infer<typeof auditHistorySchema>;
export type HistoryGap = z.infer<typeof historyGapSchema>;
export type AuditReport = z.infer<typeof auditReportSchema>;
