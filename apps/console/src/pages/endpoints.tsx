import type { EndpointEntry, ListEndpoints } from "@keybrake/client";
import { api } from "../api.ts";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { Card, Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Code, Nothing, type Tone } from "../ui/values.tsx";
import { VENDORS } from "../vendors.ts";

const FILTERS = ["q", "vendor"] as const;
const KINDS: Readonly<Record<EndpointEntry["kind"], readonly [text: string, tone: Tone]>> = {
  read: ["read", "good"],
  change: ["free change", "plain"],
  priced: ["priced before", "plain"],
  unpriced: ["price not known before", "warn"],
  forbidden: ["forbidden", "bad"],
};

/** What this version knows of the vendors' APIs, and how each endpoint is priced. What is not here is refused. */
export function EndpointsPage() {
  const filters = useFilters(FILTERS);
  const list = usePagedList(["endpoints", "list", filters.values], (cursor) =>
    api.endpoints.list({ ...(filters.values as ListEndpoints), cursor }),
  );
  return (
    <Page title="Endpoints">
      <Card title="Vendors' endpoints that can be judged">
        <FilterBar filters={filters}>
          <FilterText filters={filters} name="q" label="Search" isMain />
          <FilterSelect filters={filters} name="vendor" label="Vendor" options={VENDORS} />
        </FilterBar>
        <PagedTable
          caption="Endpoints"
          list={list}
          columns={COLUMNS}
          rowId={({ vendor, operation }) => `${vendor} ${operation}`}
          empty={
            <EmptyState title="No endpoint fits.">An endpoint that is in no catalogue is refused.</EmptyState>
          }
        />
      </Card>
    </Page>
  );
}

const COLUMNS: readonly Column<EndpointEntry>[] = [
  {
    id: "endpoint",
    header: "Endpoint",
    cell: ({ method, path, operation }) => (
      <div className="flex flex-col gap-0.5">
        <Code>{`${method} ${path}`}</Code>
        <span className="break-all text-muted text-xs">{operation}</span>
      </div>
    ),
  },
  { id: "vendor", header: "Vendor", cell: ({ vendor }) => vendor },
  {
    id: "kind",
    header: "Treated as",
    cell: ({ kind }) => <Badge tone={KINDS[kind][1]}>{KINDS[kind][0]}</Badge>,
  },
  {
    id: "direction",
    header: "Money",
    cell: ({ direction }) => direction ?? <Nothing />,
  },
  {
    id: "money",
    header: "How its price is known",
    cell: ({ money, needs }) => (
      <>
        {money}
        {needs === null ? null : <span className="block text-muted text-xs">To price it: {needs}</span>}
      </>
    ),
  },
];
