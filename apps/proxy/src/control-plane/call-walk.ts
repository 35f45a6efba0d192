import type { Call, ListCalls } from "@keybrake/client/contract";
import type { Database } from "../ledger/database.ts";
import { type CallPosition, COLUMNS, readCall, toInstant } from "./call-store.ts";
import { containing, containingInJson } from "./search-pattern.ts";

/** Which calls are asked for. */
export type CallFilter = Omit<ListCalls, "cursor" | "limit">;

/** Some calls, newest first, and where the walk goes on; null = there are no more. */
export interface Stretch {
  readonly calls: readonly Call[];
  readonly next: CallPosition | null;
}

/** How many rows the first slice has: even off a slow disk they are read in a moment. */
const ROWS_FIRST = 500;
const ROWS_MAX = 50_000;
/** A slice is to take so long: the embedded database does nothing else meanwhile. */
const SLICE_MS = 40;

/** One of these leads the walk by its index; the rest is compared row by row. The most selective one is first. */
const INDEXED = ["vault_key_id", "crew_run_id", "agent_id"] as const;
const COMPARED = [
  ...INDEXED,
  "vendor",
  "state",
  "verdict",
  "denial_code",
  "method",
  "endpoint",
  "path",
  "status_code",
  "direction",
  "currency",
  "customer_id",
  "vendor_request_id",
  "vendor_object_id",
  "replica",
] as const;

/**
 * Walks back through the audit log. What an index answers comes at once; anything else is looked for in slices of rows,
 * so that a reader may stop between two and go on later from `next`: no stretch takes long, found or not. Every
 * stretch has at most `most` calls; the last one's `next` is null.
 */
export async function* walkCalls(
  database: Database,
  filter: CallFilter,
  from: CallPosition | null,
  most: number,
): AsyncGenerator<Stretch, void, undefined> {
  const source = sourceOf(filter);
  const matches = matchesOf(filter, source);
  let position = from;
  let rows = ROWS_FIRST;
  do {
    const startedMs = performance.now();
    const edge = matches.length === 0 ? null : await selectEdge(database, source, position, rows);
    const conditions = [...source.conditions, ...behind(position), ...downTo(edge), ...matches];
    const calls = await selectSlice(database, source, conditions, most);
    const last = calls.length === most ? (calls.at(-1) ?? null) : null;
    position = last === null ? edge : { requestedAt: last.requested_at, id: last.id };
    yield { calls, next: position };
    const rowsPerMs = rows / (performance.now() - startedMs);
    rows = Math.round(Math.min(ROWS_MAX, rows * 4, Math.max(ROWS_FIRST, rowsPerMs * SLICE_MS)));
  } while (position !== null);
}

type Bind = (value: unknown) => string;
type Condition = (bind: Bind) => string;

/** Where the rows come from, in order and by an index. */
interface Source {
  readonly table: string;
  readonly indexed: (typeof INDEXED)[number] | null;
  readonly conditions: readonly Condition[];
}

function sourceOf(filter: CallFilter): Source {
  const conditions: Condition[] = [];
  const { state, from, to } = filter;
  if (from !== undefined) conditions.push((bind) => `c.requested_at >= ${bind(toInstant(from))}`);
  if (to !== undefined) conditions.push((bind) => `c.requested_at < ${bind(toInstant(to))}`);
  // Of the calls without a final outcome each has a row there, and they are few.
  if (state === "reserved" || state === "unknown") {
    const table = "reservations r JOIN calls c ON c.id = r.call_id AND c.requested_at = r.requested_at";
    return { table, indexed: null, conditions: [...conditions, (bind) => `r.state = ${bind(state)}`] };
  }
  const indexed = INDEXED.find((name) => filter[name] !== undefined) ?? null;
  if (indexed !== null) conditions.push((bind) => `c.${indexed} = ${bind(filter[indexed])}`);
  return { table: "calls c", indexed, conditions };
}

function matchesOf(filter: CallFilter, { table, indexed }: Source): Condition[] {
  const matches: Condition[] = [];
  for (const name of COMPARED) {
    const isKnown = name === indexed || (name === "state" && table !== "calls c");
    if (filter[name] !== undefined && !isKnown) matches.push((bind) => `c.${name} = ${bind(filter[name])}`);
  }
  const { claimed, min_cost_usd: minCostUsd, q } = filter;
  if (claimed !== undefined)
    matches.push(() => "(c.claimed_agent_id IS NOT NULL OR c.claimed_crew_run_id IS NOT NULL)");
  if (minCostUsd !== undefined) matches.push((bind) => `c.cost_usd >= ${bind(minCostUsd)}::numeric`);
  if (q !== undefined)
    matches.push(
      (bind) =>
        `(c.path ILIKE ${bind(containing(q))} OR c.metadata::text ILIKE ${bind(containingInJson(q))})`,
    );
  return matches;
}

/** Older than the position. The time alone says the same to where it can leave a whole month out. */
function behind(position: CallPosition | null): Condition[] {
  if (position === null) return [];
  return [
    (bind) => `c.requested_at <= ${bind(position.requestedAt)}`,
    (bind) => `(c.requested_at, c.id) < ${bindPosition(bind, position)}`,
  ];
}

/** As old as the edge, or younger. */
function downTo(edge: CallPosition | null): Condition[] {
  if (edge === null) return [];
  return [
    (bind) => `c.requested_at >= ${bind(edge.requestedAt)}`,
    (bind) => `(c.requested_at, c.id) >= ${bindPosition(bind, edge)}`,
  ];
}

function bindPosition(bind: Bind, { requestedAt, id }: CallPosition): string {
  return `(${bind(requestedAt)}::timestamptz, ${bind(id)}::uuid)`;
}

/** The position of the last row of a slice; null when fewer rows are left. */
async function selectEdge(
  database: Database,
  source: Source,
  position: CallPosition | null,
  rows: number,
): Promise<CallPosition | null> {
  const values: unknown[] = [rows - 1];
  const where = writeWhere([...source.conditions, ...behind(position)], values);
  const [row] = await database.query(
    `SELECT c.requested_at, c.id FROM ${source.table} ${where}
     ORDER BY c.requested_at DESC, c.id DESC OFFSET $1 LIMIT 1`,
    values,
  );
  return row === undefined
    ? null
    : { requestedAt: (row["requested_at"] as Date).toISOString(), id: row["id"] as string };
}

async function selectSlice(
  database: Database,
  { table }: Source,
  conditions: readonly Condition[],
  most: number,
): Promise<readonly Call[]> {
  const values: unknown[] = [most];
  const where = writeWhere(conditions, values);
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM ${table} ${where} ORDER BY c.requested_at DESC, c.id DESC LIMIT $1`,
    values,
  );
  return rows.map(readCall);
}

function writeWhere(conditions: readonly Condition[], values: unknown[]): string {
  const bind: Bind = (value) => `$${values.push(value)}`;
  return conditions.length === 0 ? "" : `WHERE ${conditions.map((write) => write(bind)).join(" AND ")}`;
}
