import { z } from "zod";
import { agentId, crewRunId, instant, instantOrDay, usdText, uuid } from "./identifier.ts";

/** How long one bucket is; they begin at whole minutes, hours or days, UTC. */
export const ACTIVITY_BUCKETS = ["minute", "hour", "day"] as const;
/** The most buckets of one answer: a day of minutes, two months of hours, four years of days. */
export const ACTIVITY_BUCKETS_MAX = 1_500;

/** What happened in one bucket. */
export const activitySchema = z
  .object({
    at: instant.describe("the bucket's first instant"),
    allowed: z.int().min(0),
    denied: z.int().min(0).describe("refused calls, those of which only the number is kept among them"),
    unknown: z.int().min(0).describe("the allowed calls of which nobody knows the outcome yet"),
    cost_usd: usdText.describe("what the settled calls cost"),
  })
  .meta({ id: "Activity" });

/** Every bucket of the range in order, empty ones too. The first and the last may be covered in part. */
export const activityListSchema = z
  .object({
    data: z.array(activitySchema),
    from: instant,
    to: instant.describe("exclusive"),
    bucket: z.enum(ACTIVITY_BUCKETS),
  })
  .meta({ id: "ActivityList" });

export const listActivityQuery = z.strictObject({
  from: instantOrDay.optional().describe("24 hours before `to` when absent"),
  to: instantOrDay.optional().describe("now when absent"),
  bucket: z.enum(ACTIVITY_BUCKETS).optional().describe("`hour` when absent"),
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  vault_key_id: uuid.optional(),
});

export type Activity = z.infer<typeof activitySchema>;
export type ActivityList = z.infer<typeof activityListSchema>;
export type ListActivity = z.input<typeof listActivityQuery>;
