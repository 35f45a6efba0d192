/** The one statement that decides: `$1` the replica's epoch, `$2` the operations as JSON text, `$3` the flush's number. */
export const LEDGER_APPLY_SQL = "SELECT ledger_apply($1, $2::jsonb, $3) AS result";
