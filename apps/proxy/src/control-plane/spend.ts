import { type ListSpend, PAGE_LIMIT, type Spend } from "@keybrake/client/contract";
import { type CredentialMode, formatUsd } from "@keybrake/core";
import { z } from "zod";
import { type SumFilter, selectSummedTo, type TimeRange, writeCallSums } from "../ledger/call-sums.ts";
import type { Database } from "../ledger/database.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { filterCounts } from "./denials.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { selectRange } from "./time-range.ts";

const RANGE_DAYS = 30;
/** What names a group, in the sums of calls and in the counts of refusals that have no row, and how it is shown. */
const GROUPS: Readonly<Record<ListSpend["group_by"], Readonly<Record<"call" | "count" | "show", string>>>> = {
  agent_id: { call: "s.agent_id", count: "d.agent_id", show: "g.name" },
  vault_key_id: { call: "s.vault_key_id", count: "d.vault_key_id", show: "g.name::text" },
  crew_run_id: { call: "s.crew_run_id", count: "d.crew_run_id", show: "g.name" },
  vendor: { call: "s.vendor", count: "d.vendor", show: "g.name" },
  endpoint: { call: "s.endpoint", count: "NULL::text", show: "g.name" },
  day: {
    call: "date_bin('1 day', s.at, 'epoch')",
    count: "date_bin('1 day', d.minute, 'epoch')",
    show: "to_char(g.name AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
  },
};

/** Later pages repeat the range of the first, or a day would slip in between. */
const position = z.tuple([z.literal("spend"), z.iso.datetime(), z.iso.datetime(), z.int().min(1)]);

/** Sums of the audit log. `longDatabase` serves them, because they may read all of it. */
export function mountSpend(api: AdminApi, longDatabase: Database): void {
  mount(api, "listSpend", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, from, to, offset] = decodeCursor(position, query.cursor) ?? [null, query.from, query.to, 0];
    const range = await selectRange(longDatabase, { from, to }, RANGE_DAYS);
    const groups = await selectSpend(longDatabase, query, range, offset, limit + 1);
    const isLast = groups.length <= limit;
    const next = isLast ? null : encodeCursor(["spend", range.from, range.to, offset + limit]);
    return reply(200, { data: groups.slice(0, limit), next_cursor: next, ...range });
  });
}

async function selectSpend(
  database: Database,
  { group_by: groupBy, ...filter }: Pick<ListSpend, "group_by"> & SumFilter,
  range: TimeRange,
  offset: number,
  most: number,
): Promise<Spend[]> {
  const { call, count, show } = GROUPS[groupBy];
  const order = groupBy === "day" ? "1, 2" : "cost_micros DESC, 1, 2";
  const values: unknown[] = [range.from, range.to, offset, most];
  const sums = writeCallSums(range, await selectSummedTo(database), filter, values);
  const rows = await database.query(
    `SELECT ${show} AS name, g.mode, sum(g.allowed) AS calls, sum(g.denied) AS denied,
       sum(g.reserved_micros)::bigint AS reserved_micros, sum(g.cost_micros)::bigint AS cost_micros
     FROM (
       SELECT ${call} AS name, s.mode, s.allowed, s.denied, s.reserved_micros, s.cost_micros FROM ${sums} s
       UNION ALL
       SELECT ${count}, z.mode, 0, d.counted::integer, 0, 0
       FROM denial_counts d LEFT JOIN vault_keys k ON k.id = d.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
       WHERE d.minute >= $1 AND d.minute < $2 AND d.counted > 0${filterCounts(filter, values)}
     ) g GROUP BY g.name, g.mode ORDER BY ${order} OFFSET $3 LIMIT $4`,
    values,
  );
  return rows.map((row) => ({
    group: row["name"] as string | null,
    mode: row["mode"] as CredentialMode | null,
    calls: Number(row["calls"]),
    denied: Number(row["denied"]),
    reserved_usd: formatUsd(row["reserved_micros"] as bigint),
    cost_usd: formatUsd(row["cost_micros"] as bigint),
  }));
}
