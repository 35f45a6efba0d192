import { type ListRuns, PAGE_LIMIT, RUNS_RANGE_DAYS_MAX, type Run } from "@keybrake/client/contract";
import { formatUsd } from "@keybrake/core";
import { z } from "zod";
import { type SumFilter, selectSummedTo, type TimeRange, writeCallSums } from "../ledger/call-sums.ts";
import type { Database, Row } from "../ledger/database.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { invalidField } from "./problem.ts";
import { containing } from "./search-pattern.ts";
import { selectRange } from "./time-range.ts";

const RANGE_DAYS = 1;
const DAY_MS = 86_400_000;

/** Later pages repeat the range of the first, so that a run that goes on does not move between them. */
const position = z.tuple([
  z.literal("runs"),
  z.iso.datetime(),
  z.iso.datetime(),
  z.iso.datetime(),
  z.string().max(200),
]);

/** The operation that lists what runs did. */
export function mountRuns(api: AdminApi, database: Database): void {
  mount(api, "listRuns", async ({ query }) => {
    const { limit = PAGE_LIMIT, cursor, ...asked } = query;
    const found = decodeCursor(position, cursor);
    const range = await selectRange(
      database,
      found === null ? asked : { from: found[1], to: found[2] },
      RANGE_DAYS,
    );
    if (Date.parse(range.to) - Date.parse(range.from) > RUNS_RANGE_DAYS_MAX * DAY_MS)
      throw invalidField("from", `must be at most ${RUNS_RANGE_DAYS_MAX} days before \`to\``);
    const after = found === null ? null : { lastCallAt: found[3], crewRunId: found[4] };
    const runs = await selectRuns(database, range, asked, after, limit + 1);
    const page = toPage(
      runs,
      limit,
      (run) => run,
      (run) => ["runs", range.from, range.to, run.last_call_at, run.crew_run_id],
    );
    return reply(200, { ...page, ...range });
  });
}

async function selectRuns(
  database: Database,
  range: TimeRange,
  { agent_id, q }: Pick<ListRuns, "agent_id" | "q">,
  after: { readonly lastCallAt: string; readonly crewRunId: string } | null,
  most: number,
): Promise<Run[]> {
  const summedTo = await selectSummedTo(database);
  const values: unknown[] = [most];
  const sums = writeCallSums(range, summedTo, { agent_id }, values);
  const isAsked = q === undefined ? "" : ` AND s.crew_run_id ILIKE $${values.push(containing(q))}`;
  const isBehind =
    after === null
      ? ""
      : `HAVING (max(s.last_at), s.crew_run_id) < ($${values.push(after.lastCallAt)}::timestamptz, $${values.push(after.crewRunId)})`;
  const rows = await database.query(
    `SELECT r.*, (SELECT count(*) FROM vault_keys k WHERE k.crew_run_id = r.crew_run_id AND k.status = 'active'
       AND (k.expires_at IS NULL OR k.expires_at > now())) AS active_keys
     FROM (
       SELECT s.crew_run_id, min(s.first_at) AS first_at, max(s.last_at) AS last_at, sum(s.allowed) AS calls,
         sum(s.denied) AS denied, sum(s.cost_micros)::bigint AS cost_micros, sum(s.reserved_micros)::bigint AS reserved_micros
       FROM ${sums} s WHERE s.crew_run_id IS NOT NULL${isAsked}
       GROUP BY 1 ${isBehind} ORDER BY last_at DESC, s.crew_run_id DESC LIMIT $1
     ) r ORDER BY r.last_at DESC, r.crew_run_id DESC`,
    values,
  );
  const agents = await selectAgents(database, range, summedTo, { agent_id }, rows);
  return rows.map((row) => readRun(row, agents.get(row["crew_run_id"] as string) ?? []));
}

/** Who acted in these runs, by name: asked for one page's runs, because to collect it for all takes longer than to sum them up. */
async function selectAgents(
  database: Database,
  range: TimeRange,
  summedTo: Date,
  filter: SumFilter,
  runs: readonly Row[],
): Promise<ReadonlyMap<string, string[]>> {
  const values: unknown[] = [runs.map((row) => row["crew_run_id"])];
  const rows = await database.query(
    `SELECT a.crew_run_id, array_agg(a.agent_id ORDER BY a.agent_id) AS agents FROM (
       SELECT DISTINCT s.crew_run_id, s.agent_id FROM ${writeCallSums(range, summedTo, filter, values)} s
       WHERE s.crew_run_id = ANY ($1::text[]) AND s.agent_id IS NOT NULL) a GROUP BY 1`,
    values,
  );
  return new Map(rows.map((row) => [row["crew_run_id"] as string, row["agents"] as string[]]));
}

function readRun(row: Row, agents: string[]): Run {
  return {
    crew_run_id: row["crew_run_id"] as string,
    first_call_at: (row["first_at"] as Date).toISOString(),
    last_call_at: (row["last_at"] as Date).toISOString(),
    calls: Number(row["calls"]),
    denied: Number(row["denied"]),
    cost_usd: formatUsd(row["cost_micros"] as bigint),
    reserved_usd: formatUsd(row["reserved_micros"] as bigint),
    agents,
    active_keys: Number(row["active_keys"]),
  };
}
