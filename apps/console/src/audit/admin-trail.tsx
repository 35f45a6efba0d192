import type { AdminEvent, AdminOutcome, ListAdminEvents } from "@keybrake/client";
import { api } from "../api.ts";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { Card } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Code, Instant, Nothing, type Tone } from "../ui/values.tsx";

const FILTERS = ["action", "target", "outcome", "from", "to"] as const;
const OUTCOME_TONES: Readonly<Record<AdminOutcome, Tone>> = {
  begun: "plain",
  done: "good",
  refused: "warn",
  failed: "bad",
};

/** Who did what on the control plane, or was refused it, newest first. */
export function AdminTrail() {
  const filters = useFilters(FILTERS);
  const list = usePagedList(["admin-events", filters.values], (cursor) =>
    api.adminEvents.list({ ...(filters.values as ListAdminEvents), cursor }),
  );
  return (
    <Card title="Who did what">
      <FilterBar filters={filters}>
        <FilterText
          filters={filters}
          name="action"
          label="Action"
          placeholder="vault_key.create (/)"
          isMain
        />
        <FilterText filters={filters} name="target" label="Target" placeholder="a name or an id" />
        <FilterSelect filters={filters} name="outcome" label="Outcome" options={Object.keys(OUTCOME_TONES)} />
        <FilterText filters={filters} name="from" label="From (UTC)" placeholder="2026-03-01" />
        <FilterText filters={filters} name="to" label="To (UTC)" placeholder="2026-03-02" />
      </FilterBar>
      <PagedTable
        caption="Admin trail"
        list={list}
        columns={COLUMNS}
        rowId={({ id }) => id}
        empty={<EmptyState title="No entry fits." />}
      />
    </Card>
  );
}

const COLUMNS: readonly Column<AdminEvent>[] = [
  { id: "at", header: "At", cell: ({ at }) => <Instant at={at} /> },
  {
    id: "who",
    header: "Who",
    cell: ({ token_name, role, address }) => (
      <div className="flex flex-col gap-0.5">
        <span className="whitespace-nowrap">
          {token_name ?? "nobody known"}
          {role === null ? null : <span className="text-muted"> · {role}</span>}
        </span>
        {address === null ? null : <Code>{address}</Code>}
      </div>
    ),
  },
  {
    id: "action",
    header: "Action",
    cell: ({ action }) => <span className="whitespace-nowrap font-mono text-xs">{action}</span>,
  },
  {
    id: "target",
    header: "Target",
    cell: ({ target }) => (target === null ? <Nothing /> : <Code>{target}</Code>),
  },
  {
    id: "outcome",
    header: "Outcome",
    cell: ({ outcome, code }) => (
      <div className="flex flex-col items-start gap-0.5">
        <Badge tone={OUTCOME_TONES[outcome]}>{outcome}</Badge>
        {code === null ? null : <Code>{code}</Code>}
      </div>
    ),
  },
  {
    id: "changed",
    header: "Rows",
    isNumber: true,
    cell: ({ changed }) => changed ?? <Nothing />,
  },
  {
    id: "details",
    header: "Asked for",
    cell: ({ details }) =>
      Object.keys(details).length === 0 ? (
        <Nothing />
      ) : (
        <details>
          <summary className="cursor-pointer text-accent">{Object.keys(details).join(", ")}</summary>
          <pre className="mt-1 max-w-96 whitespace-pre-wrap break-all font-mono text-xs">
            {JSON.stringify(details, null, 2)}
          </pre>
        </details>
      ),
  },
];
