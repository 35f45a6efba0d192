/** What a budget watches. A call must fit every budget whose scope covers it. */
export const BUDGET_SCOPES = ["vault_key", "agent_id", "crew_run_id", "secret", "installation"] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];

/** When a budget starts anew: each UTC day, each UTC month, or never. */
export const BUDGET_WINDOWS = ["daily", "monthly", "total"] as const;
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number];

/**
 * What a budget counts: `usd` in micro-dollars; `calls` = calls that can cost or change something;
 * `requests` = every proxied request, free reads too.
 */
export const BUDGET_UNITS = ["usd", "calls", "requests"] as const;
export type BudgetUnit = (typeof BUDGET_UNITS)[number];

/** A cap with its own scope. `limit` is in micro-dollars for `usd`, else a count. */
export interface BudgetSpec {
  readonly window: BudgetWindow;
  readonly unit: BudgetUnit;
  readonly limit: bigint;
}

/** The denial that an exhausted budget gives. Only these combinations can be created. */
export const BUDGET_DENIALS = {
  usd: { daily: "daily_cap_exceeded", monthly: "monthly_cap_exceeded", total: "total_cap_exceeded" },
  calls: { daily: "daily_call_cap_exceeded", total: "total_call_cap_exceeded" },
  requests: { monthly: "monthly_request_limit" },
} as const;

/** The instant at which the window that covers `now` began, always a UTC midnight; the year 0 for `total`. */
export function windowStart(window: BudgetWindow, now: Date): Date {
  const year = now.getUTCFullYear();
  const month = now.getUTCMonth();
  if (window === "daily") return new Date(Date.UTC(year, month, now.getUTCDate()));
  if (window === "monthly") return new Date(Date.UTC(year, month, 1));
  return new Date("0000-01-01T00:00:00.000Z");
}

/** The instant at which a window that covers `now` ends, always a UTC midnight; null for `total`. */
export function windowEnd(window: BudgetWindow, now: Date): Date | null {
  const year = now.getUTCFullYear();
  const month = now.getUTCMonth();
  if (window === "daily") return new Date(Date.UTC(year, month, now.getUTCDate() + 1));
  if (window === "monthly") return new Date(Date.UTC(year, month + 1, 1));
  return null;
}
