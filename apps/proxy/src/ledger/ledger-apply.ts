import { v7 as uuidv7 } from "uuid";
import type { Database } from "./database.ts";

/** The one statement that decides: `$1` the replica's epoch, `$2` the operations as JSON text, `$3` the flush's number. */
export const LEDGER_APPLY_SQL = "SELECT ledger_apply($1, $2::jsonb, $3) AS result";

/**
 * Lets a connection plan that statement, on a call that is taken back. Planned by the first call of an agent it takes
 * longer than an agent waits when the machine is busy. What goes wrong here goes wrong there, and is told there.
 */
export async function planLedgerApply(database: Database, epoch: bigint): Promise<void> {
  const op = { i: 1, kind: "reserve", id: uuidv7(), method: "GET", path: "/", hold_micros: "0" };
  await database.query(
    `DO $plan$ BEGIN
       PERFORM ledger_apply(${epoch}, '[${JSON.stringify(op)}]'::jsonb);
       RAISE EXCEPTION 'taken back';
     EXCEPTION WHEN OTHERS THEN NULL; END $plan$`,
  );
}
