import { type DenialCount, type ListDenials, PAGE_LIMIT } from "@keybrake/client/contract";
import { z } from "zod";
import type { SumFilter } from "../ledger/call-sums.ts";
import type { Database, Row } from "../ledger/database.ts";
import { toInstant } from "./call-store.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const position = z.tuple([z.literal("denials"), z.iso.datetime(), z.uuid()]);
const EQUAL = ["agent_id", "vault_key_id", "vendor", "code"] as const;
const COLUMNS =
  "d.id, d.minute, d.vault_key_id, d.agent_id, d.crew_run_id, d.vendor, d.code, d.recorded, d.counted, d.last_at, d.replica";

/** The counts of refusals: what a flood left behind beyond its first rows. */
export function mountDenials(api: AdminApi, database: Database): void {
  mount(api, "listDenials", async ({ query }) => {
    const { cursor, limit = PAGE_LIMIT, ...filter } = query;
    const found = decodeCursor(position, cursor);
    const after = found === null ? null : { minute: found[1], id: found[2] };
    const counts = await selectDenials(database, filter, after, limit + 1);
    return reply(
      200,
      toPage(
        counts,
        limit,
        (count) => count,
        ({ minute, id }) => ["denials", minute, id],
      ),
    );
  });
}

/** Writes the conditions by which sums of calls are filtered, for counts of refusals. `values` takes the parameters. */
export function filterCounts(filter: SumFilter, values: unknown[]): string {
  return (["agent_id", "crew_run_id", "vault_key_id", "vendor"] as const)
    .flatMap((name) => (filter[name] === undefined ? [] : [` AND d.${name} = $${values.push(filter[name])}`]))
    .join("");
}

async function selectDenials(
  database: Database,
  filter: Omit<ListDenials, "cursor" | "limit">,
  after: { readonly minute: string; readonly id: string } | null,
  most: number,
): Promise<readonly DenialCount[]> {
  const values: unknown[] = [most];
  const conditions: string[] = [];
  for (const name of EQUAL) {
    if (filter[name] !== undefined) conditions.push(`d.${name} = $${values.push(filter[name])}`);
  }
  if (filter.from !== undefined) conditions.push(`d.minute >= $${values.push(toInstant(filter.from))}`);
  if (filter.to !== undefined) conditions.push(`d.minute < $${values.push(toInstant(filter.to))}`);
  if (after !== null) {
    const minute = `$${values.push(after.minute)}::timestamptz`;
    conditions.push(`(d.minute, d.id) < (${minute}, $${values.push(after.id)}::uuid)`);
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const rows = await database.query(
    `SELECT ${COLUMNS} FROM denial_counts d ${where} ORDER BY d.minute DESC, d.id DESC LIMIT $1`,
    values,
  );
  return rows.map(readCount);
}

function readCount(row: Row): DenialCount {
  const instant = (name: string) => (row[name] as Date).toISOString();
  return {
    ...(row as unknown as DenialCount),
    minute: instant("minute"),
    last_at: instant("last_at"),
    recorded: Number(row["recorded"]),
    counted: Number(row["counted"]),
  };
}
