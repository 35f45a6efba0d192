import { CALL_COLUMNS, type Call } from "@keybrake/client/contract";
import type { Database } from "../ledger/database.ts";
import type { CallPosition } from "./call-store.ts";
import { type CallFilter, walkCalls } from "./call-walk.ts";

const ROWS_PER_QUERY = 1_000;
/** Columns that only ever hold our own numbers, so that a minus sign in front is no formula. */
const NUMERIC: ReadonlySet<keyof Call> = new Set([
  "status_code",
  "amount",
  "reserved_usd",
  "cost_usd",
  "budget_used_after_usd",
  "latency_ms",
  "upstream_ms",
  "overrun_usd",
]);

/** What is to be exported, in which form. Null as `rowsMax` = every row. */
export interface CallExport {
  readonly format: "csv" | "ndjson";
  readonly filter: CallFilter;
  readonly after: CallPosition | null;
  readonly rowsMax: number | null;
}

/** Writes audit rows page by page, as fast as they are read and no faster: memory does not grow with their number. */
export async function* exportCalls(
  database: Database,
  wanted: CallExport,
): AsyncGenerator<string, void, undefined> {
  const writeRow = wanted.format === "csv" ? writeCsvRow : (call: Call) => `${JSON.stringify(call)}\n`;
  if (wanted.format === "csv") yield `${CALL_COLUMNS.join(",")}\r\n`;
  let rest = wanted.rowsMax ?? Number.POSITIVE_INFINITY;
  const most = Math.min(rest, ROWS_PER_QUERY);
  for await (const { calls } of walkCalls(database, wanted.filter, wanted.after, most)) {
    if (calls.length > 0) yield calls.slice(0, rest).map(writeRow).join("");
    rest -= calls.length;
    if (rest <= 0) return;
  }
}

function writeCsvRow(call: Call): string {
  return `${CALL_COLUMNS.map((name) => writeCell(name, call[name])).join(",")}\r\n`;
}

/**
 * One cell by RFC 4180. A text that a spreadsheet would run as a formula is disarmed with an apostrophe: an agent
 * chooses paths, labels and metadata, and the auditor opens the file.
 */
function writeCell(name: keyof Call, value: unknown): string {
  if (value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = !NUMERIC.has(name) && /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
