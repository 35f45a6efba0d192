import type { Database } from "./database.ts";

const HOUR_MS = 3_600_000;
/** A year of hours; the rest is done the next time. */
const HOURS_MOST = 10_000;

/** A time range of calls: `from` ≤ call < `to`. */
export interface TimeRange {
  readonly from: string;
  readonly to: string;
}

/** Which calls are summed up. */
export interface SumFilter {
  readonly agent_id?: string | undefined;
  readonly crew_run_id?: string | undefined;
  readonly vault_key_id?: string | undefined;
  readonly vendor?: string | undefined;
}

/** Sums up the hours that are over, one short transaction each. Stops early when `isStopped` says so. */
export async function sumUpCalls(database: Database, isStopped: () => boolean): Promise<void> {
  for (let hours = 0; hours < HOURS_MOST; hours++) {
    if (isStopped()) return;
    const [row] = await database.query("SELECT sum_next_hour() AS has_more");
    if (row?.["has_more"] !== true) break;
  }
  await database.query("SELECT sum_late_calls()");
}

/** Up to which instant calls are summed up by the hour; later ones are read one by one. */
export async function selectSummedTo(database: Database): Promise<Date> {
  const [row] = await database.query(
    "SELECT greatest(least(summed_to, summable_to()), timestamptz 'epoch') AS summed_to FROM call_sums",
  );
  return row?.["summed_to"] as Date;
}

const FILTERED = ["agent_id", "crew_run_id", "vault_key_id", "vendor"] as const;
const COUNTS = `(c.verdict = 'allow')::integer AS allowed, (c.verdict = 'deny')::integer AS denied,
  (c.state = 'unknown')::integer AS unknown,
  CASE WHEN c.state IN ('reserved', 'unknown') THEN micros(c.reserved_usd) ELSE 0 END AS reserved_micros,
  micros(c.cost_usd) AS cost_micros, c.requested_at AS first_at, c.requested_at AS last_at`;
const CALL = `c.requested_at AS at, c.vault_key_id, c.agent_id, c.crew_run_id, c.vendor, c.endpoint, z.mode, ${COUNTS}`;
const UNSUMMED = "u.requested_at, u.vault_key_id, u.agent_id, u.crew_run_id, u.vendor, u.endpoint, u.mode";
const MODE = "LEFT JOIN vault_keys k ON k.id = c.vault_key_id LEFT JOIN secrets z ON z.id = k.secret_id";

/**
 * Writes a subquery of everything in a range, of which each call is part once: `at` (the hour, or the call's instant),
 * `vault_key_id`, `agent_id`, `crew_run_id`, `vendor`, `endpoint`, `mode`, `allowed`, `denied`, `unknown`,
 * `reserved_micros`, `cost_micros`, `first_at` and `last_at`. Whole hours that are summed up come as sums, except for
 * their calls without a final outcome; everything else comes call by call. `values` takes the parameters.
 */
export function writeCallSums(
  { from, to }: TimeRange,
  summedTo: Date,
  filter: SumFilter,
  values: unknown[],
): string {
  const bind = (value: unknown) => `$${values.push(value)}`;
  const filters = FILTERED.flatMap((name) =>
    filter[name] === undefined ? [] : [[name, bind(filter[name])] as const],
  );
  const filterOf = (table: string) =>
    filters.map(([name, parameter]) => ` AND ${table}.${name} = ${parameter}`).join("");
  const since = new Date(Math.ceil(Date.parse(from) / HOUR_MS) * HOUR_MS);
  const until = new Date(Math.min(summedTo.getTime(), Math.floor(Date.parse(to) / HOUR_MS) * HOUR_MS));
  const calls = (first: string, last: string) =>
    `SELECT ${CALL} FROM calls c ${MODE}
     WHERE c.requested_at >= ${bind(first)}::timestamptz AND c.requested_at < ${bind(last)}::timestamptz${filterOf("c")}`;
  if (since >= until) return `(${calls(from, to)})`;
  const [first, last] = [since.toISOString(), until.toISOString()];
  const [sinceHour, untilHour] = [`${bind(first)}::timestamptz`, `${bind(last)}::timestamptz`];
  return `(
    SELECT h.hour AS at, h.vault_key_id, h.agent_id, h.crew_run_id, h.vendor, h.endpoint, h.mode, h.allowed, h.denied,
      0 AS unknown, 0::bigint AS reserved_micros, h.cost_micros, h.first_at, h.last_at
    FROM call_hours h WHERE h.hour >= ${sinceHour} AND h.hour < ${untilHour}${filterOf("h")}
    UNION ALL
    SELECT ${UNSUMMED}, 1, 0, (r.state = 'unknown')::integer, r.hold_micros, 0, u.requested_at, u.requested_at
    FROM unsummed_calls u JOIN reservations r ON r.call_id = u.call_id
    WHERE u.requested_at >= ${sinceHour} AND u.requested_at < ${untilHour}${filterOf("u")}
    UNION ALL
    SELECT ${UNSUMMED}, ${COUNTS}
    FROM unsummed_calls u JOIN calls c ON c.id = u.call_id AND c.requested_at = u.requested_at
    WHERE u.requested_at >= ${sinceHour} AND u.requested_at < ${untilHour}${filterOf("u")}
      AND NOT EXISTS (SELECT 1 FROM reservations r WHERE r.call_id = u.call_id)
    UNION ALL ${calls(from, first)}
    UNION ALL ${calls(last, to)})`;
}
