import type { Run } from "@keybrake/client";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { AgentLink, RunLink } from "../calls/call-columns.tsx";
import { isPreset, PRESETS, startOf } from "../time-range.ts";
import type { Column } from "../ui/data-table.tsx";
import { SelectField } from "../ui/field.tsx";
import { FilterBar, FilterText, useFilters } from "../ui/filters.tsx";
import { Page } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Count, Instant, Usd } from "../ui/values.tsx";

const COLUMNS: readonly Column<Run>[] = [
  { id: "run", header: "Run", cell: ({ crew_run_id }) => <RunLink crewRunId={crew_run_id} /> },
  { id: "last", header: "Last call", cell: ({ last_call_at }) => <Instant at={last_call_at} /> },
  { id: "agents", header: "Agents", cell: ({ agents }) => <Agents agents={agents} /> },
  { id: "calls", header: "Allowed", isNumber: true, cell: ({ calls }) => <Count value={calls} /> },
  { id: "denied", header: "Denied", isNumber: true, cell: ({ denied }) => <Count value={denied} /> },
  { id: "cost", header: "Cost", isNumber: true, cell: ({ cost_usd }) => <Usd amount={cost_usd} /> },
  { id: "held", header: "Held", isNumber: true, cell: ({ reserved_usd }) => <Usd amount={reserved_usd} /> },
  { id: "brake", header: "Brake", isNumber: true, cell: (run) => <RunBrake run={run} /> },
];
const AGENTS_SHOWN_MAX = 4;

/** The runs of crews: who took part, what it cost, and a way to stop one as a whole. */
export function RunsPage() {
  const filters = useFilters(["q", "agent_id", "last"]);
  const { q, agent_id, last } = filters.values;
  const preset = isPreset(last) ? last : "24h";
  const list = usePagedList(["runs", "list", q, agent_id, preset], (cursor) =>
    api.runs.list({ cursor, q, agent_id, from: startOf(preset, new Date()) }),
  );
  return (
    <Page title="Runs">
      <section aria-label="Runs found" className="rounded-lg border border-line bg-surface">
        <FilterBar filters={filters}>
          <FilterText filters={filters} name="q" label="Run" isMain />
          <FilterText filters={filters} name="agent_id" label="Agent" />
          <SelectField
            label="Time"
            value={preset}
            onChange={(value) => filters.set("last", value === "24h" ? "" : value)}
          >
            {Object.entries(PRESETS).map(([name, { label }]) => (
              <option key={name} value={name}>
                last {label}
              </option>
            ))}
          </SelectField>
        </FilterBar>
        <PagedTable
          list={list}
          caption="Runs, the latest activity first"
          columns={COLUMNS}
          rowId={({ crew_run_id }) => crew_run_id}
          empty={
            <EmptyState title={`No run had a call in the last ${PRESETS[preset].label}.`}>
              A call belongs to a run when its vault key was issued for one.
            </EmptyState>
          }
        />
      </section>
    </Page>
  );
}

function Agents({ agents }: { readonly agents: readonly string[] }) {
  const more = agents.length - AGENTS_SHOWN_MAX;
  return (
    <span className="flex min-w-40 flex-wrap gap-x-3">
      {agents.slice(0, AGENTS_SHOWN_MAX).map((agent) => (
        <AgentLink key={agent} agentId={agent} />
      ))}
      {more > 0 ? <span className="text-muted">and {more} more</span> : null}
    </span>
  );
}

function RunBrake({ run: { crew_run_id, active_keys } }: { readonly run: Run }) {
  if (active_keys === 0) return <span className="whitespace-nowrap text-muted">no active key</span>;
  return (
    <BrakeButton tone="plain" target={{ scope: "run", value: crew_run_id }}>
      Stop<span className="sr-only"> {crew_run_id}</span>
    </BrakeButton>
  );
}
