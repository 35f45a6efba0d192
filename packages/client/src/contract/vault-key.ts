import { z } from "zod";
import { budgetSchema } from "./budget.ts";
import {
  agentId,
  crewRunId,
  instant,
  keyName,
  reason,
  searchText,
  secretName,
  uuid,
  vendor,
} from "./identifier.ts";
import { pageQuery } from "./page.ts";
import { policyInput, policySchemaOfAnswers } from "./policy.ts";

/** `expired` = active, but past its `expires_at` by the database's clock. */
export const KEY_STATUSES = ["active", "suspended", "revoked", "expired"] as const;

/** A vault key as the API tells of it: everything but the key. */
export const vaultKeySchema = z
  .object({
    id: uuid,
    redacted: z.string().describe("the key's label, nothing of its secret"),
    name: z.string().nullable(),
    agent_id: agentId,
    crew_run_id: z.string().nullable(),
    secret: secretName,
    vendor,
    policy: policySchemaOfAnswers,
    policy_version: z.int().min(1),
    status: z.enum(KEY_STATUSES),
    status_reason: z.string().nullable(),
    created_at: instant,
    expires_at: instant.nullable(),
    revoked_at: instant.nullable(),
  })
  .meta({ id: "VaultKey" });

/** One vault key with every budget that covers it. */
export const vaultKeyDetailSchema = vaultKeySchema
  .extend({ budgets: z.array(budgetSchema) })
  .meta({ id: "VaultKeyDetail" });

/** The answer to a creation: the only place where the key itself is ever shown. */
export const createdVaultKeySchema = z
  .object({
    id: uuid,
    vault_key: z.string().describe("shown this once; only a keyed hash of it is stored"),
    agent_id: agentId,
    crew_run_id: z.string().nullable(),
    vendor,
    policy: policySchemaOfAnswers,
    expires_at: instant.nullable(),
    created_at: instant,
  })
  .meta({ id: "CreatedVaultKey" });

export const createVaultKeyBody = z.strictObject({
  agent_id: agentId,
  secret: secretName,
  policy: policyInput,
  crew_run_id: crewRunId.optional(),
  name: keyName.optional(),
});

export const updateVaultKeyBody = z.strictObject({ policy: policyInput });

export const listVaultKeysQuery = z.strictObject({
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  status: z.enum(KEY_STATUSES).optional(),
  vendor: vendor.optional(),
  secret: secretName.optional(),
  q: searchText
    .optional()
    .describe("a part of the name, the agent, the run or the key's label, any letter case"),
  ...pageQuery,
});

export const revokeBody = z.strictObject({ reason: reason.optional() });

/** Which keys a revocation ended; keys that had ended before are not among them. */
export const revocationSchema = z
  .object({ revoked: z.int().min(0), vault_key_ids: z.array(uuid) })
  .meta({ id: "Revocation" });

export type VaultKey = z.infer<typeof vaultKeySchema>;
export type VaultKeyDetail = z.infer<typeof vaultKeyDetailSchema>;
export type CreatedVaultKey = z.infer<typeof createdVaultKeySchema>;
export type CreateVaultKey = z.input<typeof createVaultKeyBody>;
export type UpdateVaultKey = z.input<typeof updateVaultKeyBody>;
export type ListVaultKeys = z.input<typeof listVaultKeysQuery>;
export type Revocation = z.infer<typeof revocationSchema>;
