import { ALERT_THRESHOLDS, type AlertSeverity } from "@keybrake/client/contract";
import { formatUsd } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";
import type { Finding } from "./alert-store.ts";

/** Budgets that are looked at in turn, besides those that were used: only a changed limit is found by that alone. */
const IN_TURN = 500;
/** What was decided a moment before the last look may have been committed after it. */
const OVERLAP = "5 seconds";
/** Where a look begins that nobody has made another one before. */
const FIRST_LOOK = "1 minute";

/** The start of the one window of a total. */
const ALWAYS = "0001-01-01";
const SEVERITIES: Readonly<Record<(typeof ALERT_THRESHOLDS)[number], AlertSeverity>> = {
  50: "info",
  80: "warning",
  95: "warning",
  100: "critical",
};

const BEGIN = `
  SELECT to_char((coalesce($2::timestamptz, clock_timestamp() - interval '${FIRST_LOOK}') - interval '${OVERLAP}')
      AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS since,
    clock_timestamp()::text AS now,
    (SELECT max(x.id) FROM (SELECT b.id FROM budgets b WHERE b.id > $1 AND b.deleted_at IS NULL ORDER BY b.id LIMIT ${IN_TURN}) x) AS up_to`;

/** Finds budgets that are used to a threshold. Looks at those that were used since the last look, and at the others in turn. */
export class BudgetFindings {
  readonly #database: Database;
  #lookedAt: string | null = null;
  #after = 0n;

  constructor(database: Database) {
    this.#database = database;
  }

  async find(): Promise<readonly Finding[]> {
    const [begin] = await this.#database.query(BEGIN, [this.#after.toString(), this.#lookedAt]);
    const upTo = (begin?.["up_to"] as bigint | null) ?? this.#after;
    const rows = await this.#database.query("SELECT * FROM reached_thresholds($1, $2, $3, $4::integer[])", [
      begin?.["since"],
      this.#after.toString(),
      upTo.toString(),
      [...ALERT_THRESHOLDS],
    ]);
    this.#lookedAt = begin?.["now"] as string;
    this.#after = upTo === this.#after ? 0n : upTo;
    return describeBudgets(rows);
  }
}

/** Of several thresholds of one window only the last one, the highest, is told. */
function describeBudgets(rows: readonly Row[]): readonly Finding[] {
  const windowOf = (row: Row) => [row["budget_id"], row["window_start"], row["mode"]].join(" ");
  return rows.map((row, index) => {
    const next = rows[index + 1];
    return describe(row, next !== undefined && windowOf(next) === windowOf(row));
  });
}

function describe(row: Row, quiet: boolean): Finding {
  const threshold = row["threshold"] as (typeof ALERT_THRESHOLDS)[number] | null;
  const budget = `${row["time_window"]} ${row["unit"]} budget of ${ownerOf(row)}`;
  const ofTest = row["mode"] === "test" ? " for test credentials" : "";
  const start = row["window_start"] as string;
  const since = start === ALWAYS ? "" : ` since ${start} (UTC)`;
  const stand = `${show(row["unit"], row["used"])} of ${show(row["unit"], row["limit_amount"])} are used${ofTest}${since}, holds of open calls included`;
  return {
    dedupe_key: row["dedupe_key"] as string,
    ...(threshold === null
      ? {
          kind: "overrun",
          severity: "critical",
          title: `The ${budget} is used beyond its limit`,
          detail: `${stand}: a vendor charged more than was held, or the limit was lowered.`,
        }
      : {
          kind: "budget_threshold",
          severity: SEVERITIES[threshold],
          title: `${threshold} % of the ${budget} are used`,
          detail: `${stand}.`,
        }),
    budget_id: String(row["budget_id"]),
    window_start: start,
    mode: row["mode"] as "live" | "test",
    threshold,
    agent_id: row["agent_id"] as string | null,
    crew_run_id: row["crew_run_id"] as string | null,
    vault_key_id: row["vault_key_id"] as string | null,
    quiet,
  };
}

function ownerOf(row: Row): string {
  const value = row["value"] as string;
  switch (row["scope"]) {
    case "agent_id":
      return `agent ${value}`;
    case "crew_run_id":
      return `run ${value}`;
    case "secret":
      return `secret ${value}`;
    case "vault_key":
      return `vault key ${value}`;
    default:
      return "the installation";
  }
}

function show(unit: unknown, amount: unknown): string {
  return unit === "usd" ? `$${formatUsd(amount as bigint)}` : `${amount} ${unit}`;
}
