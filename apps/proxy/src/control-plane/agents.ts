import { type Agent, PAGE_LIMIT } from "@keybrake/client/contract";
import { formatUsd } from "@keybrake/core";
import { z } from "zod";
import { selectSummedTo, writeCallSums } from "../ledger/call-sums.ts";
import type { Database } from "../ledger/database.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { containing } from "./search-pattern.ts";
import { selectRange } from "./time-range.ts";

const position = z.tuple([z.literal("agents"), z.string().max(200)]);

type Known = Pick<Agent, "agent_id" | "keys" | "active_keys" | "last_call_at">;

/** The operation that lists the agents for which there are vault keys. */
export function mountAgents(api: AdminApi, database: Database): void {
  mount(api, "listAgents", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, after] = decodeCursor(position, query.cursor) ?? [null, ""];
    const known = await selectAgents(database, query.q, after, limit + 1);
    const spent = await selectSpentToday(
      database,
      known.slice(0, limit).map(({ agent_id }) => agent_id),
    );
    const page = toPage(
      known,
      limit,
      (agent): Agent => ({
        ...agent,
        spent_today_usd: formatUsd(spent.get(`live ${agent.agent_id}`) ?? 0n),
        test_spent_today_usd: formatUsd(spent.get(`test ${agent.agent_id}`) ?? 0n),
      }),
      ({ agent_id }) => ["agents", agent_id],
    );
    return reply(200, page);
  });
}

async function selectAgents(
  database: Database,
  q: string | undefined,
  after: string,
  most: number,
): Promise<readonly Known[]> {
  const values: unknown[] = [after, most];
  const isAsked = q === undefined ? "" : ` AND k.agent_id ILIKE $${values.push(containing(q))}`;
  const rows = await database.query(
    `SELECT a.*, l.requested_at AS last_call_at FROM (
       SELECT k.agent_id, count(*) AS keys,
         count(*) FILTER (WHERE k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > now())) AS active_keys
       FROM vault_keys k WHERE k.agent_id > $1${isAsked} GROUP BY k.agent_id ORDER BY k.agent_id LIMIT $2
     ) a LEFT JOIN LATERAL (
       SELECT c.requested_at FROM calls c WHERE c.agent_id = a.agent_id ORDER BY c.requested_at DESC LIMIT 1
     ) l ON true ORDER BY a.agent_id`,
    values,
  );
  return rows.map((row) => ({
    agent_id: row["agent_id"] as string,
    keys: Number(row["keys"]),
    active_keys: Number(row["active_keys"]),
    last_call_at: (row["last_call_at"] as Date | null)?.toISOString() ?? null,
  }));
}

/** What these agents spent since midnight, UTC, by the mode of their credential and their name. */
async function selectSpentToday(
  database: Database,
  agentIds: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const { to } = await selectRange(database, {}, 1);
  const range = { from: `${to.slice(0, 10)}T00:00:00.000Z`, to };
  const values: unknown[] = [agentIds];
  const sums = writeCallSums(range, await selectSummedTo(database), {}, values);
  const rows = await database.query(
    `SELECT s.agent_id, s.mode, sum(s.cost_micros)::bigint AS cost_micros
     FROM ${sums} s WHERE s.agent_id = ANY ($1::text[]) GROUP BY 1, 2`,
    values,
  );
  return new Map(rows.map((row) => [`${row["mode"]} ${row["agent_id"]}`, row["cost_micros"] as bigint]));
}
