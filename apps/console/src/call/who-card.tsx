import type { Call } from "@keybrake/client";
import { Link } from "@tanstack/react-router";
import { AgentLink, RunLink } from "../calls/call-columns.tsx";
import { Card, Facts } from "../ui/page.tsx";
import { Badge, Code, Nothing } from "../ui/values.tsx";

/** Who called. What the key's label says holds; what the request claimed beyond that is only told. */
export function WhoCard({ call }: { readonly call: Call }) {
  return (
    <Card title="Who">
      <Facts
        facts={[
          [
            "Agent",
            call.agent_id === null ? (
              <Nothing key="agent" />
            ) : (
              <AgentLink key="agent" agentId={call.agent_id} />
            ),
          ],
          [
            "Run",
            call.crew_run_id === null ? (
              <Nothing key="run" />
            ) : (
              <RunLink key="run" crewRunId={call.crew_run_id} />
            ),
          ],
          [
            "Vault key",
            call.vault_key_id === null ? <Nothing key="key" /> : <KeyLink key="key" id={call.vault_key_id} />,
          ],
          ...listClaims(call),
          ["Replica", <Code key="replica">{call.replica}</Code>],
          ["Metadata", <Metadata key="metadata" metadata={call.metadata} />],
        ]}
      />
    </Card>
  );
}

function KeyLink({ id }: { readonly id: string }) {
  return (
    <Link to="/keys/$id" params={{ id }} className="text-accent hover:underline">
      <Code>{id}</Code>
    </Link>
  );
}

function listClaims({ claimed_agent_id: agent, claimed_crew_run_id: run }: Call) {
  const claims = [agent === null ? null : `agent ${agent}`, run === null ? null : `run ${run}`];
  const claimed = claims.filter((claim) => claim !== null).join(", ");
  if (claimed === "") return [];
  return [
    [
      "Claimed in the request",
      <span key="claim" className="flex flex-col items-start gap-1">
        <Badge tone="warn">{claimed}</Badge>
        <span className="text-muted text-xs">
          The key says otherwise, and the key counts: budgets and this row are the key's.
        </span>
      </span>,
    ],
  ] as const;
}

function Metadata({ metadata }: { readonly metadata: Call["metadata"] }) {
  if (Object.keys(metadata).length === 0) return <Nothing />;
  return (
    <pre className="overflow-x-auto whitespace-pre-wrap break-all font-mono text-xs">
      {JSON.stringify(metadata, null, 2)}
    </pre>
  );
}
