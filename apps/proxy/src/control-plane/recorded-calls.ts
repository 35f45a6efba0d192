import {
  type BudgetWindow,
  type CredentialMode,
  type OpeningUse,
  type Policy,
  type RecordedCall,
  windowStart,
} from "@keybrake/core";
import { JUDGING_PURPOSE } from "../data-plane/price.ts";
import type { Database, Row } from "../ledger/database.ts";

/** Whose calls at which vendor, in which time: `from` ≤ call < `to`. */
export interface RecordedRange {
  readonly column: "vault_key_id" | "agent_id" | "crew_run_id";
  readonly value: string;
  readonly vendor: string;
  readonly from: Date;
  readonly to: Date;
}

const ROWS_PER_QUERY = 2_000;

/** An agent's reads that Keybrake makes to judge a call are no calls of its own. */
const rangeOf = (column: RecordedRange["column"]) => `
  c.${column} = $1 AND c.vendor = $2 AND c.requested_at < $3 AND c.outcome_reason IS DISTINCT FROM '${JUDGING_PURPOSE}'`;

const selectOf = (column: RecordedRange["column"]) => `
  SELECT c.id, c.requested_at, c.completed_at, c.state, c.denial_code, c.denial_reason, c.vault_key_id, c.agent_id, c.method, c.path,
    c.endpoint, c.amount, c.currency, c.customer_id, c.status_code, c.replay_of, coalesce(s.mode, 'live') AS mode,
    micros(c.reserved_usd) AS held, micros(c.cost_usd) + coalesce(g.micros, 0)::bigint AS cost, g.credits,
    c.denial_reason ~ ' budget of this ' AND c.denial_reason !~ ' budget of this vault_key is used up$' AS is_elsewhere
  FROM calls c LEFT JOIN vault_keys k ON k.id = c.vault_key_id LEFT JOIN secrets s ON s.id = k.secret_id
  LEFT JOIN LATERAL (
    SELECT sum(x.micros) AS micros, jsonb_agg(jsonb_build_object('day', x.day, 'micros', x.micros::text)) AS credits
    FROM credits x WHERE x.call_id = c.id) g ON true
  WHERE ${rangeOf(column)} AND c.requested_at >= $4 AND (c.requested_at, c.id) > ($4, $5::uuid)
  ORDER BY c.requested_at, c.id LIMIT ${ROWS_PER_QUERY}`;

/** Reads recorded calls in the order of their times, a batch at a time, so that memory does not grow with their number. */
export async function* readRecordedCalls(
  database: Database,
  range: RecordedRange,
): AsyncGenerator<readonly RecordedCall[], void, undefined> {
  const select = selectOf(range.column);
  let after = { at: range.from, id: "00000000-0000-0000-0000-000000000000" };
  while (true) {
    const rows = await database.query(select, [range.value, range.vendor, range.to, after.at, after.id]);
    if (rows.length > 0) yield rows.map(readCall);
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_PER_QUERY) return;
    after = { at: last["requested_at"] as Date, id: last["id"] as string };
  }
}

/** What the windows of a policy's caps had used when the range began: as a cap that is set now would count it. */
export async function readOpeningUse(
  database: Database,
  range: RecordedRange,
  policy: Policy,
): Promise<readonly OpeningUse[]> {
  const windows = [...new Set(policy.budgets.map(({ window }) => window))];
  const opening: OpeningUse[] = [];
  for (const window of windows) {
    const start = windowStart(window, range.from);
    const rows = await database.query(sumOf(range.column), [
      range.value,
      range.vendor,
      range.from,
      start.getUTCFullYear() < 1 ? "-infinity" : start.toISOString(),
    ]);
    opening.push(...rows.flatMap((row) => readUse(row, window)));
  }
  return opening;
}

const sumOf = (column: RecordedRange["column"]) => `
  SELECT coalesce(s.mode, 'live') AS mode,
    micros(sum(CASE WHEN c.state IN ('reserved', 'unknown') THEN c.reserved_usd ELSE c.cost_usd END)) AS usd,
    count(*) FILTER (WHERE c.method NOT IN ('GET', 'HEAD') AND c.replay_of IS NULL
      AND NOT (c.state = 'released' AND c.status_code IS NULL)) AS calls
  FROM calls c LEFT JOIN vault_keys k ON k.id = c.vault_key_id LEFT JOIN secrets s ON s.id = k.secret_id
  WHERE ${rangeOf(column)} AND c.requested_at >= $4::timestamptz AND c.verdict = 'allow' GROUP BY 1`;

function readUse(row: Row, window: BudgetWindow): OpeningUse[] {
  const mode = row["mode"] as CredentialMode;
  const usd = row["usd"] as bigint;
  return [
    { window, unit: "usd", mode, used: usd < 0n ? 0n : usd },
    { window, unit: "calls", mode, used: row["calls"] as bigint },
  ];
}

function readCall(row: Row): RecordedCall {
  const credits = (row["credits"] ?? []) as readonly { day: string; micros: string }[];
  return {
    id: row["id"] as string,
    requestedAt: row["requested_at"] as Date,
    completedAt: row["completed_at"] as Date | null,
    state: row["state"] as RecordedCall["state"],
    denialCode: row["denial_code"] as string | null,
    denialReason: row["denial_reason"] as string | null,
    isDeniedElsewhere: row["is_elsewhere"] === true,
    vaultKeyId: row["vault_key_id"] as string | null,
    agentId: row["agent_id"] as string | null,
    method: row["method"] as string,
    path: row["path"] as string,
    endpoint: row["endpoint"] as string | null,
    mode: row["mode"] as CredentialMode,
    amount: row["amount"] as bigint | null,
    currency: row["currency"] as string | null,
    customerId: row["customer_id"] as string | null,
    heldMicros: row["held"] as bigint,
    costMicros: row["cost"] as bigint,
    credits: credits.map(({ day, micros }) => ({
      day: new Date(`${day}T00:00:00Z`),
      micros: BigInt(micros),
    })),
    statusCode: row["status_code"] as number | null,
    isReplay: row["replay_of"] !== null,
  };
}
