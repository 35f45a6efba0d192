import { ACTIVITY_BUCKETS_MAX, type Activity, type ListActivity } from "@keybrake/client/contract";
import { formatUsd } from "@keybrake/core";
import { type SumFilter, selectSummedTo, type TimeRange, writeCallSums } from "../ledger/call-sums.ts";
import type { Database } from "../ledger/database.ts";
import { filterCounts } from "./denials.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { invalidField } from "./problem.ts";
import { selectRange } from "./time-range.ts";

const RANGE_DAYS = 1;
const BUCKET_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
type Bucket = NonNullable<ListActivity["bucket"]>;

/** The operation that counts calls and refusals over time. */
export function mountActivity(api: AdminApi, database: Database): void {
  mount(api, "listActivity", async ({ query }) => {
    const { bucket = "hour", from, to, ...filter } = query;
    const range = await selectRange(database, { from, to }, RANGE_DAYS);
    const instants = listBuckets(range, bucket);
    const found = await selectActivity(database, range, bucket, filter);
    const data = instants.map((at) => found.get(at) ?? emptyAt(at));
    return reply(200, { data, ...range, bucket });
  });
}

function listBuckets({ from, to }: TimeRange, bucket: Bucket): readonly string[] {
  const everyMs = BUCKET_MS[bucket];
  const firstMs = Math.floor(Date.parse(from) / everyMs) * everyMs;
  const count = Math.max(0, Math.ceil((Date.parse(to) - firstMs) / everyMs));
  if (count > ACTIVITY_BUCKETS_MAX) {
    const message = `\`${bucket}\` makes ${count} buckets of this range: at most ${ACTIVITY_BUCKETS_MAX} are given, so ask for longer ones or a shorter range`;
    throw invalidField("bucket", message);
  }
  return Array.from({ length: count }, (_, index) => new Date(firstMs + index * everyMs).toISOString());
}

function emptyAt(at: string): Activity {
  return { at, allowed: 0, denied: 0, unknown: 0, cost_usd: "0.00" };
}

async function selectActivity(
  database: Database,
  range: TimeRange,
  bucket: Bucket,
  filter: SumFilter,
): Promise<ReadonlyMap<string, Activity>> {
  const values: unknown[] = [range.from, range.to, `1 ${bucket}`];
  // A sum of an hour says nothing of its minutes.
  const summedTo = bucket === "minute" ? new Date(0) : await selectSummedTo(database);
  const rows = await database.query(
    `SELECT g.at, sum(g.allowed) AS allowed, sum(g.denied) AS denied, sum(g.unknown) AS unknown,
       sum(g.cost_micros)::bigint AS cost_micros
     FROM (
       SELECT date_bin($3::interval, s.at, 'epoch') AS at, s.allowed, s.denied, s.unknown, s.cost_micros
       FROM ${writeCallSums(range, summedTo, filter, values)} s
       UNION ALL
       SELECT date_bin($3::interval, d.minute, 'epoch'), 0, d.counted::integer, 0, 0 FROM denial_counts d
       WHERE d.minute >= $1 AND d.minute < $2 AND d.counted > 0${filterCounts(filter, values)}
     ) g GROUP BY 1`,
    values,
  );
  return new Map(
    rows.map((row) => {
      const at = (row["at"] as Date).toISOString();
      const count = (name: string) => Number(row[name]);
      const counts = { allowed: count("allowed"), denied: count("denied"), unknown: count("unknown") };
      return [at, { at, ...counts, cost_usd: formatUsd(row["cost_micros"] as bigint) }];
    }),
  );
}
