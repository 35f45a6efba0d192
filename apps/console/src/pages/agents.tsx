import type { Agent } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { AgentLink } from "../calls/call-columns.tsx";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterText, useFilters } from "../ui/filters.tsx";
import { Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Count, Instant, Usd } from "../ui/values.tsx";

const COLUMNS: readonly Column<Agent>[] = [
  { id: "agent", header: "Agent", cell: ({ agent_id }) => <AgentLink agentId={agent_id} /> },
  { id: "last", header: "Last call", cell: ({ last_call_at }) => <Instant at={last_call_at} /> },
  {
    id: "spent",
    header: "Spent today",
    isNumber: true,
    cell: ({ spent_today_usd }) => <Usd amount={spent_today_usd} />,
  },
  {
    id: "test",
    header: "In test mode",
    isNumber: true,
    cell: ({ test_spent_today_usd }) => (
      <span className="text-muted">
        <Usd amount={test_spent_today_usd} />
      </span>
    ),
  },
  { id: "keys", header: "Keys", isNumber: true, cell: (agent) => <Keys agent={agent} /> },
  { id: "brake", header: "Brake", isNumber: true, cell: (agent) => <AgentBrake agent={agent} /> },
];

/** Who acts here: what each spends and holds, and a way to stop it. */
export function AgentsPage() {
  const filters = useFilters(["q"]);
  const { q } = filters.values;
  const list = usePagedList(["agents", "list", q], (cursor) => api.agents.list({ cursor, q }));
  return (
    <Page title="Agents">
      <section aria-label="Agents found" className="rounded-lg border border-line bg-surface">
        <FilterBar filters={filters}>
          <FilterText filters={filters} name="q" label="Agent" isMain />
        </FilterBar>
        <PagedTable
          list={list}
          caption="Agents by name"
          columns={COLUMNS}
          rowId={({ agent_id }) => agent_id}
          empty={
            <EmptyState title={q === undefined ? "There is no agent yet." : "No agent matches."}>
              An agent is whom a vault key was issued to.
            </EmptyState>
          }
        />
      </section>
    </Page>
  );
}

function Keys({ agent: { agent_id, active_keys, keys } }: { readonly agent: Agent }) {
  return (
    <Link to="/keys" search={{ agent_id }} className="whitespace-nowrap text-accent hover:underline">
      <Count value={active_keys} /> active of <Count value={keys} />
    </Link>
  );
}

function AgentBrake({ agent: { agent_id, active_keys } }: { readonly agent: Agent }) {
  if (active_keys === 0) return <span className="text-muted">no active key</span>;
  return (
    <BrakeButton tone="plain" target={{ scope: "agent", value: agent_id }}>
      Stop<span className="sr-only"> {agent_id}</span>
    </BrakeButton>
  );
}
