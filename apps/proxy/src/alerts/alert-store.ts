import type { Alert, AlertDelivery, ListAlerts } from "@keybrake/client/contract";
import { toInstant } from "../control-plane/call-store.ts";
import type { Database, Row } from "../ledger/database.ts";
import type { AlertFacts } from "./alert-message.ts";

type Subject =
  | "budget_id"
  | "window_start"
  | "mode"
  | "threshold"
  | "agent_id"
  | "crew_run_id"
  | "vault_key_id"
  | "call_id"
  | "count";

/** Something that was found. `dedupe_key` names what is one thing to tell, however often and by whom it is found. */
export interface Finding
  extends Pick<Alert, "kind" | "severity" | "title" | "detail">,
    Partial<Pick<Alert, Subject>> {
  readonly dedupe_key: string;
  /** Kept, but sent to nobody: another finding says more of the same. */
  readonly quiet?: boolean;
}

const COLUMNS = `id, kind, severity, raised_at, title, detail, budget_id, to_char(window_start, 'YYYY-MM-DD') AS window_start,
  mode, threshold, agent_id, crew_run_id, vault_key_id, call_id, count`;
const DELIVERY_COLUMNS = `d.alert_id, d.channel_id, c.name AS channel, d.state, d.attempts, d.next_attempt_at, d.last_status,
  d.last_error, d.delivered_at`;

/** Raises what was not raised before; returns how many that were. One of two who find the same raises it. */
export async function raiseAlerts(database: Database, findings: readonly Finding[]): Promise<number> {
  if (findings.length === 0) return 0;
  const rows = await database.query("SELECT raise_alerts($1::jsonb) AS id", [JSON.stringify(findings)]);
  return rows.length;
}

/** The last alert that was seen; the next ones are older. */
export interface AlertPosition {
  readonly raisedAt: string;
  readonly id: string;
}

/** Alerts with their deliveries, newest first, behind a position. */
export async function selectAlerts(
  database: Database,
  filter: Pick<ListAlerts, "kind" | "severity" | "agent_id" | "crew_run_id" | "from" | "to">,
  after: AlertPosition | null,
  most: number,
): Promise<readonly Alert[]> {
  const values: unknown[] = [most];
  const conditions: string[] = [];
  for (const name of ["kind", "severity", "agent_id", "crew_run_id"] as const) {
    if (filter[name] !== undefined) conditions.push(`${name} = $${values.push(filter[name])}`);
  }
  if (filter.from !== undefined) conditions.push(`raised_at >= $${values.push(toInstant(filter.from))}`);
  if (filter.to !== undefined) conditions.push(`raised_at < $${values.push(toInstant(filter.to))}`);
  if (after !== null)
    conditions.push(
      `(raised_at, id) < ($${values.push(after.raisedAt)}::timestamptz, $${values.push(after.id)}::uuid)`,
    );
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM alerts ${where} ORDER BY raised_at DESC, id DESC LIMIT $1`,
    values,
  );
  return await withDeliveries(database, rows);
}

/** One alert with its deliveries; null when it is not there any more. */
export async function selectAlert(database: Database, id: string): Promise<Alert | null> {
  const rows = await database.query(`SELECT ${COLUMNS} FROM alerts WHERE id = $1`, [id]);
  const [alert] = await withDeliveries(database, rows);
  return alert ?? null;
}

async function withDeliveries(database: Database, rows: readonly Row[]): Promise<readonly Alert[]> {
  if (rows.length === 0) return [];
  const deliveries = await database.query(
    `SELECT ${DELIVERY_COLUMNS} FROM alert_deliveries d JOIN alert_channels c ON c.id = d.channel_id
     WHERE d.alert_id = ANY ($1::uuid[]) ORDER BY c.name, c.id`,
    [rows.map((row) => row["id"])],
  );
  return rows.map((row) => ({
    ...readAlert(row),
    deliveries: deliveries.filter(({ alert_id: id }) => id === row["id"]).map(readDelivery),
  }));
}

function readAlert(row: Row): AlertFacts {
  const text = (name: string) => row[name] as string | null;
  return {
    id: row["id"] as string,
    kind: row["kind"] as Alert["kind"],
    severity: row["severity"] as Alert["severity"],
    raised_at: (row["raised_at"] as Date).toISOString(),
    title: row["title"] as string,
    detail: row["detail"] as string,
    budget_id: (row["budget_id"] as bigint | null)?.toString() ?? null,
    window_start: text("window_start"),
    mode: row["mode"] as Alert["mode"],
    threshold: row["threshold"] as number | null,
    agent_id: text("agent_id"),
    crew_run_id: text("crew_run_id"),
    vault_key_id: text("vault_key_id"),
    call_id: text("call_id"),
    count: row["count"] === null ? null : Number(row["count"]),
  };
}

function readDelivery(row: Row): AlertDelivery {
  const state = row["state"] as AlertDelivery["state"];
  return {
    channel_id: row["channel_id"] as string,
    channel: row["channel"] as string,
    state,
    attempts: row["attempts"] as number,
    next_attempt_at: state === "pending" ? (row["next_attempt_at"] as Date).toISOString() : null,
    last_status: row["last_status"] as number | null,
    last_error: row["last_error"] as string | null,
    delivered_at: (row["delivered_at"] as Date | null)?.toISOString() ?? null,
  };
}
