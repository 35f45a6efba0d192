import { PAGE_LIMIT, type VaultKey } from "@keybrake/client/contract";
import {
  findWidening,
  generateVaultKey,
  hashVaultKey,
  type Policy,
  type PolicyDocument,
  parsePolicy,
  redactVaultKey,
} from "@keybrake/core";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import type { AuditedDatabase } from "./admin-trail.ts";
import { selectBudgetsOfKey } from "./budget-store.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";
import {
  insertVaultKey,
  readNow,
  replacePolicy,
  revokeVaultKeys,
  selectVaultKey,
  selectVaultKeys,
} from "./vault-key-store.ts";

/** What the operations on vault keys work with. */
export interface VaultKeyDependencies {
  readonly database: Database;
  readonly secrets: EnvelopeSecretStore;
  readonly pepper: Uint8Array;
  /** Where agents reach the data plane. */
  readonly dataUrl: string;
  readonly onChange: () => void;
}

const position = z.tuple([z.literal("keys"), z.string().regex(/^[0-9]{1,18}$/), z.uuid()]);

/** The operations on vault keys, single and by run or agent. A key in clear is in one answer only: its creation's. */
export function mountVaultKeys(api: AdminApi, dependencies: VaultKeyDependencies): void {
  const { database, onChange } = dependencies;

  mount(api, "createVaultKey", async ({ body, audited }) => {
    const created = await createVaultKey(dependencies, body, audited);
    onChange();
    return reply(201, created);
  });

  mount(api, "listVaultKeys", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const cursor = decodeCursor(position, query.cursor);
    const after = cursor === null ? null : { createdMicros: cursor[1], id: cursor[2] };
    const found = await selectVaultKeys(database, query, after, limit + 1);
    const page = toPage(
      found,
      limit,
      ({ key }) => key,
      ({ key, createdMicros }) => ["keys", createdMicros.toString(), key.id],
    );
    return reply(200, page);
  });

  mount(api, "getVaultKey", async ({ params }) => {
    const key = await selectVaultKey(database, params.id);
    if (key === null) throw noKey(params.id);
    return reply(200, { ...key, budgets: await selectBudgetsOfKey(database, key.id) });
  });

  mount(api, "updateVaultKey", async ({ params, body, audited }) => {
    const updated = await updateVaultKey(database, params.id, body.policy, audited);
    onChange();
    return reply(200, updated);
  });

  mount(api, "revokeVaultKey", async ({ params, body, audited }) => {
    if ((await selectVaultKey(database, params.id)) === null) throw noKey(params.id);
    return revoke(audited, "vault_key", params.id, body.reason);
  });
  mount(api, "revokeRun", ({ params, body, audited }) =>
    revoke(audited, "crew_run_id", params.crew_run_id, body.reason),
  );
  mount(api, "revokeAgent", ({ params, body, audited }) =>
    revoke(audited, "agent_id", params.agent_id, body.reason),
  );

  /** Also where there was nothing to revoke somebody wanted it, and it stands in the trail. */
  async function revoke(
    audited: AuditedDatabase,
    scope: Parameters<typeof revokeVaultKeys>[1],
    value: string,
    reason?: string,
  ) {
    const ids = await revokeVaultKeys(audited.evenIfNone, scope, value, reason ?? null);
    onChange();
    return reply(200, { revoked: ids.length, vault_key_ids: ids });
  }
}

interface NewKey {
  readonly agent_id: string;
  readonly secret?: string | undefined;
  readonly parent_id?: string | undefined;
  readonly policy: unknown;
  readonly crew_run_id?: string | undefined;
  readonly name?: string | undefined;
}

