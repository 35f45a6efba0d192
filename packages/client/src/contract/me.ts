import { z } from "zod";
import { budgetSchema } from "./budget.ts";
import { agentId, instant, uuid, vendor } from "./identifier.ts";
import { policySchemaOfAnswers } from "./policy.ts";
import { KEY_STATUSES } from "./vault-key.ts";

/** What an agent may know of its own vault key (`GET /keybrake/v1/me` on the data plane). */
export const meSchema = z
  .object({
    id: uuid,
    vault_key: z.string().describe("the key's label, nothing of its secret"),
    agent_id: agentId,
    crew_run_id: z.string().nullable(),
    vendor,
    status: z.enum(KEY_STATUSES),
    policy: policySchemaOfAnswers,
    budgets: z.array(budgetSchema.omit({ id: true, scope: true, value: true, reserved: true, test: true })),
    expires_at: instant.nullable(),
    now: instant,
  })
  .meta({ id: "Me" });

export type Me = z.infer<typeof meSchema>;
