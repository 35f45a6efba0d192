import type { Database, Row } from "./database.ts";

/** A link by its place, and the hash that it had. */
export interface RememberedLink {
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly hash: string;
}

/** A loss of history that was found; `closesEpoch` and `heads` say where the chains end that were before it. */
export interface HistoryGap {
  readonly id: bigint;
  readonly foundAt: Date;
  readonly foundBy: string;
  readonly lost: readonly RememberedLink[];
  readonly closesEpoch: bigint | null;
  /** By epoch. */
  readonly heads: Readonly<Record<string, { readonly seq: number; readonly hash: string }>>;
  readonly acceptedAt: Date | null;
  readonly acceptedBy: string | null;
  readonly reason: string | null;
  readonly signature: Uint8Array | null;
}

const COLUMNS =
  "id, found_at, found_by, lost, closes_epoch, heads, accepted_at, accepted_by, reason, signature";

/** Every gap, oldest first; at most one of them is open. */
export async function listHistoryGaps(database: Database): Promise<readonly HistoryGap[]> {
  return (await database.query(`SELECT ${COLUMNS} FROM history_gaps ORDER BY id`)).map(readGap);
}

/** Ends every epoch, and says how the open gap then stands; null when nothing is lost. */
export async function closeHistory(database: Database): Promise<HistoryGap | null> {
  const [row] = await database.query(`SELECT ${COLUMNS} FROM close_history()`);
  return row === undefined ? null : readGap(row);
}

/** Writes down that an operator has accepted a gap as it was signed; false when it is another one by now. */
export async function acceptHistory(
  database: Database,
  gap: HistoryGap,
  acceptance: { readonly by: string; readonly reason: string; readonly signature: Buffer },
): Promise<boolean> {
  const rows = await database.query(
    "SELECT accepted AS id FROM accept_history($1, $2, $3, $4, $5) AS accepted",
    [
      gap.id.toString(),
      gap.closesEpoch?.toString() ?? null,
      acceptance.by,
      acceptance.reason,
      acceptance.signature,
    ],
  );
  return rows.length > 0;
}

/** The bytes of a gap marker that are signed: JSON in a fixed order. */
export function gapText(gap: HistoryGap, by: string | null, reason: string | null): string {
  const epochs = Object.keys(gap.heads).sort((one, other) => Number(one) - Number(other));
  return JSON.stringify([
    "history gap",
    gap.id.toString(),
    gap.foundAt.toISOString(),
    gap.foundBy,
    gap.lost.map(({ epoch, seq, hash }) => [epoch.toString(), seq.toString(), hash]),
    gap.closesEpoch?.toString() ?? null,
    epochs.map((epoch) => [epoch, gap.heads[epoch]?.seq, gap.heads[epoch]?.hash]),
    by,
    reason,
  ]);
}

function readGap(row: Row): HistoryGap {
  const lost = row["lost"] as { epoch: number; seq: number; hash: string }[];
  return {
    id: row["id"] as bigint,
    foundAt: row["found_at"] as Date,
    foundBy: row["found_by"] as string,
    lost: lost.map(({ epoch, seq, hash }) => ({ epoch: BigInt(epoch), seq: BigInt(seq), hash })),
    closesEpoch: row["closes_epoch"] as bigint | null,
    heads: (row["heads"] as HistoryGap["heads"] | null) ?? {},
    acceptedAt: row["accepted_at"] as Date | null,
    acceptedBy: row["accepted_by"] as string | null,
    reason: row["reason"] as string | null,
    signature: row["signature"] as Uint8Array | null,
  };
}
