import { sumUpCalls } from "./call-sums.ts";
import { type Database, sqlStateOf } from "./database.ts";

const MONTHS_AHEAD = 2;
const EVERY_MS = 3_600_000;
/** Longer than an idempotency key (23 hours) or a duplicate window (24 hours) can matter. */
const REPETITION_DAYS = 2;
const ROWS_MOST = 10_000;
const ROUNDS_MAX = 100;

/** Signs what retention removed, so that the chain can be followed past it. */
export type SignTombstone = (tombstone: Tombstone) => Uint8Array;

/** A month that is to go: its partition, the instant before which no call remains, and the chain heads before it. */
export interface Tombstone {
  readonly partitionName: string;
  readonly callsBefore: Date;
  readonly callsRemoved: bigint;
  readonly heads: Readonly<Record<string, { readonly seq: number; readonly hash: string }>>;
}

/** The bytes of a tombstone that are signed: JSON with its keys in a fixed order. */
export function tombstoneText(tombstone: Tombstone): string {
  const epochs = Object.keys(tombstone.heads).sort((a, b) => Number(a) - Number(b));
  return JSON.stringify([
    tombstone.partitionName,
    tombstone.callsBefore.toISOString(),
    tombstone.callsRemoved.toString(),
    epochs.map((epoch) => [epoch, tombstone.heads[epoch]?.seq, tombstone.heads[epoch]?.hash]),
  ]);
}

/** Creates the partitions that the next months need. Without the present one no call can be decided. */
export async function ensurePartitions(database: Database): Promise<void> {
  await database.query("SELECT ensure_partitions($1)", [MONTHS_AHEAD]);
}

/** Drops months older than the retention, whole and with a signed tombstone; returns the partitions dropped. */
export async function applyRetention(
  database: Database,
  days: number,
  sign: SignTombstone,
): Promise<readonly string[]> {
  const dropped: string[] = [];
  for (const row of await database.query("SELECT * FROM expired_months($1)", [days])) {
    const tombstone: Tombstone = {
      partitionName: row["partition_name"] as string,
      callsBefore: row["calls_before"] as Date,
      callsRemoved: row["calls_removed"] as bigint,
      heads: row["heads"] as Tombstone["heads"],
    };
    try {
      await database.query("SELECT drop_month($1, $2, $3, $4, $5)", [
        tombstone.partitionName,
        tombstone.callsBefore,
        tombstone.callsRemoved.toString(),
        JSON.stringify(tombstone.heads),
        Buffer.from(sign(tombstone)),
      ]);
      dropped.push(tombstone.partitionName);
    } catch (error) {
      // Another replica dropped the same month in the same moment: its tombstone stands.
      if (sqlStateOf(error) !== "23505" && sqlStateOf(error) !== "42P01") throw error;
    }
  }
  await database.query(
    "DELETE FROM exposures WHERE updated_at < now() - $1 * interval '1 day' AND is_final",
    [days],
  );
  return dropped;
}

/** What is removed by age, a bounded number of rows at a time, until nothing is left or it was tried often enough. */
const EXPIRED = [
  `WITH gone AS (DELETE FROM idempotency_keys WHERE key_hash IN (SELECT key_hash FROM idempotency_keys
     WHERE requested_at < now() - $1 * interval '1 day' AND open_call_id IS NULL LIMIT $2) RETURNING 1)
   SELECT count(*)::integer AS gone FROM gone`,
  `WITH gone AS (DELETE FROM duplicate_guards WHERE fingerprint IN (SELECT fingerprint FROM duplicate_guards
     WHERE requested_at < now() - $1 * interval '1 day' LIMIT $2) RETURNING 1)
   SELECT count(*)::integer AS gone FROM gone`,
] as const;

/** Removes idempotency keys and duplicate guards that can no longer matter. */
export async function forgetRepetitions(database: Database): Promise<void> {
  for (const statement of EXPIRED) {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const [row] = await database.query(statement, [REPETITION_DAYS, ROWS_MOST]);
      if (Number(row?.["gone"]) < ROWS_MOST) break;
    }
  }
}

/**
 * Removes alerts older than the retention. Those of a window that may still be open stay: without them, its thresholds
 * would be told again.
 */
export async function forgetAlerts(database: Database, days: number): Promise<void> {
  await database.query(
    `DELETE FROM alerts WHERE raised_at < now() - $1 * interval '1 day' AND (window_start IS NULL
       OR (window_start > DATE '0001-01-01' AND window_start < date_trunc('month', ledger_day()::timestamp)::date))`,
    [days],
  );
}

/**
 * Runs all of it now and every hour; returns how to stop it. A failing step is told and tried again next time. Nobody
 * waits for the sums, which after an update may take minutes.
 */
export async function startMaintenance(
  database: Database,
  retentionDays: number,
  sign: SignTombstone,
  onError: (what: string, error: unknown) => void,
): Promise<() => Promise<void>> {
  await ensurePartitions(database);
  let isStopped = false;
  let summing = Promise.resolve();
  const run = async () => {
    const steps: [string, () => Promise<unknown>][] = [
      ["create partitions", () => ensurePartitions(database)],
      ["apply retention", () => applyRetention(database, retentionDays, sign)],
      ["forget repetitions", () => forgetRepetitions(database)],
      ["forget alerts", () => forgetAlerts(database, retentionDays)],
    ];
    for (const [what, step] of steps) await step().catch((error: unknown) => onError(what, error));
    summing = summing
      .then(() => sumUpCalls(database, () => isStopped))
      .catch((error: unknown) => onError("sum up calls", error));
  };
  await run();
  const timer = setInterval(() => void run(), EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    isStopped = true;
    await summing;
  };
}
