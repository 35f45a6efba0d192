import type { Call } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import type { Column } from "../ui/data-table.tsx";
import { Badge, Code, Instant, Nothing, StateBadge, Usd } from "../ui/values.tsx";

/** The columns of a table of calls. */
export const CALL_COLUMNS: readonly Column<Call>[] = [
  { id: "time", header: "Time", cell: (call) => <Instant at={call.requested_at} /> },
  { id: "outcome", header: "Outcome", cell: (call) => <Outcome call={call} /> },
  { id: "who", header: "Agent and run", cell: (call) => <Actor call={call} /> },
  { id: "call", header: "Call", cell: (call) => <CallLink call={call} /> },
  { id: "status", header: "HTTP", isNumber: true, cell: ({ status_code }) => status_code ?? <Nothing /> },
  { id: "cost", header: "Cost", isNumber: true, cell: (call) => <CallCost call={call} /> },
];

/** What became of a call, with the code of a refusal. */
export function Outcome({ call }: { readonly call: Call }) {
  return (
    <span className="flex flex-col items-start gap-0.5 whitespace-nowrap">
      <StateBadge state={call.state} />
      {call.denial_code === null ? null : <code className="font-mono text-xs">{call.denial_code}</code>}
    </span>
  );
}

/** What a call cost; what is held for one without a final outcome. */
export function CallCost({ call }: { readonly call: Call }) {
  if (call.state === "settled") return <Usd amount={call.cost_usd} />;
  if (call.state === "denied" || call.state === "released") return <Nothing />;
  return (
    <span className="whitespace-nowrap">
      <Usd amount={call.reserved_usd} /> <span className="text-muted">held</span>
    </span>
  );
}

/** Method and path of a call, leading to all that is known of it. */
export function CallLink({ call }: { readonly call: Call }) {
  return (
    <Link
      to="/calls/$id"
      params={{ id: call.id }}
      className="inline-block min-w-48 text-accent hover:underline"
    >
      <Code>
        {call.method} {call.path}
      </Code>
    </Link>
  );
}

/** Links to what an agent and a run did. A claim that contradicts the key is told beside. */
export function Actor({ call, isRunShown = true }: { readonly call: Call; readonly isRunShown?: boolean }) {
  const claim = [call.claimed_agent_id, call.claimed_crew_run_id].filter((part) => part !== null).join(", ");
  return (
    <span className="flex min-w-40 flex-col items-start gap-0.5">
      {call.agent_id === null ? <Nothing /> : <AgentLink agentId={call.agent_id} />}
      {call.crew_run_id === null || !isRunShown ? null : <RunLink crewRunId={call.crew_run_id} />}
      {claim === "" ? null : <Badge tone="warn">claims {claim}</Badge>}
    </span>
  );
}

/** An agent, leading to its calls. */
export function AgentLink({ agentId }: { readonly agentId: string }) {
  return (
    <Link
      to="/calls"
      search={{ agent_id: agentId }}
      className="inline-block min-w-24 break-words text-accent hover:underline"
    >
      {agentId}
    </Link>
  );
}

/** A run, leading to its page. */
export function RunLink({ crewRunId }: { readonly crewRunId: string }) {
  return (
    <Link
      to="/runs/$crewRunId"
      params={{ crewRunId }}
      className="inline-block min-w-32 break-words text-accent text-xs hover:underline"
    >
      {crewRunId}
    </Link>
  );
}
