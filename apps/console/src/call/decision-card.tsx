import type { Call } from "@keybrake/client";
import { Card, Facts } from "../ui/page.tsx";
import { Code, Instant, Nothing, StateBadge } from "../ui/values.tsx";
import { CallLinkById } from "./call-link-by-id.tsx";

/** What was decided, why, and what came of it. */
export function DecisionCard({ call }: { readonly call: Call }) {
  return (
    <Card title="Decision">
      <Facts
        facts={[
          ["State", <StateBadge key="state" state={call.state} />],
          ["Verdict", call.verdict === "allow" ? "allowed" : "denied"],
          ...(call.denial_code === null
            ? []
            : ([
                ["Denial code", <Code key="code">{call.denial_code}</Code>],
                ["Reason", call.denial_reason ?? <Nothing key="reason" />],
              ] as const)),
          ["Asked", <Instant key="asked" at={call.requested_at} />],
          ["Outcome written", <Instant key="completed" at={call.completed_at} />],
          ...(call.outcome_reason === null ? [] : ([["Why this outcome", call.outcome_reason]] as const)),
          ...(call.replay_of === null
            ? []
            : ([["Repeats the answer of", <CallLinkById key="replay" id={call.replay_of} />]] as const)),
          ["Id", <Code key="id">{call.id}</Code>],
        ]}
      />
    </Card>
  );
}
