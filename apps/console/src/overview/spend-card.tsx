import { Link } from "@tanstack/react-router";
import { AgentLink } from "../calls/call-columns.tsx";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Count, Nothing, Usd } from "../ui/values.tsx";
import { CapMeter } from "./cap-meter.tsx";
import { type Cap, useCaps } from "./caps.ts";
import { LoadedCard } from "./loaded-card.tsx";
import { type AgentSpend, useSpendToday } from "./spend-today.ts";

const AGENTS_SHOWN_MAX = 8;

interface Row extends AgentSpend {
  readonly cap: Cap | null;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    id: "agent",
    header: "Agent",
    cell: ({ agentId }) => (agentId === null ? "without a valid key" : <AgentLink agentId={agentId} />),
  },
  { id: "live", header: "Spent", isNumber: true, cell: ({ live }) => <Usd amount={live} /> },
  {
    id: "test",
    header: "In test mode",
    isNumber: true,
    cell: ({ test }) => (
      <span className="text-muted">
        <Usd amount={test} />
      </span>
    ),
  },
  { id: "denied", header: "Denied", isNumber: true, cell: ({ denied }) => <Count value={denied} /> },
  {
    id: "cap",
    header: "Nearest of its own caps",
    cell: ({ cap }) => (cap === null ? <Nothing /> : <CapMeter cap={cap} />),
  },
];

/** What each agent spent on this UTC day, against the cap that would stop it first. */
export function SpendCard() {
  const spend = useSpendToday();
  const caps = useCaps();
  return (
    <LoadedCard
      title="Spend today per agent"
      actions={
        <Link to="/agents" className="text-accent hover:underline">
          All agents
        </Link>
      }
      query={spend}
    >
      {({ agents }) => (
        <DataTable
          caption="Agents by what they spent today"
          columns={COLUMNS}
          rows={agents.slice(0, AGENTS_SHOWN_MAX).map((agent) => ({
            ...agent,
            cap: caps.data?.caps.find(({ agentId }) => agentId !== null && agentId === agent.agentId) ?? null,
          }))}
          rowId={({ agentId }) => agentId ?? ""}
          empty={<EmptyState title="No agent called today (UTC)." />}
        />
      )}
    </LoadedCard>
  );
}
