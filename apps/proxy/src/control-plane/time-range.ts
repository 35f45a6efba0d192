import type { TimeRange } from "../ledger/call-sums.ts";
import type { Database } from "../ledger/database.ts";
import { toInstant } from "./call-store.ts";

const DAY_MS = 86_400_000;

/**
 * The range that is meant, by the database's clock: `to` is now, and `from` is so many days before it, where they are
 * absent. `to` is exclusive, and calls are timed to the millisecond.
 */
export async function selectRange(
  database: Database,
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  days: number,
): Promise<TimeRange> {
  const until = to === undefined ? await selectNow(database) : new Date(toInstant(to));
  const since =
    from === undefined ? new Date(until.getTime() - days * DAY_MS).toISOString() : toInstant(from);
  return { from: since, to: until.toISOString() };
}

async function selectNow(database: Database): Promise<Date> {
  const [row] = await database.query(
    "SELECT date_trunc('milliseconds', now()) + interval '1 millisecond' AS now",
  );
  return row?.["now"] as Date;
}
