import type { AdminToken } from "@keybrake/client/contract";
import type { AdminRole } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";
import type { AdminIdentity } from "./admin-identity.ts";

/** A token as the API shows it, and where it stands in the list of all. */
export interface ListedAdminToken {
  readonly token: AdminToken;
  readonly createdMicros: bigint;
}

const COLUMNS = `id, name, role, created_at, expires_at, revoked_at,
  (extract(epoch FROM created_at) * 1000000)::bigint AS created_micros`;

/** Stores a new token. Its lifetime counts on the database's clock; null = until it is revoked. */
export async function insertAdminToken(
  database: Database,
  token: { hash: Buffer; name: string; role: AdminRole; lifetimeSeconds: number | null },
): Promise<AdminToken> {
  const [row] = await database.query(
    `INSERT INTO admin_tokens (token_hash, name, role, expires_at)
     VALUES ($1, $2, $3, now() + $4 * interval '1 second') RETURNING ${COLUMNS}`,
    [token.hash, token.name, token.role, token.lifetimeSeconds],
  );
  if (row === undefined) throw new TypeError("the database returned no new token");
  return readAdminToken(row);
}

/** Who a token stands for; null when it is unknown, expired or revoked. */
export async function findIdentity(database: Database, hash: Buffer): Promise<AdminIdentity | null> {
  const [row] = await database.query(
    `SELECT id, name, role FROM admin_tokens
     WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    [hash],
  );
  return row === undefined
    ? null
    : { tokenId: row["id"] as string, name: row["name"] as string, role: row["role"] as AdminRole };
}

/** Ends a token; false when there is none that could still be used. */
export async function revokeAdminToken(database: Database, id: string): Promise<boolean> {
  const rows = await database.query(
    "UPDATE admin_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id",
    [id],
  );
  return rows.length > 0;
}

/** Tokens, newest first, behind the one that was created at that time with that id. */
export async function selectAdminTokens(
  database: Database,
  after: { createdMicros: string; id: string } | null,
  most: number,
): Promise<readonly ListedAdminToken[]> {
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM admin_tokens
     WHERE $2::bigint IS NULL OR (created_at, id) < (timestamptz 'epoch' + $2::bigint * interval '1 microsecond', $3::uuid)
     ORDER BY created_at DESC, id DESC LIMIT $1`,
    [most, after?.createdMicros ?? null, after?.id ?? null],
  );
  return rows.map((row) => ({ token: readAdminToken(row), createdMicros: row["created_micros"] as bigint }));
}

function readAdminToken(row: Row): AdminToken {
  const instant = (name: string) => (row[name] as Date | null)?.toISOString() ?? null;
  return {
    id: row["id"] as string,
    name: row["name"] as string,
    role: row["role"] as AdminRole,
    created_at: (row["created_at"] as Date).toISOString(),
    expires_at: instant("expires_at"),
    revoked_at: instant("revoked_at"),
  };
}
