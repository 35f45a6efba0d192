import { showUsd } from "../control-plane/call-store.ts";
import type { Database, Row } from "../ledger/database.ts";
import type { Finding } from "./alert-store.ts";

/** Fewer refusals in five minutes are an agent that tries something, not one that has gone wrong. */
const DENIALS_LEAST = 20;
/** A key that is refused all the time, as one that polls past its cap, is no news. */
const DENIALS_FACTOR = 5;

/** Keys that are suddenly refused often. */
export async function findDenialSpikes(database: Database): Promise<readonly Finding[]> {
  const rows = await database.query("SELECT * FROM denial_spikes($1, $2)", [DENIALS_LEAST, DENIALS_FACTOR]);
  return rows.map((row) => {
    const agent = row["agent_id"] as string | null;
    const who = row["vault_key_id"] === null ? "requests without a valid vault key" : `agent ${agent}`;
    return {
      ...subjectOf(row),
      kind: "denials_spike",
      severity: "warning",
      title: `Many calls are refused: ${who}`,
      detail: `${row["recent"]} calls were refused in the last five minutes, most often with \`${row["code"]}\`; in the hour before it were ${row["before"]}.`,
      count: Number(row["recent"]),
    };
  });
}

/** Calls whose outcome nobody knows, by key and hour. What is found again with more of them counts on. */
export async function findUnknownCalls(database: Database): Promise<readonly Finding[]> {
  const rows = await database.query("SELECT * FROM unknown_calls()");
  return rows.map((row) => {
    const hour = (row["hour"] as Date).toISOString().slice(0, 16);
    return {
      ...subjectOf(row),
      kind: "unknown_calls",
      severity: "warning",
      title: `The outcome of calls is unknown: agent ${row["agent_id"]}`,
      detail: `${row["calls"]} call(s) of the hour from ${hour}Z may have taken effect or not; $${showUsd(row["held"])} stay held for them until that is known.`,
      call_id: row["first_call"] as string,
      count: Number(row["calls"]),
    };
  });
}

/** Keys that were suspended because a call cost more than was held for it. */
export async function findSuspendedKeys(database: Database): Promise<readonly Finding[]> {
  const rows = await database.query("SELECT * FROM suspended_keys()");
  return rows.map((row) => {
    const overrun = row["overrun"] === null ? "" : ` It was $${showUsd(row["overrun"])} more.`;
    return {
      ...subjectOf(row),
      kind: "key_suspended",
      severity: "critical",
      title: `A vault key is suspended: agent ${row["agent_id"]}`,
      detail: `The key does nothing more until its policy is set again: ${row["reason"] ?? "no reason was given"}.${overrun}`,
      call_id: row["call_id"] as string | null,
    };
  });
}

function subjectOf(row: Row) {
  return {
    dedupe_key: row["dedupe_key"] as string,
    agent_id: row["agent_id"] as string | null,
    crew_run_id: row["crew_run_id"] as string | null,
    vault_key_id: row["vault_key_id"] as string | null,
  };
}
