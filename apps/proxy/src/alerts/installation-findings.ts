import { showSafely } from "../control-plane/admin-trail.ts";
import type { Database } from "../ledger/database.ts";
import type { Finding } from "./alert-store.ts";

/** A change of the kill switch that is older is no news: nobody looked then. */
const KILL_SWITCH = `
  SELECT kill_switch_engaged AS engaged, kill_switch_reason AS reason,
    format('kill_switch:%s', (extract(epoch FROM kill_switch_changed_at) * 1000000)::bigint) AS dedupe_key
  FROM installation WHERE kill_switch_changed_at > clock_timestamp() - interval '1 hour'`;
const GAPS = "SELECT id, found_by FROM history_gaps WHERE accepted_at IS NULL";

/** The kill switch, when it was engaged or released a moment ago. */
export async function findKillSwitch(database: Database): Promise<readonly Finding[]> {
  const rows = await database.query(KILL_SWITCH);
  return rows.map((row) => {
    const reason =
      row["reason"] === null ? "No reason was given." : `Reason: ${showSafely(String(row["reason"]))}`;
    const isEngaged = row["engaged"] === true;
    return {
      dedupe_key: row["dedupe_key"] as string,
      kind: "kill_switch",
      severity: isEngaged ? "critical" : "warning",
      title: isEngaged ? "The kill switch is engaged" : "The kill switch is released",
      detail: `${isEngaged ? "Every call is refused." : "Calls are decided again."} ${reason}`,
    };
  });
}

/** A loss of history that nobody has accepted yet. */
export async function findLostHistory(database: Database): Promise<readonly Finding[]> {
  const rows = await database.query(GAPS);
  return rows.map((row) => ({
    dedupe_key: `history_lost:${row["id"]}`,
    kind: "history_lost",
    severity: "critical",
    title: "The database has lost history",
    detail: `Replica ${row["found_by"]} remembers calls that the database does not have: nothing goes out until an operator has looked (\`keybrake audit accept-history\`).`,
  }));
}
