import { z } from "zod";
import { agentId, vendor } from "./identifier.ts";
import { policySchemaOfAnswers } from "./policy.ts";

/** A policy to start from. */
export const policyTemplateSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string(),
    agent_id: agentId.describe("an agent that it suits"),
    vendor,
    policy: policySchemaOfAnswers,
  })
  .meta({ id: "PolicyTemplate" });

export type PolicyTemplateEntry = z.infer<typeof policyTemplateSchema>;
