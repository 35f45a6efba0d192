import { type ListSpend, PAGE_LIMIT, type Spend } from "@keybrake/client/contract";
import type { CredentialMode } from "@keybrake/core";
import { z } from "zod";
import { type SumFilter, selectSummedTo, type TimeRange, writeCallSums } from "../ledger/call-sums.ts";
import type { Database } from "../ledger/database.ts";
import { showUsd } from "./call-store.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { filterCounts } from "./denials.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { selectRange } from "./time-range.ts";

const RANGE_DAYS = 30;
/** What names a group, in the sums of calls and in the counts of refusals that have no row. */
const GROUPS: Readonly<Record<ListSpend["group_by"], { readonly call: string; readonly count: string }>> = {
  agent_id: { call: "s.agent_id", count: "d.agent_id" },
  vault_key_id: { call: "s.vault_key_id::text", count: "d.vault_key_id::text" },
  crew_run_id: { call: "s.crew_run_id", count: "d.crew_run_id" },
  vendor: { call: "s.vendor", count: "d.vendor" },
  endpoint: { call: "s.endpoint", count: "NULL::text" },
  day: {
    call: "(s.at AT TIME ZONE 'UTC')::date::text",
    count: "(d.minute AT TIME ZONE 'UTC')::date::text",
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
  const order = groupBy === "day" ? "1, 2" : "cost_usd DESC, 1, 2";
  const values: unknown[] = [range.from, range.to, offset, most];
  const sums = writeCallSums(range, await selectSummedTo(database), filter, values);
  const rows = await database.query(
    `SELECT g.name, g.mode, sum(g.calls) AS calls, sum(g.denied) AS denied, sum(g.reserved_usd) AS reserved_usd,
       sum(g.cost_usd) AS cost_usd
     FROM (
       SELECT ${GROUPS[groupBy].call} AS name, z.mode, sum(s.allowed) AS calls, sum(s.denied) AS denied,
         sum(s.reserved_usd) AS reserved_usd, sum(s.cost_usd) AS cost_usd
       FROM ${sums} s LEFT JOIN vault_keys k ON k.id = s.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
       GROUP BY 1, 2
       UNION ALL
       SELECT ${GROUPS[groupBy].count}, z.mode, 0, sum(d.counted), 0, 0
       FROM denial_counts d LEFT JOIN vault_keys k ON k.id = d.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id
       WHERE d.minute >= $1 AND d.minute < $2 AND d.counted > 0${filterCounts(filter, values)} GROUP BY 1, 2
     ) g GROUP BY 1, 2 ORDER BY ${order} OFFSET $3 LIMIT $4`,
    values,
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
