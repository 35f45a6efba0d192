import { z } from "zod";
import { agentId, crewRunId, instant, instantOrDay, usdText, uuid } from "./identifier.ts";
import { policyInput } from "./policy.ts";

/** The most recorded calls that one dry run reads. */
export const DRY_RUN_CALLS_MAX = 200_000;
/** The longest time that one covers. */
export const DRY_RUN_DAYS_MAX = 31;
/** The most calls that its answer shows. */
export const DRY_RUN_SAMPLES_MAX = 100;

export const dryRunPolicyBody = z
  .strictObject({
    policy: policyInput,
    vault_key_id: uuid.optional(),
    agent_id: agentId.optional(),
    crew_run_id: crewRunId.optional(),
    from: instantOrDay.optional().describe("7 days before `to` when absent"),
    to: instantOrDay.optional().describe("now when absent"),
  })
  .refine(
    ({ vault_key_id, agent_id, crew_run_id }) =>
      [vault_key_id, agent_id, crew_run_id].filter((value) => value !== undefined).length === 1,
    { error: "give one of `vault_key_id`, `agent_id` and `crew_run_id`: whose calls" },
  );

const count = z.int().min(0);
const verdict = z.object({ verdict: z.enum(["allow", "deny"]), code: z.string().nullable() });

/** A recorded call that the policy would judge otherwise than it was judged. */
export const dryRunSampleSchema = z
  .object({
    call_id: uuid,
    requested_at: instant,
    method: z.string(),
    path: z.string(),
    endpoint: z.string().nullable(),
    agent_id: z.string().nullable(),
    cost_usd: usdText
      .nullable()
      .describe("what it cost, or held while open; what a refused one would have held; null = not known"),
    was: verdict,
    would_be: verdict,
    reason: z.string().describe("why the policy decides so"),
  })
  .meta({ id: "DryRunSample" });

/** What a policy would have done to the recorded calls of a key, an agent or a run at its vendor. */
export const dryRunSchema = z
  .object({
    from: instant,
    to: instant.describe("before this instant; where it stopped when it was `truncated`"),
    truncated: z.boolean().describe("there were more calls, or it took too long: the rest was not judged"),
    calls: count.describe("calls that were judged: the four counts below add up to it"),
    would_deny: count.describe("were allowed, and would be refused"),
    would_allow: count.describe("were refused, and would pass"),
    unchanged: count,
    undecidable: count.describe("what is recorded does not tell"),
    by_reason: z
      .array(z.object({ code: z.string(), calls: count }))
      .describe("the codes of `would_deny`, most frequent first"),
    samples: z.array(dryRunSampleSchema).describe("the latest 100 that differ, newest first"),
    notes: z.array(z.string()).describe("what was left out of the judgement, and why"),
  })
  .meta({ id: "DryRun" });

export type DryRun = z.infer<typeof dryRunSchema>;
export type DryRunSample = z.infer<typeof dryRunSampleSchema>;
export type DryRunPolicy = z.input<typeof dryRunPolicyBody>;
