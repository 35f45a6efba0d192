import type { Budget } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Column } from "../ui/data-table.tsx";
import { UsageMeter } from "../ui/meter.tsx";
import { Count, Instant, Usd } from "../ui/values.tsx";

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
    { id: "window", header: "Window", cell: (budget) => <Window budget={budget} /> },
    { id: "usage", header: "Usage", cell: (budget) => <Usage budget={budget} /> },
    { id: "used", header: "Used", isNumber: true, cell: (budget) => <Amount budget={budget} of="used" /> },
    {
      id: "reserved",
      header: "of it held",
      isNumber: true,
      cell: (budget) => <Amount budget={budget} of="reserved" />,
    },
    {
      id: "remaining",
      header: "Remaining",
      isNumber: true,
      cell: (budget) => <Amount budget={budget} of="remaining" />,
    },
    { id: "limit", header: "Limit", isNumber: true, cell: (budget) => show(budget, budget.limit) },
    ...(actions === undefined ? [] : [{ id: "actions", header: "Change", cell: actions }]),
  ];
}

/** A budget in a few words, such as "daily usd of agent billing_agent". */
export function nameBudget({ scope, value, window, unit }: Budget): string {
  return `${window} ${unit} of ${SCOPE_TITLES[scope]}${value === null || scope === "vault_key" ? "" : ` ${value}`}`;
}

function Scope({ budget: { scope, value } }: { readonly budget: Budget }) {
  return (
    <div className="flex flex-col items-start gap-0.5">
      <span>{SCOPE_TITLES[scope]}</span>
      {scope === "agent_id" && value !== null ? (
        <Link to="/keys" search={{ agent_id: value }} className="text-accent hover:underline">
          {value}
        </Link>
      ) : scope === "vault_key" ? null : (
        <span className="break-all">{value}</span>
      )}
    </div>
  );
}

function Window({ budget: { window, unit, resets_at } }: { readonly budget: Budget }) {
  return (
    <div className="flex flex-col whitespace-nowrap">
      <span>
        {window} · {unit}
      </span>
      {resets_at === null ? null : (
        <span className="text-muted text-xs">
          resets <Instant at={resets_at} />
        </span>
      )}
    </div>
  );
}

function Usage({ budget }: { readonly budget: Budget }) {
  const meter = (name: string, used: string, reserved: string) => (
    <UsageMeter label={name} used={Number(used)} reserved={Number(reserved)} limit={Number(budget.limit)} />
  );
  return (
    <div className="flex flex-col gap-3 pt-1.5">
      {meter(nameBudget(budget), budget.used, budget.reserved)}
      {isTested(budget)
        ? meter(`${nameBudget(budget)}, test credentials`, budget.test.used, budget.test.reserved)
        : null}
    </div>
  );
}

/** A figure of a budget, and below it the same of test credentials, whose window is their own. */
function Amount({ budget, of }: { readonly budget: Budget; readonly of: "used" | "reserved" | "remaining" }) {
  return (
    <div className="flex flex-col whitespace-nowrap">
      {show(budget, budget[of])}
      {isTested(budget) ? (
        <span className="text-muted text-xs">test {show(budget, budget.test[of])}</span>
      ) : null}
    </div>
  );
}

function isTested(budget: Budget): budget is Budget & { readonly test: NonNullable<Budget["test"]> } {
  return budget.test !== null && Number(budget.test.used) !== 0;
}

function show({ unit }: Budget, text: string): ReactNode {
  return unit === "usd" ? <Usd amount={text} /> : <Count value={text} />;
}
