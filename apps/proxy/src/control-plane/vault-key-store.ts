import type { ListVaultKeys, VaultKey } from "@keybrake/client/contract";
import type { BudgetSpec, Policy, PolicyDocument } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";
import { containing } from "./search-pattern.ts";

/** A vault key as the API shows it, and where it stands in the list of all. */
export interface ListedVaultKey {
  readonly key: VaultKey;
  readonly createdMicros: bigint;
}

/** A new key: everything but its identity, which the database gives it. */
export interface NewVaultKey {
  readonly hash: Buffer;
  readonly redacted: string;
  readonly name: string | null;
  readonly agentId: string;
  readonly crewRunId: string | null;
  readonly secretId: string;
  /** The key above it, by the policy that was looked at; null = none. */
  readonly parent: { readonly id: string; readonly policyVersion: number } | null;
  readonly policy: Policy;
  readonly document: PolicyDocument;
}

export interface StoredVaultKey {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

/** When it ends, and whether it acts: a child does only while every key above it does. */
const EXPIRES_AT = `
  CASE WHEN k.ancestor_ids = '{}' THEN k.expires_at ELSE least(k.expires_at, (
    SELECT min(p.expires_at) FROM vault_keys p WHERE p.id = ANY (k.ancestor_ids))) END`;
const STATUS = `
  CASE WHEN k.status <> 'active' THEN k.status
    WHEN k.ancestor_ids <> '{}' AND EXISTS (
      SELECT 1 FROM vault_keys p WHERE p.id = ANY (k.ancestor_ids) AND p.status <> 'active') THEN 'suspended'
    WHEN ${EXPIRES_AT} <= now() THEN 'expired' ELSE k.status END`;
const SELECT = `
  SELECT k.id, k.parent_id, k.redacted, k.name, k.agent_id, k.crew_run_id, s.name AS secret, k.vendor, k.policy, k.policy_version,
    ${STATUS} AS status, k.status_reason, k.created_at, ${EXPIRES_AT} AS expires_at, k.revoked_at,
    (extract(epoch FROM k.created_at) * 1000000)::bigint AS created_micros
  FROM vault_keys k JOIN secrets s ON s.id = k.secret_id`;

/**
 * Stores a key together with the budgets of its policy. Its lifetime counts on the database's clock. Null when its parent
 * cannot have it: it acts no more, is too deep, or has got another policy meanwhile.
 */
export async function insertVaultKey(database: Database, key: NewVaultKey): Promise<StoredVaultKey | null> {
  const { policy } = key;
  const [row] = await database.query(
    "SELECT id, created_at, expires_at FROM create_vault_key($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    [
      key.hash,
      key.redacted,
      key.name,
      key.agentId,
      key.crewRunId,
      key.secretId,
      policy.vendor,
      JSON.stringify(key.document),
      JSON.stringify(policy.budgets.map(toWanted)),
      policy.expiresInSeconds,
      policy.expiresAt?.toISOString() ?? null,
      key.parent?.id ?? null,
      key.parent?.policyVersion ?? null,
    ],
  );
  if (row === undefined) return null;
  return {
    id: row["id"] as string,
    createdAt: row["created_at"] as Date,
    expiresAt: row["expires_at"] as Date | null,
  };
}

/** Replaces a key's policy and budgets; false when there is no such key, or it is revoked. */
export async function replacePolicy(
  database: Database,
  id: string,
  policy: Policy,
  document: PolicyDocument,
): Promise<boolean> {
  const rows = await database.query("SELECT id FROM update_vault_key($1, $2, $3, $4, $5)", [
    id,
    JSON.stringify(document),
    JSON.stringify(policy.budgets.map(toWanted)),
    policy.expiresInSeconds,
    policy.expiresAt?.toISOString() ?? null,
  ]);
  return rows.length > 0;
}

/** Revokes by key id, run or agent; returns the ids of the keys that this ended. */
export async function revokeVaultKeys(
  database: Database,
  scope: "vault_key" | "crew_run_id" | "agent_id",
  value: string,
  reason: string | null,
): Promise<string[]> {
  const rows = await database.query("SELECT id FROM revoke_vault_keys($1, $2, $3) AS revoked (id)", [
    scope,
    value,
    reason,
  ]);
  return rows.map((row) => row["id"] as string).sort();
}

/** The time by which lifetimes count. */
export async function readNow(database: Database): Promise<Date> {
  const [row] = await database.query("SELECT now() AS now");
  return row?.["now"] as Date;
}

/** One key by its id. */
export async function selectVaultKey(database: Database, id: string): Promise<VaultKey | null> {
  const [row] = await database.query(`${SELECT} WHERE k.id = $1`, [id]);
  return row === undefined ? null : readVaultKey(row);
}

/** Keys, newest first, behind the one that was created at that time with that id. */
export async function selectVaultKeys(
  database: Database,
  filter: Pick<
    ListVaultKeys,
    "agent_id" | "crew_run_id" | "parent_id" | "status" | "vendor" | "secret" | "q"
  >,
  after: { createdMicros: string; id: string } | null,
  most: number,
): Promise<readonly ListedVaultKey[]> {
  const values: unknown[] = [most];
  const conditions: string[] = [];
  const add = (condition: (parameter: string) => string, value: unknown) => {
    if (value !== undefined) conditions.push(condition(`$${values.push(value)}`));
  };
  add((parameter) => `k.agent_id = ${parameter}`, filter.agent_id);
  add((parameter) => `k.crew_run_id = ${parameter}`, filter.crew_run_id);
  add((parameter) => `k.parent_id = ${parameter}`, filter.parent_id);
  add((parameter) => `${STATUS} = ${parameter}`, filter.status);
  add((parameter) => `k.vendor = ${parameter}`, filter.vendor);
  add((parameter) => `s.name = ${parameter}`, filter.secret);
  if (filter.q !== undefined)
    add(
      (parameter) => `concat_ws(E'\\n', k.name, k.agent_id, k.crew_run_id, k.redacted) ILIKE ${parameter}`,
      containing(filter.q),
    );
  if (after !== null) {
    const time = `timestamptz 'epoch' + $${values.push(after.createdMicros)}::bigint * interval '1 microsecond'`;
    conditions.push(`(k.created_at, k.id) < (${time}, $${values.push(after.id)}::uuid)`);
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const rows = await database.query(
    `${SELECT} ${where} ORDER BY k.created_at DESC, k.id DESC LIMIT $1`,
    values,
  );
  return rows.map((row) => ({ key: readVaultKey(row), createdMicros: row["created_micros"] as bigint }));
}

function toWanted({ window, unit, limit }: BudgetSpec) {
  return { window, unit, limit: limit.toString() };
}

function readVaultKey(row: Row): VaultKey {
  const instant = (name: string) => (row[name] as Date | null)?.toISOString() ?? null;
  return {
    id: row["id"] as string,
    parent_id: row["parent_id"] as string | null,
    redacted: row["redacted"] as string,
    name: row["name"] as string | null,
    agent_id: row["agent_id"] as string,
    crew_run_id: row["crew_run_id"] as string | null,
    secret: row["secret"] as string,
    vendor: row["vendor"] as VaultKey["vendor"],
    policy: row["policy"] as PolicyDocument,
    policy_version: row["policy_version"] as number,
    status: row["status"] as VaultKey["status"],
    status_reason: row["status_reason"] as string | null,
    created_at: (row["created_at"] as Date).toISOString(),
    expires_at: instant("expires_at"),
    revoked_at: instant("revoked_at"),
  };
}
