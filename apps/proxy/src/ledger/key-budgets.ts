import { type BudgetWindow, formatUsd, windowEnd } from "@keybrake/core";
import type { Database } from "./database.ts";

/** Of its own and of the keys above a child; of several alike the one with the least left. */
const KEY_BUDGETS = `
  SELECT DISTINCT ON (b.unit, b.time_window) b.time_window, b.unit, b.limit_amount,
    coalesce(w.reserved + w.settled, 0) AS used, now() AS now
  FROM vault_keys k JOIN secrets s ON s.id = k.secret_id
  JOIN budgets b ON b.scope = 'vault_key' AND b.scope_value = ANY ((k.id || k.ancestor_ids)::text[])
  LEFT JOIN budget_windows w ON w.budget_id = b.id AND w.window_start = window_start(b.time_window, ledger_day())
    AND w.mode = window_mode(b.unit, s.mode)
  WHERE k.id = $1 AND b.deleted_at IS NULL
  ORDER BY b.unit, b.time_window, b.limit_amount - coalesce(w.reserved + w.settled, 0)`;

/** One budget of a key, amounts as decimal dollars for `usd`, else counts, as text. */
export interface KeyBudget {
  readonly window: string;
  readonly unit: string;
  readonly limit: string;
  readonly used: string;
  readonly remaining: string;
  readonly resets_at: string | null;
}

/** What the budgets of a key's own policy, and of those above it, allow, have used (open holds included) and have left, in their present windows. */
export async function listKeyBudgets(database: Database, vaultKeyId: string): Promise<readonly KeyBudget[]> {
  const rows = await database.query(KEY_BUDGETS, [vaultKeyId]);
  return rows.map((row) => {
    const limit = row["limit_amount"] as bigint;
    const used = row["used"] as bigint;
    const unit = row["unit"] as string;
    const show = (amount: bigint) => (unit === "usd" ? formatUsd(amount) : amount.toString());
    return {
      window: row["time_window"] as string,
      unit,
      limit: show(limit),
      used: show(used),
      remaining: show(used < limit ? limit - used : 0n),
      resets_at: windowEnd(row["time_window"] as BudgetWindow, row["now"] as Date)?.toISOString() ?? null,
    };
  });
}
