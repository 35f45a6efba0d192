import { type ListSpend, PAGE_LIMIT, type Spend } from "@keybrake/client/contract";
import type { CredentialMode } from "@keybrake/core";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import { showUsd, toInstant } from "./call-store.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const RANGE_DAYS = 30;
/** What names a group, in the rows of calls and in the counts of refusals that have no row. */
const GROUPS: Readonly<Record<ListSpend["group_by"], { readonly call: string; readonly count: string }>> = {
  agent_id: { call: "c.agent_id", count: "d.agent_id" },
  vault_key_id: { call: "c.vault_key_id::text", count: "d.vault_key_id::text" },
  crew_run_id: { call: "c.crew_run_id", count: "d.crew_run_id" },
  vendor: { call: "c.vendor", count: "d.vendor" },
  endpoint: { call: "c.endpoint", count: "NULL::text" },
  day: {
    call: "to_char(c.requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    count: "to_char(d.minute AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
  },
};

/** Later pages repeat the range of the first, or a day would slip in between. */
const position = z.tuple([z.literal("spend"), z.iso.datetime(), z.iso.datetime(), z.int().min(1)]);

interface Range {
  readonly from: string;
  readonly to: string;
}

/** Sums of the audit log. `longDatabase` serves them, because they may read all of it. */
export function mountSpend(api: AdminApi, longDatabase: Database): void {
  mount(api, "listSpend", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, from, to, offset] = decodeCursor(position, query.cursor) ?? [null, query.from, query.to, 0];
    const range = await selectRange(longDatabase, from, to);
    const groups = await selectSpend(longDatabase, query.group_by, range, offset, limit + 1);
    const isLast = groups.length <= limit;
    const next = isLast ? null : encodeCursor(["spend", range.from, range.to, offset + limit]);
    return reply(200, { data: groups.slice(0, limit), next_cursor: next, ...range });
  });
}

/** The range that is meant, by the database's clock. `to` is exclusive, and calls are timed to the millisecond. */
async function selectRange(database: Database, from?: string, to?: string): Promise<Range> {
  const [row] = await database.query(
    `SELECT coalesce($1::timestamptz, r.until - $3 * interval '1 day') AS since, r.until
     FROM (SELECT coalesce($2::timestamptz, now() + interval '1 millisecond') AS until) r`,
    [from === undefined ? null : toInstant(from), to === undefined ? null : toInstant(to), RANGE_DAYS],
  );
  if (row === undefined) throw new TypeError("the database returned no range");
  return { from: (row["since"] as Date).toISOString(), to: (row["until"] as Date).toISOString() };
}

async function selectSpend(
  database: Database,
  groupBy: ListSpend["group_by"],
  range: Range,
  offset: number,
  most: number,
): Promise<Spend[]> {
  const order = groupBy === "day" ? "1, 2" : "cost_usd DESC, 1, 2";
  const rows = await database.query(
    `SELECT s.name, s.mode, sum(s.calls) AS calls, sum(s.denied) AS denied, sum(s.reserved_usd) AS reserved_usd,
       sum(s.cost_usd) AS cost_usd
     FROM (
       SELECT ${GROUPS[groupBy].call} AS name, z.mode, count(*) FILTER (WHERE c.verdict = 'allow') AS calls,
         count(*) FILTER (WHERE c.verdict = 'deny') AS denied,
         coalesce(sum(c.reserved_usd) FILTER (WHERE c.state IN ('reserved', 'unknown')), 0) AS reserved_usd,
         coalesce(sum(c.cost_usd), 0) AS cost_usd
       FROM calls c LEFT JOIN vault_keys k ON k.id = c.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
       WHERE c.requested_at >= $1 AND c.requested_at < $2 GROUP BY 1, 2
       UNION ALL
       SELECT ${GROUPS[groupBy].count}, z.mode, 0, sum(d.counted), 0, 0
       FROM denial_counts d LEFT JOIN vault_keys k ON k.id = d.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
       WHERE d.minute >= $1 AND d.minute < $2 AND d.counted > 0 GROUP BY 1, 2
     ) s GROUP BY 1, 2 ORDER BY ${order} OFFSET $3 LIMIT $4`,
    [range.from, range.to, offset, most],
  );
  return rows.map((row) => ({
    group: row["name"] as string | null,
    mode: row["mode"] as CredentialMode | null,
    calls: Number(row["calls"]),
    denied: Number(row["denied"]),
    reserved_usd: showUsd(row["reserved_usd"]),
    cost_usd: showUsd(row["cost_usd"]),
  }));
}
