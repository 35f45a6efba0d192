import type { Budget } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Column } from "../ui/data-table.tsx";
import { UsageMeter } from "../ui/meter.tsx";
import { Badge, Count, Instant, Usd } from "../ui/values.tsx";

/** What people call the scope of a budget; every one of them. */
export const SCOPE_TITLES: Readonly<Record<Budget["scope"], string>> = {
  vault_key: "this key",
  agent_id: "agent",
  crew_run_id: "run",
  secret: "secret",
  installation: "installation",
};

/** The columns of a list of budgets; `actions` is what can be done with one. */
export function budgetColumns(actions?: (budget: Budget) => ReactNode): readonly Column<Budget>[] {
  return [
    { id: "scope", header: "Over", cell: (budget) => <Scope budget={budget} /> },
    { id: "window", header: "Window", cell: ({ window, unit }) => `${window} · ${unit}` },
    { id: "usage", header: "Usage", cell: (budget) => <Usage budget={budget} /> },
    { id: "used", header: "Used", isNumber: true, cell: (budget) => amount(budget, budget.used) },
    {
      id: "reserved",
      header: "of it held",
      isNumber: true,
      cell: (budget) => amount(budget, budget.reserved),
    },
    {
      id: "remaining",
      header: "Remaining",
      isNumber: true,
      cell: (budget) => amount(budget, budget.remaining),
    },
    { id: "limit", header: "Limit", isNumber: true, cell: (budget) => amount(budget, budget.limit) },
    { id: "resets", header: "Resets", cell: ({ resets_at }) => <Instant at={resets_at} /> },
    ...(actions === undefined ? [] : [{ id: "actions", header: "Change", cell: actions }]),
  ];
}

/** A budget in a few words, such as "daily usd of agent billing_agent". */
export function nameBudget({ scope, value, window, unit }: Budget): string {
  return `${window} ${unit} of ${SCOPE_TITLES[scope]}${value === null || scope === "vault_key" ? "" : ` ${value}`}`;
}

function Scope({ budget: { scope, value, test } }: { readonly budget: Budget }) {
  const title = SCOPE_TITLES[scope];
  return (
    <div className="flex flex-col items-start gap-0.5">
      <span>{title}</span>
      {scope === "agent_id" && value !== null ? (
        <Link to="/keys" search={{ agent_id: value }} className="text-accent hover:underline">
          {value}
        </Link>
      ) : scope === "vault_key" ? null : (
        <span className="break-all">{value}</span>
      )}
      {test !== null && test.used !== "0" && test.used !== "0.00" ? (
        <Badge>test credentials used {test.used} more, apart</Badge>
      ) : null}
    </div>
  );
}

function Usage({ budget }: { readonly budget: Budget }) {
  return (
    <UsageMeter
      label={nameBudget(budget)}
      used={Number(budget.used)}
      reserved={Number(budget.reserved)}
      limit={Number(budget.limit)}
    />
  );
}

function amount({ unit }: Budget, text: string): ReactNode {
  return unit === "usd" ? <Usd amount={text} /> : <Count value={text} />;
}
