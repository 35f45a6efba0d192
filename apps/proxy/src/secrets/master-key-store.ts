import { type Database, sqlStateOf } from "../ledger/database.ts";

/** An envelope that another master key than the one in use has sealed, and where it stands. */
export interface SealedBefore {
  readonly table: "install_keys" | "secrets" | "alert_channels";
  readonly rowId: string;
  readonly vendor: string;
  readonly version: number;
  readonly envelope: Uint8Array;
}

/** How far a change of the master key has come. Ids are the first eight hexadecimal digits of a key's SHA-256. */
export interface MasterKeyState {
  readonly activeId: string | null;
  readonly previousId: string | null;
  readonly begunAt: Date | null;
  readonly finishedAt: Date | null;
  /** Envelopes that are still sealed under another key than the active one. */
  readonly remaining: number;
}

/** Why a change cannot begin; `detail` names keys by their ids, and replicas. */
export type RotationRefusal = { readonly reason: "unfinished" | "not_everywhere"; readonly detail: string };

const SEALED_TOO_LATE = "KB006";
const UNFINISHED = "KB008";
const NOT_EVERYWHERE = "KB009";
const KEY_COLUMN = { install_keys: "name", secrets: "id::text", alert_channels: "id::text" } as const;

/** Makes a key the installation's when it has none yet; returns the id of the one that it has. */
export async function claimMasterKey(database: Database, id: string): Promise<string> {
  const [row] = await database.query("SELECT claim_master_key($1) AS active_id", [id]);
  return row?.["active_id"] as string;
}

/** The id of the key that seals; null before the first start. */
export async function findActiveKeyId(database: Database): Promise<string | null> {
  const [row] = await database.query("SELECT active_id FROM master_key");
  return (row?.["active_id"] as string | null | undefined) ?? null;
}

/** Whether a write was refused because another key has come into use since its envelope was sealed. */
export function isSealedTooLate(error: unknown): boolean {
  return sqlStateOf(error) === SEALED_TOO_LATE;
}

/** Lets another key seal from now on; null when that is so, also when it was before. */
export async function beginRotation(database: Database, id: string): Promise<RotationRefusal | null> {
  try {
    await database.query("SELECT $1::text AS id FROM begin_master_key_rotation($1)", [id]);
    return null;
  } catch (error) {
    const state = sqlStateOf(error);
    const detail = error instanceof Error ? error.message : "";
    if (state === UNFINISHED) return { reason: "unfinished", detail };
    if (state === NOT_EVERYWHERE) return { reason: "not_everywhere", detail };
    throw error;
  }
}

/** The state of the change, as the database has it. */
export async function selectMasterKeyState(database: Database): Promise<MasterKeyState> {
  const [row] = await database.query(
    `SELECT active_id, previous_id, begun_at, finished_at, (SELECT count(*) FROM sealed_before(2147483647)) AS remaining
     FROM master_key`,
  );
  return {
    activeId: (row?.["active_id"] as string | null | undefined) ?? null,
    previousId: (row?.["previous_id"] as string | null | undefined) ?? null,
    begunAt: (row?.["begun_at"] as Date | null | undefined) ?? null,
    finishedAt: (row?.["finished_at"] as Date | null | undefined) ?? null,
    remaining: Number(row?.["remaining"] ?? 0),
  };
}

/** Envelopes that are to be sealed anew, in a fixed order. */
export async function selectSealedBefore(database: Database, most: number): Promise<readonly SealedBefore[]> {
  const rows = await database.query("SELECT * FROM sealed_before($1)", [most]);
  return rows.map((row) => ({
    table: row["table_name"] as SealedBefore["table"],
    rowId: row["row_id"] as string,
    vendor: row["vendor"] as string,
    version: row["version"] as number,
    envelope: row["envelope"] as Uint8Array,
  }));
}

/** Puts an envelope in the place of the one that was read, unless somebody has replaced that meanwhile. */
export async function replaceEnvelope(
  database: Database,
  { table, rowId, envelope }: SealedBefore,
  fresh: Buffer,
): Promise<void> {
  await database.query(
    `UPDATE ${table} SET envelope = $3 WHERE ${KEY_COLUMN[table]} = $1 AND envelope = $2`,
    [rowId, Buffer.from(envelope), fresh],
  );
}

/** Ends a change in which nothing is left. */
export async function finishRotation(database: Database): Promise<void> {
  await database.query("SELECT finish_master_key_rotation()");
}

/** The ids of all keys that have sealed something that is still there. */
export async function selectSealingIds(database: Database): Promise<readonly string[]> {
  const rows = await database.query(
    `SELECT DISTINCT envelope_key_id(envelope) AS id FROM (
       SELECT envelope FROM install_keys UNION ALL SELECT envelope FROM secrets
       UNION ALL SELECT envelope FROM alert_channels) x
     WHERE envelope_key_id(envelope) IS NOT NULL ORDER BY 1`,
  );
  return rows.map((row) => row["id"] as string);
}
