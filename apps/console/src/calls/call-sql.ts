import { isPreset, PRESETS } from "../time-range.ts";
import type { CallFilter } from "./call-filter.ts";

/** The rows that the query asks for: as many as one page of the API may have. */
const ROWS_MAX = 1_000;

/** Columns that a filter compares as they are. */
const COMPARED = [
  "vendor",
  "state",
  "verdict",
  "denial_code",
  "agent_id",
  "crew_run_id",
  "vault_key_id",
  "endpoint",
  "path",
  "customer_id",
  "vendor_request_id",
  "vendor_object_id",
  "replica",
  "direction",
] as const;

/**
 * Writes a filter as a query that gives the same calls, newest first: for `keybrake sql` and, word for word, for psql.
 * Every value stands in it as a quoted text, so that none can be read as anything else.
 */
export function writeCallSql(filter: CallFilter): string {
  const conditions = conditionsOf(filter);
  const where = conditions.length === 0 ? [] : [`WHERE ${conditions.join("\n  AND ")}`];
  const lines = ["SELECT *", "FROM calls", ...where, "ORDER BY requested_at DESC, id DESC"];
  return [...lines, `LIMIT ${ROWS_MAX}`].join("\n");
}

function conditionsOf(filter: CallFilter): readonly string[] {
  const { last, from, to, method, currency, status_code: status, min_cost_usd: cost, claimed, q } = filter;
  const conditions: string[] = [];
  if (isPreset(last)) conditions.push(`requested_at >= now() - interval '${PRESETS[last].minutes} minutes'`);
  else {
    if (from !== undefined) conditions.push(`requested_at >= ${quoteInstant(from)}`);
    if (to !== undefined) conditions.push(`requested_at < ${quoteInstant(to)}`);
  }
  for (const name of COMPARED) {
    const value = filter[name];
    if (value !== undefined) conditions.push(`${name} = ${quote(value)}`);
  }
  if (method !== undefined) conditions.push(`method = ${quote(method.toUpperCase())}`);
  if (currency !== undefined) conditions.push(`currency = ${quote(currency.toLowerCase())}`);
  if (status !== undefined) conditions.push(`status_code = ${quote(status)}`);
  if (cost !== undefined) conditions.push(`cost_usd >= ${quote(cost)}`);
  if (claimed !== undefined)
    conditions.push("(claimed_agent_id IS NOT NULL OR claimed_crew_run_id IS NOT NULL)");
  if (q !== undefined) {
    const inJson = JSON.stringify(q).slice(1, -1);
    conditions.push(
      `(path ILIKE ${quote(containing(q))} OR metadata::text ILIKE ${quote(containing(inJson))})`,
    );
  }
  return conditions;
}

/** A text of SQL; with a backslash in the form in which that means the same whatever the connection's settings are. */
function quote(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A day stands for its first instant, UTC, whatever the zone of the connection is. */
function quoteInstant(text: string): string {
  const instant = new Date(text);
  return quote(Number.isNaN(instant.getTime()) ? text : instant.toISOString());
}

/** A LIKE pattern for what contains the text; `%`, `_` and `\` stand for themselves. */
function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}
