import { SQL_ROWS_MAX, type SqlResult } from "@keybrake/client/contract";
import { type Database, type Row, sqlStateOf } from "../ledger/database.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";
import { findPlanProblem, readPlan, readQuery } from "./sql-guard.ts";

const QUERIES_MAX = 2;
/** Past it the answer would weigh on the proxy itself. */
const RESULT_BYTES_MAX = 16 * 1_024 * 1_024;
/**
 * The embedded database has one connection, no timeouts and no way to interrupt a query: a long one would hold up every
 * call. So the planner's estimate must be below this, which is about a second of reading.
 */
const EMBEDDED_COST_MAX = 200_000;
const ROW_COLUMN = "keybrake_row";
const BYTES_COLUMN = "keybrake_bytes";
const TOO_LARGE = "keybrake_result_too_large";

/**
 * The operation behind `keybrake sql`: one read-only query over the audit log and the ledger.
 *
 * Four rules, each sound by itself for its part:
 * - the text is one balanced query that calls only known, harmless functions (`readQuery`), so nothing of it runs but a
 *   computation, and it cannot leave the subquery that it becomes;
 * - the planner names every relation that it would read, and each must be on a list (`findPlanProblem`); this also
 *   refuses row locks. INSERT, UPDATE and DELETE cannot stand in a subquery at all;
 * - `secrets`, `vault_keys` and `admin_tokens` are shadowed by common table expressions without `envelope`, `key_hash`
 *   and `token_hash`; the tables behind them are only readable under an alias that a query cannot write;
 * - the transaction is turned read-only before the first row is read, in case a function should slip through.
 * On PostgreSQL the statement timeout of `database` bounds its time, on PGlite the planner's estimate.
 */
export function mountSql(api: AdminApi, database: Database): void {
  let running = 0;
  mount(api, "runSql", async ({ body }) => {
    if (running >= QUERIES_MAX) {
      const detail = `${QUERIES_MAX} queries are running: wait for one to end`;
      throw new ProblemError("overloaded", { detail, retryAfterSeconds: 1 });
    }
    running++;
    try {
      return reply(200, await runQuery(database, body.query));
    } finally {
      running--;
    }
  });
}

async function runQuery(database: Database, text: string): Promise<SqlResult> {
  const read = readQuery(text, database.kind);
  if (typeof read === "string") throw refused(read);
  const statement = wrap(read.query);
  const values = [SQL_ROWS_MAX + 1, RESULT_BYTES_MAX];
  const [explained] = await ask(database, `EXPLAIN (FORMAT JSON, VERBOSE) ${statement}`, values);
  const plan = readPlan(explained?.["QUERY PLAN"]);
  const problem = findPlanProblem(plan, await selectSchema(database));
  if (problem !== null) throw refused(problem);
  if (database.kind === "pglite" && plan.cost > EMBEDDED_COST_MAX) {
    const cost = Math.round(plan.cost);
    throw refused(`it would read too much for the embedded database (cost ${cost}): add a filter or a LIMIT`);
  }
  return toResult(await ask(database, statement, values));
}

/**
 * Puts a checked query into a statement that can only read. The newline ends a comment at the query's end. The outer join
 * reads its left side, and so turns the transaction read-only, before its right side, and gives the columns' names
 * even when there is no row. The parameters also make drivers use the protocol that knows one statement only.
 */
function wrap(query: string): string {
  return `
    WITH keybrake_transaction AS MATERIALIZED (SELECT set_config('transaction_read_only', 'on', true))
    SELECT r.${ROW_COLUMN} IS NOT NULL AS found, (SELECT row_to_json(x)::text FROM (SELECT r.*) AS x) AS data
    FROM keybrake_transaction LEFT JOIN (
      SELECT true AS ${ROW_COLUMN}, l.*, sum(octet_length(l::text)) OVER (ROWS UNBOUNDED PRECEDING) AS ${BYTES_COLUMN}
      FROM (
        WITH secrets AS (
          SELECT id, name, vendor, account_id, version, created_at, rotated_at, deleted_at,
            requests_per_second FROM secrets AS keybrake_secrets
        ), vault_keys AS (
          SELECT id, parent_id, redacted, name, agent_id, crew_run_id, secret_id, vendor, policy, policy_version, status, status_reason,
            created_at, expires_at, revoked_at FROM vault_keys AS keybrake_vault_keys
        ), admin_tokens AS (
          SELECT id, name, role, created_at, expires_at, revoked_at FROM admin_tokens AS keybrake_admin_tokens
        )
        SELECT * FROM (
${query}
        ) AS q LIMIT $1
      ) AS l
    ) AS r ON CASE WHEN r.${BYTES_COLUMN} > $2 THEN ('${TOO_LARGE} ' || r.${BYTES_COLUMN})::boolean ELSE true END`;
}

async function ask(
  database: Database,
  statement: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  try {
    return await database.query(statement, values);
  } catch (error) {
    if (sqlStateOf(error) === null || !(error instanceof Error)) throw error;
    if (error.message.includes(TOO_LARGE))
      throw refused(`the result is larger than ${RESULT_BYTES_MAX / 1_024 / 1_024} MiB: ask for less`);
    // It is about the operator's own words, and can quote nothing but what this query may read.
    throw new ProblemError("query_failed", { detail: error.message, cause: error });
  }
}

async function selectSchema(database: Database): Promise<string> {
  const [row] = await database.query(
    `SELECT n.nspname::text AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = 'calls'::regclass`,
  );
  return row?.["schema"] as string;
}

function toResult(found: readonly Row[]): SqlResult {
  const all = found.map((row) => parseRow(row["data"] as string));
  const columns = Object.keys(all[0] ?? {}).filter((name) => name !== ROW_COLUMN && name !== BYTES_COLUMN);
  const real = all.filter((_, index) => found[index]?.["found"] === true);
  const rows = real
    .slice(0, SQL_ROWS_MAX)
    .map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
  return { columns, rows, truncated: real.length > SQL_ROWS_MAX };
}

/** The database's own JSON of a row. A number that is not whole, or too large to be exact, stays as it was written. */
function parseRow(text: string): Record<string, unknown> {
  const keepExact = (_name: string, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && (!Number.isSafeInteger(value) || /[.eE]/.test(context?.source ?? ""))
      ? (context?.source ?? String(value))
      : value;
  return JSON.parse(text, keepExact) as Record<string, unknown>;
}

function refused(detail: string): ProblemError {
  return new ProblemError("query_refused", { detail });
}
