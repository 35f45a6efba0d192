import type { AncestorKey, KeyStore, PolicyDocument, VaultKeyRecord } from "@keybrake/core";
import { answerInTime } from "./answer-in-time.ts";
import type { Database, Row } from "./database.ts";

/** A remembered key may be this old; the ledger's own reading decides anyway, so this only saves queries. */
const REMEMBER_MS = 5_000;
/** An unknown key is remembered shortly, so that a loop with a dead key costs no query a call. */
const REMEMBER_MISSING_MS = 1_000;
const ENTRIES_MAX = 50_000;

const FIND_KEY = `
  SELECT k.id, k.redacted, k.name, k.agent_id, k.crew_run_id, k.secret_id, s.name AS secret_name, s.account_id, k.vendor, k.policy,
    k.policy_version, k.status, k.created_at, k.expires_at,
    (SELECT jsonb_agg(jsonb_build_object('id', p.id, 'policy', p.policy, 'policy_version', p.policy_version, 'status', p.status,
        'expires_ms', epoch_ms(p.expires_at)) ORDER BY array_position(k.ancestor_ids, p.id))
      FROM vault_keys p WHERE p.id = ANY (k.ancestor_ids)) AS ancestors
  FROM vault_keys k JOIN secrets s ON s.id = k.secret_id WHERE k.key_hash = $1`;

interface Remembered {
  readonly record: VaultKeyRecord | null;
  readonly untilMs: number;
}

/** Vault keys in a SQL database, remembered for a few seconds. */
export class SqlKeyStore implements KeyStore {
  readonly #database: Database;
  readonly #monotonicMs: () => number;
  readonly #remembered = new Map<string, Remembered>();

  constructor(database: Database, monotonicMs: () => number) {
    this.#database = database;
    this.#monotonicMs = monotonicMs;
  }

  async find(keyHash: Uint8Array): Promise<VaultKeyRecord | null> {
    const name = Buffer.from(keyHash).toString("base64");
    const known = this.#remembered.get(name);
    if (known !== undefined && known.untilMs > this.#monotonicMs()) return known.record;
    const record = await this.#query(keyHash);
    if (this.#remembered.size >= ENTRIES_MAX) this.#remembered.clear();
    const lifetimeMs = record === null ? REMEMBER_MISSING_MS : REMEMBER_MS;
    this.#remembered.set(name, { record, untilMs: this.#monotonicMs() + lifetimeMs });
    return record;
  }

  forget(vaultKeyId?: string): void {
    if (vaultKeyId === undefined) return this.#remembered.clear();
    for (const [name, { record }] of this.#remembered) {
      if (record === null || record.id === vaultKeyId) this.#remembered.delete(name);
    }
  }

  async #query(keyHash: Uint8Array): Promise<VaultKeyRecord | null> {
    const [row] = await answerInTime(this.#database.query(FIND_KEY, [Buffer.from(keyHash)]));
    return row === undefined ? null : readRecord(row);
  }
}

function readRecord(row: Row): VaultKeyRecord {
  return {
    id: row["id"] as string,
    redacted: row["redacted"] as string,
    name: row["name"] as string | null,
    agentId: row["agent_id"] as string,
    crewRunId: row["crew_run_id"] as string | null,
    secretId: row["secret_id"] as string,
    secretName: row["secret_name"] as string,
    accountId: row["account_id"] as string | null,
    vendor: row["vendor"] as string,
    policy: row["policy"] as PolicyDocument,
    policyVersion: row["policy_version"] as number,
    status: row["status"] as VaultKeyRecord["status"],
    createdAt: row["created_at"] as Date,
    expiresAt: row["expires_at"] as Date | null,
    ancestors: ((row["ancestors"] ?? []) as readonly AncestorRow[]).map(readAncestor),
  };
}

interface AncestorRow {
  readonly id: string;
  readonly policy: PolicyDocument;
  readonly policy_version: number;
  readonly status: VaultKeyRecord["status"];
  readonly expires_ms: number | null;
}

function readAncestor({ id, policy, policy_version, status, expires_ms }: AncestorRow): AncestorKey {
  const expiresAt = expires_ms === null ? null : new Date(expires_ms);
  return { id, policy, policyVersion: policy_version, status, expiresAt };
}
