import type { Budget } from "@keybrake/client/contract";
import { type BudgetScope, type BudgetUnit, type BudgetWindow, formatUsd } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";

const SELECT = `
  SELECT b.id, b.scope, CASE b.scope WHEN 'installation' THEN NULL WHEN 'secret' THEN s.name ELSE b.scope_value END AS value,
    b.time_window, b.unit, b.limit_amount, coalesce(w.reserved, 0) AS reserved, coalesce(w.settled, 0) AS settled,
    m.mode, coalesce(t.reserved, 0) AS test_reserved, coalesce(t.settled, 0) AS test_settled,
    CASE b.time_window
      WHEN 'daily' THEN (d.day + 1)::timestamp AT TIME ZONE 'UTC'
      WHEN 'monthly' THEN (date_trunc('month', d.day::timestamp) + interval '1 month') AT TIME ZONE 'UTC'
    END AS resets_at
  FROM budgets b
  CROSS JOIN (SELECT ledger_day() AS day) d
  LEFT JOIN secrets s ON s.id = CASE b.scope WHEN 'secret' THEN b.scope_value::uuid
    WHEN 'vault_key' THEN (SELECT v.secret_id FROM vault_keys v WHERE v.id = b.scope_value::uuid) END
  -- A key's and a secret's own budget is of that secret's kind; any other knows both, and requests know none.
  CROSS JOIN LATERAL (SELECT window_mode(b.unit, s.mode) AS mode) m
  LEFT JOIN budget_windows w ON w.budget_id = b.id AND w.window_start = window_start(b.time_window, d.day)
    AND w.mode = coalesce(m.mode, 'live')
  LEFT JOIN budget_windows t ON t.budget_id = b.id AND t.window_start = window_start(b.time_window, d.day)
    AND t.mode = 'test' AND m.mode IS NULL
  WHERE b.deleted_at IS NULL`;

/** A cap over many keys; `value` is empty for the installation, and the secret's id for a secret. */
export interface NewBudget {
  readonly scope: BudgetScope;
  readonly value: string;
  readonly window: BudgetWindow;
  readonly unit: BudgetUnit;
  readonly limit: bigint;
}

/** Makes a budget, or changes the limit of the one with the same scope, window and unit; `isNew` says which. */
export async function setBudget(
  database: Database,
  budget: NewBudget,
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  const { scope, value, window, unit, limit } = budget;
  const [row] = await database.query(
    `SELECT EXISTS (SELECT 1 FROM budgets WHERE scope = $1 AND scope_value = $2 AND time_window = $3 AND unit = $4
       AND deleted_at IS NULL) AS existed, set_budget($1, $2, $3, $4, $5) AS id`,
    [scope, value, window, unit, limit.toString()],
  );
  return { id: String(row?.["id"]), isNew: row?.["existed"] === false };
}

/** Ends a budget that is not a key's own; false when there is none. */
export async function deleteBudget(database: Database, id: string): Promise<boolean> {
  const rows = await database.query("SELECT true AS deleted WHERE delete_budget($1)", [id]);
  return rows.length > 0;
}

/** One budget by its id. */
export async function selectBudget(database: Database, id: string): Promise<Budget | null> {
  const [row] = await database.query(`${SELECT} AND b.id = $1`, [id]);
  return row === undefined ? null : readBudget(row);
}

/** Budgets in the order they were made, behind an id; without a scope those of keys are left out. */
export async function selectBudgets(
  database: Database,
  filter: {
    readonly scope?: string | undefined;
    readonly value?: string | undefined;
    readonly min_used_percent?: number | undefined;
  },
  afterId: string,
  most: number,
): Promise<readonly Budget[]> {
  const values: unknown[] = [afterId, most];
  const conditions = [
    filter.scope === undefined ? "b.scope <> 'vault_key'" : `b.scope = $${values.push(filter.scope)}`,
  ];
  const { min_used_percent: percent } = filter;
  if (percent !== undefined)
    conditions.push(
      `greatest(coalesce(w.reserved + w.settled, 0), coalesce(t.reserved + t.settled, 0)) * 100::numeric
         >= b.limit_amount * $${values.push(percent)}::numeric`,
    );
  if (filter.value !== undefined) conditions.push(`$${values.push(filter.value)} IN (s.name, b.scope_value)`);
  const rows = await database.query(
    `${SELECT} AND b.id > $1 AND ${conditions.join(" AND ")} ORDER BY b.id LIMIT $2`,
    values,
  );
  return rows.map(readBudget);
}

/**
 * Every budget that a call of this key must fit: its own, those of the keys above it, its agent's, its run's, its
 * secret's, the installation's.
 */
export async function selectBudgetsOfKey(database: Database, keyId: string): Promise<Budget[]> {
  const rows = await database.query(
    `${SELECT} AND (b.scope, b.scope_value) IN (
       SELECT x.scope, x.value FROM vault_keys k CROSS JOIN LATERAL (VALUES ('vault_key', k.id::text),
         ('agent_id', k.agent_id), ('crew_run_id', k.crew_run_id), ('secret', k.secret_id::text), ('installation', '')
         UNION ALL SELECT 'vault_key', a.id::text FROM unnest(k.ancestor_ids) AS a (id)) AS x (scope, value) WHERE k.id = $1)
     ORDER BY b.scope_value = $1::uuid::text DESC, b.scope = 'vault_key' DESC, b.id`,
    [keyId],
  );
  return rows.map(readBudget);
}

function readBudget(row: Row): Budget {
  const unit = row["unit"] as BudgetUnit;
  const limit = row["limit_amount"] as bigint;
  const reserved = row["reserved"] as bigint;
  const used = reserved + (row["settled"] as bigint);
  const show = (amount: bigint) => (unit === "usd" ? formatUsd(amount) : amount.toString());
  const testReserved = row["test_reserved"] as bigint;
  const testUsed = testReserved + (row["test_settled"] as bigint);
  return {
    id: String(row["id"]),
    scope: row["scope"] as BudgetScope,
    value: row["value"] as string | null,
    window: row["time_window"] as BudgetWindow,
    unit,
    limit: show(limit),
    used: show(used),
    reserved: show(reserved),
    remaining: show(used < limit ? limit - used : 0n),
    test:
      row["mode"] === null
        ? {
            used: show(testUsed),
            reserved: show(testReserved),
            remaining: show(testUsed < limit ? limit - testUsed : 0n),
          }
        : null,
    resets_at: (row["resets_at"] as Date | null)?.toISOString() ?? null,
  };
}
