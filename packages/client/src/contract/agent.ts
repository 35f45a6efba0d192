import { z } from "zod";
import { instant, searchText, usdText } from "./identifier.ts";
import { pageQuery } from "./page.ts";

/** An agent that has, or had, a vault key. */
export const agentSchema = z
  .object({
    agent_id: z.string(),
    active_keys: z.int().min(0).describe("vault keys that can act now"),
    keys: z.int().min(0).describe("all its vault keys, ended ones too"),
    last_call_at: instant.nullable(),
    spent_today_usd: usdText.describe("what its live calls of this UTC day cost"),
    test_spent_today_usd: usdText.describe("what its calls with test credentials would have cost"),
  })
  .meta({ id: "Agent" });

export const listAgentsQuery = z.strictObject({
  q: searchText.optional().describe("a part of the agent's id, any letter case"),
  ...pageQuery,
});

export type Agent = z.infer<typeof agentSchema>;
export type ListAgents = z.input<typeof listAgentsQuery>;
