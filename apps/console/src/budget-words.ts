import type { Budget } from "@keybrake/client";
import { formatUsd } from "./ui/values.tsx";

const SCOPES = {
  vault_key: "vault key",
  agent_id: "agent",
  crew_run_id: "run",
  secret: "secret",
  installation: "everything",
} as const;

/** Whose cap a budget is. */
export function describeScope({ scope, value }: Pick<Budget, "scope" | "value">): string {
  return value === null || scope === "installation" ? SCOPES[scope] : `${SCOPES[scope]} ${value}`;
}

/** An amount of a budget with its unit. */
export function formatAmount(amount: string, unit: Budget["unit"]): string {
  return unit === "usd" ? formatUsd(amount) : `${Number(amount).toLocaleString("en-US")} ${unit}`;
}
