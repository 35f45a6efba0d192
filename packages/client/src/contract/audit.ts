import { z } from "zod";

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
    first_problem: auditProblemSchema.nullable(),
  })
  .meta({ id: "AuditReport" });

export type AuditReport = z.infer<typeof auditReportSchema>;
