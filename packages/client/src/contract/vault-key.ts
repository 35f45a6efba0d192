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
    parent_id: uuid
      .nullable()
      .describe("the key that bounds it: it may do no more, and its calls count in both"),
    redacted: z.string().describe("the key's label, nothing of its secret"),
    name: z.string().nullable(),
    agent_id: agentId,
    crew_run_id: z.string().nullable(),
    secret: secretName,
    vendor,
    policy: policySchemaOfAnswers,
    policy_version: z.int().min(1),
    status: z
      .enum(KEY_STATUSES)
      .describe("that of the key or of one above it: a child acts only while all of them do"),
    status_reason: z.string().nullable(),
    created_at: instant,
    expires_at: instant.nullable().describe("its own or an earlier one above it"),
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
    base_url: z
      .string()
      .describe("where the vendor's SDK finds the proxy, such as `http://127.0.0.1:8787/stripe`"),
    policy: policySchemaOfAnswers,
    expires_at: instant.nullable(),
    created_at: instant,
    parent_id: uuid.nullable(),
  })
  .meta({ id: "CreatedVaultKey" });

/** A key that stands on its own. */
export const rootVaultKeyBody = z.strictObject({
  agent_id: agentId,
  secret: secretName,
  policy: policyInput,
  crew_run_id: crewRunId.optional(),
  name: keyName.optional(),
});

export const createVaultKeyBody = rootVaultKeyBody
  .extend({
    secret: secretName.optional().describe("required without a parent; with one it is the parent's"),
    parent_id: uuid
      .optional()
      .describe("makes it a child: narrower than that key in every field, at most 4 deep"),
  })
  .refine(({ secret, parent_id }) => secret !== undefined || parent_id !== undefined, {
    path: ["secret"],
    error: "is required",
  });

export const updateVaultKeyBody = z.strictObject({ policy: policyInput });

export const listVaultKeysQuery = z.strictObject({
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  parent_id: uuid.optional().describe("the children of this key"),
  status: z.enum(KEY_STATUSES).optional(),
  vendor: vendor.optional(),
  secret: secretName.optional(),
  q: searchText
    .optional()
    .describe("a part of the name, the agent, the run or the key's label, any letter case"),
  ...pageQuery,
});

export const revokeBody = z.strictObject({ reason: reason.optional() });

/** Which keys a revocation ended, children among them; keys that had ended before are not. */
export const revocationSchema = z
  .object({ revoked: z.int().min(0), vault_key_ids: z.array(uuid) })
  .meta({ id: "Revocation" });

export type VaultKey = z.infer<typeof vaultKeySchema>;
export type VaultKeyDetail = z.infer<typeof vaultKeyDetailSchema>;
export type CreatedVaultKey = z.infer<typeof createdVaultKeySchema>;
export type RootVaultKey = z.input<typeof rootVaultKeyBody>;
export type CreateVaultKey = z.input<typeof createVaultKeyBody>;
export type UpdateVaultKey = z.input<typeof updateVaultKeyBody>;
export type ListVaultKeys = z.input<typeof listVaultKeysQuery>;
export type Revocation = z.infer<typeof revocationSchema>;
