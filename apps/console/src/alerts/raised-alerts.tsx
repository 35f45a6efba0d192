import type { Alert, ListAlerts } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { api } from "../api.ts";
import type { Column } from "../ui/data-table.tsx";
import { FilterBar, FilterSelect, FilterText, useFilters } from "../ui/filters.tsx";
import { Card } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Instant, Nothing, type Tone } from "../ui/values.tsx";
import { KIND_TITLES, SEVERITIES, SEVERITY_TONES } from "./alert-kinds.ts";

const FILTERS = ["kind", "severity", "agent_id", "crew_run_id", "from", "to"] as const;
const DELIVERY_TONES: Readonly<Record<Alert["deliveries"][number]["state"], Tone>> = {
  pending: "plain",
  delivered: "good",
  failed: "bad",
};

/** What was raised, newest first, and where each alert went. */
export function RaisedAlerts() {
  const filters = useFilters(FILTERS);
  const list = usePagedList(["alerts", "list", filters.values], (cursor) =>
    api.alerts.list({ ...(filters.values as ListAlerts), cursor }),
  );
  return (
    <Card title="Raised">
      <FilterBar filters={filters}>
        <FilterSelect filters={filters} name="kind" label="Kind" options={Object.keys(KIND_TITLES)} />
        <FilterSelect filters={filters} name="severity" label="Severity" options={SEVERITIES} />
        <FilterText filters={filters} name="agent_id" label="Agent" isMain />
        <FilterText filters={filters} name="crew_run_id" label="Run" />
        <FilterText filters={filters} name="from" label="From (UTC)" placeholder="2026-03-01" />
        <FilterText filters={filters} name="to" label="To (UTC)" placeholder="2026-03-02" />
      </FilterBar>
      <PagedTable
        caption="Alerts"
        list={list}
        columns={COLUMNS}
        rowId={({ id }) => id}
        empty={
          <EmptyState title="No alert fits.">
            Alerts tell of budgets that run out, of refusals in a row, and of whatever an operator should look
            at.
          </EmptyState>
        }
      />
    </Card>
  );
}

const COLUMNS: readonly Column<Alert>[] = [
  {
    id: "severity",
    header: "Severity",
    cell: ({ severity }) => <Badge tone={SEVERITY_TONES[severity]}>{severity}</Badge>,
  },
  {
    id: "alert",
    header: "Alert",
    cell: ({ title, detail, kind }) => (
      <div className="flex min-w-64 flex-col gap-0.5">
        <span className="font-medium">{title}</span>
        <span className="text-muted text-xs">{detail === "" ? KIND_TITLES[kind] : detail}</span>
      </div>
    ),
  },
  { id: "raised", header: "Raised", cell: ({ raised_at }) => <Instant at={raised_at} /> },
  { id: "subject", header: "Concerns", cell: (alert) => <Subject alert={alert} /> },
  {
    id: "deliveries",
    header: "Sent to",
    cell: ({ deliveries }) =>
      deliveries.length === 0 ? (
        <Nothing />
      ) : (
        <ul className="flex flex-col gap-1">
          {deliveries.map((delivery) => (
            <li key={delivery.channel_id}>
              <Badge tone={DELIVERY_TONES[delivery.state]}>
                {delivery.channel}: {delivery.state}
              </Badge>{" "}
              <span className="text-muted text-xs">
                {delivery.attempts} {delivery.attempts === 1 ? "attempt" : "attempts"}
                {delivery.last_error === null ? "" : `, ${delivery.last_error}`}
              </span>
            </li>
          ))}
        </ul>
      ),
  },
];

function Subject({ alert }: { readonly alert: Alert }) {
  const { vault_key_id, call_id, agent_id, crew_run_id } = alert;
  return (
    <div className="flex flex-col items-start gap-0.5">
      {agent_id === null ? null : (
        <Link to="/keys" search={{ agent_id }} className="text-accent hover:underline">
          {agent_id}
        </Link>
      )}
      {crew_run_id === null ? null : (
        <Link
          to="/runs/$crewRunId"
          params={{ crewRunId: crew_run_id }}
          className="text-accent hover:underline"
        >
          {crew_run_id}
        </Link>
      )}
      {vault_key_id === null ? null : (
        <Link to="/keys/$id" params={{ id: vault_key_id }} className="text-accent hover:underline">
          the key
        </Link>
      )}
      {call_id === null ? null : (
        <Link to="/calls/$id" params={{ id: call_id }} className="text-accent hover:underline">
          the call
        </Link>
      )}
      {[vault_key_id, call_id, agent_id, crew_run_id].every((value) => value === null) ? <Nothing /> : null}
    </div>
  );
}
