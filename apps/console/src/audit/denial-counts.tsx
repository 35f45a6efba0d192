import type { DenialCount, ListDenials } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { api } from "../api.ts";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { Card } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Code, Count, Instant } from "../ui/values.tsx";
import { VENDORS } from "../vendors.ts";

const FILTERS = ["agent_id", "code", "vendor"] as const;

/** How often keys were refused by the minute; beyond a hundred of one kind in a minute only their number is kept. */
export function DenialCounts() {
  const filters = useFilters(FILTERS);
  const list = usePagedList(["calls", "denials", filters.values], (cursor) =>
    api.denials.list({ ...(filters.values as ListDenials), cursor }),
  );
  return (
    <Card title="Refusals by the minute">
      <FilterBar filters={filters}>
        <FilterText filters={filters} name="agent_id" label="Agent" />
        <FilterText filters={filters} name="code" label="Code" placeholder="daily_cap_exceeded" />
        <FilterSelect filters={filters} name="vendor" label="Vendor" options={VENDORS} />
      </FilterBar>
      <PagedTable
        caption="Counts of refusals"
        list={list}
        columns={COLUMNS}
        rowId={({ id }) => id}
        empty={<EmptyState title="No refusal fits." />}
      />
    </Card>
  );
}

const COLUMNS: readonly Column<DenialCount>[] = [
  { id: "minute", header: "Minute", cell: ({ minute }) => <Instant at={minute} /> },
  {
    id: "key",
    header: "Key",
    cell: ({ vault_key_id, agent_id }) =>
      vault_key_id === null ? (
        "no valid key"
      ) : (
        <Link to="/keys/$id" params={{ id: vault_key_id }} className="text-accent hover:underline">
          {agent_id ?? vault_key_id}
        </Link>
      ),
  },
  { id: "code", header: "Code", cell: ({ code }) => <Code>{code}</Code> },
  {
    id: "recorded",
    header: "With a row",
    isNumber: true,
    cell: ({ recorded }) => <Count value={recorded} />,
  },
  { id: "counted", header: "Only counted", isNumber: true, cell: ({ counted }) => <Count value={counted} /> },
  { id: "last", header: "Last", cell: ({ last_at }) => <Instant at={last_at} /> },
];
