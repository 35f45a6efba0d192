import type { Budget, ListBudgets } from "@keybrake/client";
import { useMemo, useState } from "react";
import { api } from "../api.ts";
import { BudgetForm } from "../budgets/budget-form.tsx";
import { budgetColumns, nameBudget, SCOPE_TITLES } from "../budgets/budget-table.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card, Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";

const FILTERS = ["scope", "value"] as const;

/** Caps over many keys, and how much of each is used. */
export function BudgetsPage() {
  const filters = useFilters(FILTERS);
  const [changed, setChanged] = useState<Budget | "new" | null>(null);
  const [deleted, setDeleted] = useState<Budget | null>(null);
  const list = usePagedList(["budgets", "list", filters.values], (cursor) =>
    api.budgets.list({ ...(filters.values as ListBudgets), cursor }),
  );
  const columns = useMemo(
    () => budgetColumns((budget) => <Actions budget={budget} onChange={setChanged} onDelete={setDeleted} />),
    [],
  );
  return (
    <Page
      title="Budgets"
      actions={
        <GuardedButton needs="admin" tone="primary" onClick={() => setChanged("new")}>
          New budget
        </GuardedButton>
      }
    >
      <Card title="Caps over more than one key">
        <FilterBar filters={filters}>
          <FilterSelect filters={filters} name="scope" label="Over" options={Object.keys(SCOPE_TITLES)} />
          <FilterText filters={filters} name="value" label="Agent, run, secret or key id" isMain />
        </FilterBar>
        <PagedTable
          caption="Budgets"
          list={list}
          columns={columns}
          rowId={({ id }) => id}
          empty={
            <EmptyState title="No budget fits.">
              A key has caps of its own in its policy. A budget caps all keys of an agent, a run, a secret or
              the installation together.
            </EmptyState>
          }
        />
      </Card>
      {changed === null ? null : (
        <BudgetForm budget={changed === "new" ? null : changed} onClose={() => setChanged(null)} />
      )}
      {deleted === null ? null : (
        <Confirm
          title="Delete this budget?"
          verb="Delete the budget"
          act={() => api.budgets.delete(deleted.id)}
          onClose={() => setDeleted(null)}
        >
          <p>
            The {nameBudget(deleted)} is not capped by it any more. Other budgets and the keys' own caps stay.
          </p>
        </Confirm>
      )}
    </Page>
  );
}

function Actions({
  budget,
  onChange,
  onDelete,
}: {
  readonly budget: Budget;
  readonly onChange: (budget: Budget) => void;
  readonly onDelete: (budget: Budget) => void;
}) {
  if (budget.scope === "vault_key") return <span className="text-muted">with its key's policy</span>;
  if (budget.unit === "requests") return <span className="text-muted">by the configuration</span>;
  const name = nameBudget(budget);
  return (
    <div className="flex gap-2">
      <GuardedButton needs="admin" aria-label={`Change the ${name}`} onClick={() => onChange(budget)}>
        Change
      </GuardedButton>
      <GuardedButton needs="admin" aria-label={`Delete the ${name}`} onClick={() => onDelete(budget)}>
        Delete
      </GuardedButton>
    </div>
  );
}
