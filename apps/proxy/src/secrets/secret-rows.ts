import type { CredentialMode, VendorName } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";

/** A secret as people may see it: everything but its value. */
export interface SecretRecord {
  readonly id: string;
  readonly name: string;
  readonly vendor: VendorName;
  readonly accountId: string | null;
  readonly mode: CredentialMode;
  readonly version: number;
  readonly createdAt: Date;
  readonly rotatedAt: Date | null;
  /** How fast the vendor may be asked with it, as the operator set it; null = not set. */
  readonly requestsPerSecond: number | null;
}

/** A secret with its sealed value. */
export interface SealedSecret extends SecretRecord {
  readonly envelope: Uint8Array;
}

const COLUMNS =
  "id, name, vendor, account_id, mode, version, created_at, rotated_at, requests_per_second::float8 AS requests_per_second";

/** Stores a new secret; null when the name is taken. */
export async function insertSecret(
  database: Database,
  secret: Pick<SecretRecord, "id" | "name" | "vendor" | "accountId" | "mode" | "requestsPerSecond"> & {
    readonly envelope: Buffer;
  },
): Promise<SecretRecord | null> {
  const { id, name, vendor, accountId, mode, envelope, requestsPerSecond } = secret;
  const [row] = await database.query(
    `INSERT INTO secrets (id, name, vendor, account_id, mode, envelope, requests_per_second)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING ${COLUMNS}`,
    [id, name, vendor, accountId, mode, envelope, requestsPerSecond],
  );
  return row === undefined ? null : readSecret(row);
}

/** Replaces a value and its version in one step; null when the secret is no longer at `fromVersion`. */
export async function updateSecret(
  database: Database,
  id: string,
  fromVersion: number,
  envelope: Buffer,
): Promise<SecretRecord | null> {
  const [row] = await database.query(
    `UPDATE secrets SET envelope = $3, version = version + 1, rotated_at = now()
     WHERE id = $1 AND version = $2 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
    [id, fromVersion, envelope],
  );
  return row === undefined ? null : readSecret(row);
}

/** Sets how fast the vendor may be asked with a secret, and tells every replica; null when there is no such secret. */
export async function updatePace(
  database: Database,
  name: string,
  requestsPerSecond: number | null,
): Promise<SecretRecord | null> {
  const [row] = await database.query(
    `WITH told AS (SELECT pg_notify('keybrake_changes', '{"type":"secret.updated"}'))
     UPDATE secrets SET requests_per_second = $2 FROM told WHERE name = $1 AND deleted_at IS NULL RETURNING ${COLUMNS}`,
    [name, requestsPerSecond],
  );
  return row === undefined ? null : readSecret(row);
}

/**
 * Erases a secret's value and frees its name; null when there is none. Takes the ledger's barrier first: when this
 * has committed, no call of its vault keys is decided any more.
 */
export async function eraseSecret(database: Database, name: string): Promise<string | null> {
  const [row] = await database.query(
    `WITH barrier AS MATERIALIZED (SELECT pg_advisory_xact_lock(ledger_barrier()) AS held)
     UPDATE secrets SET deleted_at = now(), envelope = ''::bytea FROM barrier
     WHERE barrier.held IS NOT NULL AND name = $1 AND deleted_at IS NULL RETURNING id`,
    [name],
  );
  return row === undefined ? null : (row["id"] as string);
}

/** Secrets by name, behind `afterName`. */
export async function selectSecrets(
  database: Database,
  afterName: string,
  most: number,
): Promise<readonly SecretRecord[]> {
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM secrets WHERE deleted_at IS NULL AND name > $1 ORDER BY name LIMIT $2`,
    [afterName, most],
  );
  return rows.map(readSecret);
}

/** One secret by its name. */
export async function selectSecretByName(database: Database, name: string): Promise<SecretRecord | null> {
  const [row] = await database.query(
    `SELECT ${COLUMNS} FROM secrets WHERE name = $1 AND deleted_at IS NULL`,
    [name],
  );
  return row === undefined ? null : readSecret(row);
}

/** One secret with its sealed value, by its id. */
export async function selectSealedSecret(database: Database, id: string): Promise<SealedSecret | null> {
  const [row] = await database.query(
    `SELECT ${COLUMNS}, envelope FROM secrets WHERE id = $1 AND deleted_at IS NULL`,
    [id],
  );
  return row === undefined ? null : { ...readSecret(row), envelope: row["envelope"] as Uint8Array };
}

function readSecret(row: Row): SecretRecord {
  return {
    id: row["id"] as string,
    name: row["name"] as string,
    vendor: row["vendor"] as VendorName,
    accountId: row["account_id"] as string | null,
    mode: row["mode"] as CredentialMode,
    version: row["version"] as number,
    createdAt: row["created_at"] as Date,
    rotatedAt: row["rotated_at"] as Date | null,
    requestsPerSecond: row["requests_per_second"] as number | null,
  };
}