async function createVaultKey(
  { database, secrets, pepper, dataUrl }: VaultKeyDependencies,
  body: NewKey,
  audited: AuditedDatabase,
) {
  const { policy, document } = readPolicy(body.policy);
  const parent = body.parent_id === undefined ? null : await findParent(database, body.parent_id);
  const secretName = body.secret ?? parent?.secret ?? "";
  if (parent !== null && parent.secret !== secretName) {
    const message = `the parent's is \`${parent.secret}\`: leave it out`;
    throw new ProblemError("policy_wider", { problems: [{ field: "secret", message }] });
  }
  const secret = await secrets.find(secretName);
  if (secret === null) {
    const detail = `there is no secret named \`${secretName}\`: create it first`;
    throw new ProblemError("unknown_secret", { detail, problems: [{ field: "secret", message: detail }] });
  }
  requireVendor(policy, secret.vendor, `the secret \`${secret.name}\``);
  if (parent !== null) requireNarrower(parent, policy, await readNow(database));
  const vaultKey = generateVaultKey(body.agent_id);
  const crewRunId = body.crew_run_id ?? null;
  const stored = await insertVaultKey(audited, {
    hash: hashVaultKey(pepper, vaultKey),
    redacted: redactVaultKey(vaultKey),
    name: body.name ?? null,
    agentId: body.agent_id,
    crewRunId,
    secretId: secret.id,
    parent: parent === null ? null : { id: parent.id, policyVersion: parent.policy_version },
    policy,
    document,
  });
  if (stored === null) {
    const detail =
      "the parent has been revoked, suspended or changed, has expired, or has three keys above it already";
    throw new ProblemError("parent_unusable", {
      detail,
      problems: [{ field: "parent_id", message: detail }],
    });
  }
  const { id, createdAt, expiresAt } = stored;
  return {
    id,
    vault_key: vaultKey,
    agent_id: body.agent_id,
    crew_run_id: crewRunId,
    vendor: policy.vendor,
    base_url: `${dataUrl}/${policy.vendor}`,
    policy: document,
    expires_at: expiresAt?.toISOString() ?? null,
    created_at: createdAt.toISOString(),
    parent_id: parent?.id ?? null,
  };
}

async function findParent(database: Database, id: string): Promise<VaultKey> {
  const parent = await selectVaultKey(database, id);
  if (parent !== null) return parent;
  const detail = `there is no vault key \`${id}\``;
  throw new ProblemError("unknown_parent", { detail, problems: [{ field: "parent_id", message: detail }] });
}

/** Told early and by name. What counts is that each call of a child is judged by every policy above it. */
function requireNarrower(parent: VaultKey, policy: Policy, now: Date): void {
  const expiresAt =
    policy.expiresInSeconds === null
      ? policy.expiresAt
      : new Date(now.getTime() + policy.expiresInSeconds * 1_000);
  const above = parent.expires_at === null ? null : new Date(parent.expires_at);
  const wider = findWidening(
    { policy: readPolicy(parent.policy).policy, expiresAt: above },
    { policy, expiresAt },
  );
  if (wider.length === 0) return;
  const problems = wider.map(({ field, message }) => ({ field: `policy.${field}`, message }));
  const [first] = problems;
  throw new ProblemError("policy_wider", { detail: `${first?.field}: ${first?.message}`, problems });
}

async function updateVaultKey(database: Database, id: string, input: unknown, audited: AuditedDatabase) {
  const { policy, document } = readPolicy(input);
  const key = await selectVaultKey(database, id);
  if (key === null) throw noKey(id);
  requireVendor(policy, key.vendor, "this vault key");
  if (key.parent_id !== null)
    requireNarrower(await findParent(database, key.parent_id), policy, await readNow(database));
  const isReplaced = key.status !== "revoked" && (await replacePolicy(audited, id, policy, document));
  const updated = isReplaced ? await selectVaultKey(database, id) : null;
  if (updated === null) {
    const detail = "a revoked vault key stays revoked: create another one";
    throw new ProblemError("vault_key_revoked", { detail });
  }
  return updated;
}

/** The contract has accepted it already; this is the form that the ledger needs. */
function readPolicy(input: unknown): { policy: Policy; document: PolicyDocument } {
  const parsed = parsePolicy(input);
  if (!("problems" in parsed)) return parsed;
  const problems = parsed.problems.map((message) => ({ field: "policy", message }));
  throw new ProblemError("invalid_request", { problems });
}

function requireVendor(policy: Policy, vendor: string, whose: string): void {
  if (policy.vendor === vendor) return;
  const detail = `the policy is for \`${policy.vendor}\`, but ${whose} is for \`${vendor}\``;
  throw new ProblemError("vendor_mismatch", {
    detail,
    problems: [{ field: "policy.vendor", message: detail }],
  });
}

function noKey(id: string): ProblemError {
  return new ProblemError("not_found", { detail: `there is no vault key \`${id}\`` });
}
