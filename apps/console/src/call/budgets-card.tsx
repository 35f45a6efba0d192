import type { Call, CallEvidence } from "@keybrake/client";
import { describeScope, formatAmount } from "../budget-words.ts";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { UsageMeter } from "../ui/meter.tsx";
import { Card } from "../ui/page.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge } from "../ui/values.tsx";

type CountedBudget = CallEvidence["budgets"][number];

const COLUMNS: readonly Column<CountedBudget>[] = [
  { id: "cap", header: "Cap of", cell: (budget) => describeScope(budget) },
  { id: "window", header: "Window", cell: (budget) => describeWindow(budget) },
  { id: "mode", header: "Money", cell: ({ mode }) => <Badge>{mode}</Badge> },
  { id: "used", header: "Used by now", isNumber: true, cell: ({ used, unit }) => formatAmount(used, unit) },
  { id: "limit", header: "Limit", isNumber: true, cell: ({ limit, unit }) => formatAmount(limit, unit) },
  {
    id: "share",
    header: "Share",
    cell: (budget) => (
      <UsageMeter
        label={`${describeScope(budget)}, ${budget.window}`}
        used={Number(budget.used)}
        reserved={0}
        limit={Number(budget.limit)}
      />
    ),
  },
];

/** The budgets that cover the call, as they stand now. */
export function BudgetsCard({
  call,
  budgets,
}: {
  readonly call: Call;
  readonly budgets: readonly CountedBudget[];
}) {
  return (
    <Card
      title="Budgets that cover it"
      actions={
        call.verdict === "deny" ? <span className="text-muted">none counts a refused call</span> : undefined
      }
    >
      <DataTable
        caption="Budgets that cover the call"
        columns={COLUMNS}
        rows={budgets}
        rowId={({ id }) => id}
        empty={<EmptyState title="No budget covers it." />}
      />
    </Card>
  );
}

function describeWindow({ window, window_start: start }: CountedBudget) {
  if (start === null) return window;
  return (
    <span className="whitespace-nowrap">
      {window} <span className="text-muted">from {start}, UTC</span>
    </span>
  );
}
