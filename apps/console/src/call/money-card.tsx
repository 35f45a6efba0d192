import type { CallEvidence } from "@keybrake/client";
import { Card, Facts } from "../ui/page.tsx";
import { Badge, Code, Instant, Nothing, Usd } from "../ui/values.tsx";
import { CallLinkById } from "./call-link-by-id.tsx";

const DIRECTIONS = { in: "collected", out: "paid out", fee: "the vendor's fee" } as const;
const PARTS = {
  added: "counted of",
  gave_back: "gave back what this call had counted:",
  was_given_back: "given back by this call:",
} as const;

/** What was held before the call went out, and what it cost in the end. */
export function MoneyCard({ evidence: { call, reservation, parts } }: { readonly evidence: CallEvidence }) {
  return (
    <Card title="Money">
      <Facts
        facts={[
          [
            "Amount",
            call.amount === null ? (
              <Nothing key="amount" />
            ) : (
              <span key="amount" className="tabular-nums">
                {call.amount.toLocaleString("en-US")} minor units of{" "}
                {call.currency?.toUpperCase() ?? "an unknown currency"}
              </span>
            ),
          ],
          ["Direction", call.direction === null ? <Nothing key="direction" /> : DIRECTIONS[call.direction]],
          ["Reserved before sending", <Usd key="reserved" amount={call.reserved_usd} />],
          [
            "Cost",
            call.state === "settled" ? <Usd key="cost" amount={call.cost_usd} /> : <Nothing key="cost" />,
          ],
          ...(reservation === null
            ? []
            : ([
                [
                  "Still held",
                  <span key="hold">
                    <Usd amount={reservation.hold_usd} />,{" "}
                    {reservation.state === "unknown" ? (
                      "because nobody knows the outcome"
                    ) : (
                      <>
                        unknown from <Instant at={reservation.deadline} /> on
                      </>
                    )}
                  </span>,
                ],
              ] as const)),
          ["Used of its tightest budget afterwards", <Usd key="after" amount={call.budget_used_after_usd} />],
          ...(call.overrun_usd === null
            ? []
            : ([
                [
                  "Overrun",
                  <span key="overrun" className="flex flex-wrap items-center gap-2">
                    <Badge tone="bad">more than was held</Badge>
                    <Usd amount={call.overrun_usd} />
                  </span>,
                ],
              ] as const)),
          ...(parts.length === 0 ? [] : ([["Exposure", <Parts key="parts" parts={parts} />]] as const)),
        ]}
      />
    </Card>
  );
}

function Parts({ parts }: { readonly parts: CallEvidence["parts"] }) {
  return (
    <ul className="flex flex-col gap-1">
      {parts.map((part) => (
        <li key={`${part.kind} ${part.object_id} ${part.call_id} ${part.day}`}>
          <Usd amount={part.usd} /> {PARTS[part.kind]}{" "}
          {part.object_id === null ? null : <Code>{part.object_id}</Code>}
          {part.call_id === null ? null : <CallLinkById id={part.call_id} />}{" "}
          <span className="text-muted">({part.day}, UTC)</span>
        </li>
      ))}
    </ul>
  );
}
