import type { ListVaultKeys, VaultKey } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { NewKeyLink } from "../keys/new-key-link.tsx";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { Card, Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Code, Instant, Nothing, StateBadge } from "../ui/values.tsx";
import { KEY_STATUSES, VENDORS } from "../vendors.ts";

const FILTERS = ["q", "agent_id", "crew_run_id", "status", "vendor", "secret", "parent_id"] as const;

/** Every vault key, newest first, by what it is searched for. */
export function KeysPage() {
  const filters = useFilters(FILTERS);
  const list = usePagedList(["vault-keys", "list", filters.values], (cursor) =>
    // The address may hold anything: the server refuses what is no filter, and the page shows that.
    api.vaultKeys.list({ ...(filters.values as ListVaultKeys), cursor }),
  );
  return (
    <Page title="Vault keys" actions={<NewKeyLink />}>
      <Card title="Keys">
        <FilterBar filters={filters}>
          <FilterText filters={filters} name="q" label="Search" isMain />
          <FilterText filters={filters} name="agent_id" label="Agent" />
          <FilterText filters={filters} name="crew_run_id" label="Run" />
          <FilterSelect filters={filters} name="status" label="Status" options={KEY_STATUSES} />
          <FilterSelect filters={filters} name="vendor" label="Vendor" options={VENDORS} />
          <FilterText filters={filters} name="secret" label="Secret" />
        </FilterBar>
        <PagedTable
          caption="Vault keys"
          list={list}
          columns={COLUMNS}
          rowId={({ id }) => id}
          empty={
            <EmptyState title="No vault key fits.">
              An agent needs a vault key to reach a vendor: create one, or clear the filters.
            </EmptyState>
          }
        />
      </Card>
    </Page>
  );
}

const COLUMNS: readonly Column<VaultKey>[] = [
  {
    id: "key",
    header: "Key",
    cell: (key) => (
      <div className="flex flex-col gap-0.5">
        <Link to="/keys/$id" params={{ id: key.id }} className="font-medium text-accent underline">
          {key.name ?? key.agent_id}
        </Link>
        <Code>{key.redacted}</Code>
      </div>
    ),
  },
  {
    id: "status",
    header: "Status",
    cell: (key) => (
      <div className="flex flex-wrap gap-1">
        <StateBadge state={key.status} />
        {key.parent_id === null ? null : <Badge>child</Badge>}
      </div>
    ),
  },
  {
    id: "agent",
    header: "Agent and run",
    cell: (key) => (
      <div className="flex flex-col items-start gap-0.5">
        <Link to="/keys" search={{ agent_id: key.agent_id }} className="text-accent hover:underline">
          {key.agent_id}
        </Link>
        {key.crew_run_id === null ? null : (
          <Link
            to="/runs/$crewRunId"
            params={{ crewRunId: key.crew_run_id }}
            className="text-accent text-xs hover:underline"
          >
            {key.crew_run_id}
          </Link>
        )}
      </div>
    ),
  },
  {
    id: "secret",
    header: "Secret",
    cell: (key) => (
      <div className="flex flex-col gap-0.5">
        <span>{key.secret}</span>
        <span className="text-muted text-xs">{key.vendor}</span>
      </div>
    ),
  },
  {
    id: "times",
    header: "Expires",
    cell: (key) => (
      <div className="flex flex-col gap-0.5">
        {key.expires_at === null ? <span>never</span> : <Instant at={key.expires_at} />}
        <span className="text-muted text-xs">
          created <Instant at={key.created_at} />
        </span>
      </div>
    ),
  },
  {
    id: "stop",
    header: "Brake",
    cell: (key) =>
      key.status === "active" || key.status === "suspended" ? (
        <BrakeButton tone="plain" target={{ scope: "key", value: key.id }}>
          Stop<span className="sr-only"> {key.name ?? key.agent_id}</span>
        </BrakeButton>
      ) : (
        <Nothing />
      ),
  },
];
