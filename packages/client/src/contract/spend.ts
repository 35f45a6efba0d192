import { CREDENTIAL_MODES } from "@keybrake/core";
import { z } from "zod";
import { agentId, crewRunId, instant, instantOrDay, usdText, uuid, vendor } from "./identifier.ts";
import { pageOf, pageQuery } from "./page.ts";

/** By what spend can be summed up. */
export const SPEND_GROUPS = ["agent_id", "vault_key_id", "crew_run_id", "vendor", "endpoint", "day"] as const;

/** What one group did in the range, with live and with test credentials apart. */
export const spendSchema = z
  .object({
    group: z.string().nullable().describe("the agent, key, run, vendor, endpoint or UTC day; null = unknown"),
    mode: z
      .enum(CREDENTIAL_MODES)
      .nullable()
      .describe("whether it was done with live or with test credentials; null = with no vault key"),
    calls: z.int().min(0).describe("calls that were allowed"),
    denied: z
      .int()
      .min(0)
      .describe(
        "calls that were refused, those of which only the number is kept among them (under endpoint null)",
      ),
    reserved_usd: usdText.describe("held at the worst case for calls without a final outcome"),
    cost_usd: usdText.describe("what the settled calls cost"),
  })
  .meta({ id: "Spend" });

/** One page of spend, dearest group first (days in order), and the range it covers: `from` ≤ call < `to`. */
export const spendPageSchema = pageOf(spendSchema)
  .extend({ from: instant, to: instant })
  .meta({ id: "SpendPage" });

export const listSpendQuery = z.strictObject({
  group_by: z.enum(SPEND_GROUPS),
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  vault_key_id: uuid.optional(),
  vendor: vendor.optional(),
  from: instantOrDay.optional().describe("30 days before `to` when absent"),
  to: instantOrDay.optional().describe("now when absent"),
  ...pageQuery,
});

export type Spend = z.infer<typeof spendSchema>;
export type SpendPage = z.infer<typeof spendPageSchema>;
export type ListSpend = z.input<typeof listSpendQuery>;
