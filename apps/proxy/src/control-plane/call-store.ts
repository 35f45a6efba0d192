import { CALL_COLUMNS, type Call } from "@keybrake/client/contract";
import type { Database, Row } from "../ledger/database.ts";

/** The last call that was seen; the next ones are older. */
export interface CallPosition {
  readonly requestedAt: string;
  readonly id: string;
}

/** What `readCall` reads, of a table `c`. */
export const COLUMNS = CALL_COLUMNS.map((name) => `c.${name}`).join(", ");
/** One audit row by its id. */
export async function selectCall(database: Database, id: string): Promise<Call | null> {
  const [row] = await database.query(`SELECT ${COLUMNS} FROM calls c WHERE c.id = $1`, [id]);
  return row === undefined ? null : readCall(row);
}

/** The calls that are named in a range of links of the audit chain, oldest first, each once. */
export async function selectCallsOfLinks(
  database: Database,
  ranges: readonly { readonly epoch: bigint; readonly after: bigint; readonly upTo: bigint }[],
  most: number,
): Promise<readonly Call[]> {
  const rows = await database.query(
    `SELECT DISTINCT ON (c.requested_at, c.id) ${COLUMNS}
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS t (epoch, after_seq, up_to)
     JOIN audit_chain a ON a.epoch = t.epoch AND a.seq > t.after_seq AND a.seq <= t.up_to
     CROSS JOIN LATERAL unnest(a.call_ids, a.requested_ats) AS u (id, requested_at)
     JOIN calls c ON c.id = u.id AND c.requested_at = u.requested_at
     ORDER BY c.requested_at, c.id LIMIT $4`,
    [
      ranges.map(({ epoch }) => epoch.toString()),
      ranges.map(({ after }) => after.toString()),
      ranges.map(({ upTo }) => upTo.toString()),
      most,
    ],
  );
  return rows.map(readCall);
}

const EARLIEST_MS = 0;
const LATEST_MS = Date.UTC(9999, 11, 31);

/** A day stands for its first instant, UTC. What no call can reach is moved to where the database can read it. */
export function toInstant(instantOrDay: string): string {
  return new Date(Math.min(LATEST_MS, Math.max(EARLIEST_MS, Date.parse(instantOrDay)))).toISOString();
}

/** Writes a numeric of the ledger as the API does: at least two decimals, no more than it needs. */
export function showUsd(value: unknown): string {
  const text = String(value);
  const [whole, fraction = ""] = text.split(".");
  return `${whole}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}

/** An audit row as the API shows it. */
export function readCall(row: Row): Call {
  return Object.fromEntries(
    CALL_COLUMNS.map((name) => [name, readValue(name, row[name])]),
  ) as unknown as Call;
}

function readValue(name: keyof Call, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  // A vendor's amounts have at most twelve digits, so a number holds them.
  if (typeof value === "bigint") return Number(value);
  return name.endsWith("_usd") ? showUsd(value) : value;
}
