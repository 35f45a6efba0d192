import { z } from "zod";
import { agentId, instant, instantOrDay, searchText, usdText } from "./identifier.ts";
import { pageOf, pageQuery } from "./page.ts";

/** The longest range in which runs are summed up. */
export const RUNS_RANGE_DAYS_MAX = 31;

/** What one run did in the range. */
export const runSchema = z
  .object({
    crew_run_id: z.string(),
    first_call_at: instant,
    last_call_at: instant,
    calls: z.int().min(0).describe("calls that were allowed"),
    denied: z.int().min(0).describe("calls that were refused and have a row in the audit log"),
    cost_usd: usdText.describe("what the settled calls cost"),
    reserved_usd: usdText.describe("held at the worst case for calls without a final outcome"),
    agents: z.array(z.string()),
    active_keys: z.int().min(0).describe("vault keys of the run that can act now"),
  })
  .meta({ id: "Run" });

/** One page of runs, the latest activity first, and the range it covers: `from` ≤ call < `to`. */
export const runPageSchema = pageOf(runSchema).extend({ from: instant, to: instant }).meta({ id: "RunPage" });

export const listRunsQuery = z.strictObject({
  from: instantOrDay.optional().describe("24 hours before `to` when absent"),
  to: instantOrDay.optional().describe(`now when absent; at most ${RUNS_RANGE_DAYS_MAX} days after \`from\``),
  agent_id: agentId.optional().describe("runs in which this agent acted; only its calls are summed up"),
  q: searchText.optional().describe("a part of the run, any letter case"),
  ...pageQuery,
});

export type Run = z.infer<typeof runSchema>;
export type RunPage = z.infer<typeof runPageSchema>;
export type ListRuns = z.input<typeof listRunsQuery>;
