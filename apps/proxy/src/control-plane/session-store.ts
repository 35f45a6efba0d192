import type { AdminRole } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";
import { type AdminIdentity, BOOTSTRAP_IDENTITY } from "./admin-identity.ts";

/** Which token a session or a login code stands for: one of the table, or the bootstrap token by its keyed hash. */
export type SessionOwner =
  | { readonly tokenId: string; readonly bootstrapHash: null }
  | { readonly tokenId: null; readonly bootstrapHash: Buffer };

/** A session that may act now. */
export interface LiveSession {
  readonly identity: AdminIdentity;
  /** When it ends if nothing more is asked. */
  readonly endsAt: Date;
  /** Whether it is time to write down that it was used. */
  readonly isTouchDue: boolean;
}

const IDLE = "interval '8 hours'";
const ABSOLUTE = "interval '24 hours'";
const TOUCH_AFTER = "interval '1 minute'";
const CODE_LIFETIME = "interval '10 minutes'";
const ROWS_MOST = 1_000;
/** The token behind it can still be used; `$2` is the keyed hash of the present bootstrap token. */
const OWNER_IS_LIVE = `CASE WHEN s.token_id IS NULL THEN s.bootstrap_hash = $2
  ELSE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) END`;

/** Opens a session; its limits count on the database's clock. */
export async function insertSession(
  database: Database,
  idHash: Buffer,
  owner: SessionOwner,
): Promise<{ readonly endsAt: Date }> {
  const [row] = await database.query(
    `INSERT INTO admin_sessions (id_hash, token_id, bootstrap_hash) VALUES ($1, $2, $3)
     RETURNING token_id AS id, seen_at + ${IDLE} AS ends_at`,
    [idHash, owner.tokenId, owner.bootstrapHash],
  );
  return { endsAt: row?.["ends_at"] as Date };
}

/** A session by its cookie's hash; null when it has ended, in whichever way, or its token has. */
export async function findSession(
  database: Database,
  idHash: Buffer,
  bootstrapHash: Buffer,
): Promise<LiveSession | null> {
  const [row] = await database.query(
    `SELECT s.token_id, t.name, t.role, s.seen_at < now() - ${TOUCH_AFTER} AS is_touch_due,
       least(now() + ${IDLE}, s.created_at + ${ABSOLUTE}) AS ends_at
     FROM admin_sessions s LEFT JOIN admin_tokens t ON t.id = s.token_id
     WHERE s.id_hash = $1 AND s.seen_at > now() - ${IDLE} AND s.created_at > now() - ${ABSOLUTE} AND ${OWNER_IS_LIVE}`,
    [idHash, bootstrapHash],
  );
  if (row === undefined) return null;
  return {
    identity: readIdentity(row),
    endsAt: row["ends_at"] as Date,
    isTouchDue: row["is_touch_due"] === true,
  };
}

/** Writes down that a session was used. */
export async function touchSession(database: Database, idHash: Buffer): Promise<void> {
  await database.query("UPDATE admin_sessions SET seen_at = now() WHERE id_hash = $1", [idHash]);
}

/** Ends a session for good; false when there is none. */
export async function deleteSession(database: Database, idHash: Buffer): Promise<boolean> {
  const rows = await database.query(
    "DELETE FROM admin_sessions WHERE id_hash = $1 RETURNING coalesce(token_id::text, 'bootstrap') AS id",
    [idHash],
  );
  return rows.length > 0;
}

/** Keeps a login code for its ten minutes. */
export async function insertLoginCode(
  database: Database,
  codeHash: Buffer,
  owner: SessionOwner,
): Promise<{ readonly expiresAt: Date }> {
  const [row] = await database.query(
    `INSERT INTO login_codes (code_hash, token_id, bootstrap_hash, expires_at) VALUES ($1, $2, $3, now() + ${CODE_LIFETIME})
     RETURNING coalesce(token_id::text, 'bootstrap') AS id, expires_at`,
    [codeHash, owner.tokenId, owner.bootstrapHash],
  );
  return { expiresAt: row?.["expires_at"] as Date };
}

/** Takes a login code, so that nobody else can; null when it is used, expired or unknown, or its token has ended. */
export async function takeLoginCode(
  database: Database,
  codeHash: Buffer,
  bootstrapHash: Buffer,
): Promise<AdminIdentity | null> {
  const [row] = await database.query(
    `WITH s AS (DELETE FROM login_codes WHERE code_hash = $1 RETURNING token_id, bootstrap_hash, expires_at)
     SELECT s.token_id, t.name, t.role FROM s LEFT JOIN admin_tokens t ON t.id = s.token_id
     WHERE s.expires_at > now() AND ${OWNER_IS_LIVE}`,
    [codeHash, bootstrapHash],
  );
  return row === undefined ? null : readIdentity(row);
}

/** Removes what has ended by itself. */
export async function forgetSessions(database: Database): Promise<void> {
  await database.query(
    `DELETE FROM admin_sessions WHERE id_hash IN (SELECT id_hash FROM admin_sessions
       WHERE seen_at < now() - ${IDLE} OR created_at < now() - ${ABSOLUTE} LIMIT $1)`,
    [ROWS_MOST],
  );
  await database.query(
    "DELETE FROM login_codes WHERE code_hash IN (SELECT code_hash FROM login_codes WHERE expires_at < now() LIMIT $1)",
    [ROWS_MOST],
  );
}

function readIdentity(row: Row): AdminIdentity {
  if (row["token_id"] === null) return BOOTSTRAP_IDENTITY;
  return {
    tokenId: row["token_id"] as string,
    name: row["name"] as string,
    role: row["role"] as AdminRole,
  };
}
