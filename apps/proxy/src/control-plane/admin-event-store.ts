import type { AdminEvent, AdminOutcome, ListAdminEvents } from "@keybrake/client/contract";
import type { AdminRole } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";
import { toInstant } from "./call-store.ts";

/** The last entry that was seen; the next ones are older. */
export interface AdminEventPosition {
  readonly at: string;
  readonly id: string;
}

const COLUMNS =
  "id, at, token_id, token_name, role, address, action, target, details, changed, outcome, code, replica";
const EQUAL = ["token_id", "action", "target", "outcome"] as const;

/** Entries of the admin trail, newest first, behind a position. */
export async function selectAdminEvents(
  database: Database,
  filter: Pick<ListAdminEvents, (typeof EQUAL)[number] | "from" | "to">,
  after: AdminEventPosition | null,
  most: number,
): Promise<readonly AdminEvent[]> {
  const values: unknown[] = [most];
  const conditions: string[] = [];
  for (const name of EQUAL) {
    if (filter[name] !== undefined) conditions.push(`${name} = $${values.push(filter[name])}`);
  }
  if (filter.from !== undefined) conditions.push(`at >= $${values.push(toInstant(filter.from))}`);
  if (filter.to !== undefined) conditions.push(`at < $${values.push(toInstant(filter.to))}`);
  if (after !== null)
    conditions.push(`(at, id) < ($${values.push(after.at)}::timestamptz, $${values.push(after.id)}::uuid)`);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM admin_events ${where} ORDER BY at DESC, id DESC LIMIT $1`,
    values,
  );
  return rows.map(readAdminEvent);
}

function readAdminEvent(row: Row): AdminEvent {
  const text = (name: string) => row[name] as string | null;
  return {
    id: row["id"] as string,
    at: (row["at"] as Date).toISOString(),
    token_id: text("token_id"),
    token_name: text("token_name"),
    role: row["role"] as AdminRole | null,
    address: text("address"),
    action: row["action"] as string,
    target: text("target"),
    details: row["details"] as Record<string, unknown>,
    changed: row["changed"] as number | null,
    outcome: row["outcome"] as AdminOutcome,
    code: text("code"),
    replica: row["replica"] as string,
  };
}
