import type { Call, Spend } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api } from "../api.ts";
import { BrakeButton } from "../brake.tsx";
import { Actor, AgentLink, CALL_COLUMNS } from "../calls/call-columns.tsx";
import { Lanes } from "../run/lanes.tsx";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { Card, Page } from "../ui/page.tsx";
import { EmptyState, ErrorState, LoadingState } from "../ui/states.tsx";
import { Badge, Code, Count, Instant, Usd } from "../ui/values.tsx";

/** The most calls that are drawn and listed; the newest, when there are more. */
const CALLS_SHOWN_MAX = 500;

const ORDER_COLUMNS: readonly Column<Call>[] = CALL_COLUMNS.map((column) =>
  column.id === "who"
    ? { ...column, header: "Agent", cell: (call) => <Actor call={call} isRunShown={false} /> }
    : column,
);
const SPEND_COLUMNS: readonly Column<Spend>[] = [
  {
    id: "agent",
    header: "Agent",
    cell: ({ group }) => (group === null ? "without a valid key" : <AgentLink agentId={group} />),
  },
  { id: "mode", header: "Money", cell: ({ mode }) => <Badge>{mode ?? "none"}</Badge> },
  { id: "calls", header: "Allowed", isNumber: true, cell: ({ calls }) => <Count value={calls} /> },
  { id: "denied", header: "Denied", isNumber: true, cell: ({ denied }) => <Count value={denied} /> },
  { id: "cost", header: "Cost", isNumber: true, cell: ({ cost_usd }) => <Usd amount={cost_usd} /> },
  { id: "held", header: "Held", isNumber: true, cell: ({ reserved_usd }) => <Usd amount={reserved_usd} /> },
];

/** One run across its agents: who called what, when, at what cost, with what outcome. */
export function RunPage() {
  const { crewRunId = "" } = useParams({ strict: false });
  return (
    <Page
      title={`Run ${crewRunId}`}
      actions={<BrakeButton target={{ scope: "run", value: crewRunId }}>Stop this run</BrakeButton>}
    >
      <Timeline crewRunId={crewRunId} />
      <SpendCard crewRunId={crewRunId} />
    </Page>
  );
}

function Timeline({ crewRunId }: { readonly crewRunId: string }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["calls", "run", crewRunId],
    queryFn: () => api.calls.list({ crew_run_id: crewRunId, limit: CALLS_SHOWN_MAX }),
  });
  if (isPending) return <LoadingState label="Reading the run" />;
  if (data === undefined) return <ErrorState error={error} onRetry={() => void refetch()} />;
  const calls = [...data.data].reverse();
  return (
    <>
      {error === null ? null : <ErrorState error={error} onRetry={() => void refetch()} />}
      <Card title="Timeline" actions={<Span calls={calls} />}>
        <Lanes calls={calls} />
      </Card>
      <Card
        title="In order"
        actions={
          data.next_cursor === null ? undefined : (
            <span className="text-muted">
              the latest {CALLS_SHOWN_MAX};{" "}
              <Link to="/calls" search={{ crew_run_id: crewRunId }} className="text-accent underline">
                all calls
              </Link>
            </span>
          )
        }
      >
        <DataTable
          caption="Calls of the run in order"
          columns={ORDER_COLUMNS}
          rows={calls}
          rowId={({ id }) => id}
          empty={
            <EmptyState title="This run has no call.">
              <Code>{crewRunId}</Code> may be another name than its keys were issued for.
            </EmptyState>
          }
        />
      </Card>
    </>
  );
}

function Span({ calls }: { readonly calls: readonly Call[] }) {
  const first = calls.at(0);
  const last = calls.at(-1);
  if (first === undefined || last === undefined) return null;
  return (
    <span className="text-muted">
      <Instant at={first.requested_at} /> to <Instant at={last.requested_at} />
    </span>
  );
}

function SpendCard({ crewRunId }: { readonly crewRunId: string }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["spend", "run", crewRunId],
    queryFn: () => api.spend.list({ group_by: "agent_id", crew_run_id: crewRunId, limit: 1_000 }),
  });
  return (
    <Card
      title="Spend per agent"
      actions={
        data === undefined ? undefined : (
          <span className="text-muted">
            since <Instant at={data.from} />
          </span>
        )
      }
    >
      {isPending ? (
        <LoadingState />
      ) : data === undefined ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          caption="Spend of the run per agent"
          columns={SPEND_COLUMNS}
          rows={data.data}
          rowId={({ group, mode }) => `${group} ${mode}`}
          empty={<EmptyState title="Nothing was spent." />}
        />
      )}
    </Card>
  );
}
