import { v7 as uuidv7 } from "uuid";
import type { Database } from "./database.ts";

/**
 * The one statement that decides: `$1` the replica's epoch, `$2` the operations as JSON text, `$3` the flush's number, and
 * `$4` to `$6` the links that must be there: epochs, numbers and hashes.
 */
export const LEDGER_APPLY_SQL =
  "SELECT result, seq, hash FROM ledger_flush($1, $2::jsonb, $3, $4::bigint[], $5::bigint[], $6::bytea[])";

/**
 * Lets a connection plan that statement, on a call that is taken back. Planned by the first call of an agent it takes
 * longer than an agent waits when the machine is busy. What goes wrong here goes wrong there, and is told there.
 */
export async function planLedgerApply(database: Database, epoch: bigint): Promise<void> {
  const op = { i: 1, kind: "reserve", id: uuidv7(), method: "GET", path: "/", hold_micros: "0" };
  await database.query(
    `DO $plan$ BEGIN
       PERFORM ledger_flush(${epoch}, '[${JSON.stringify(op)}]'::jsonb, NULL, '{}', '{}', '{}');
       RAISE EXCEPTION 'taken back';
     EXCEPTION WHEN OTHERS THEN NULL; END $plan$`,
  );
}
