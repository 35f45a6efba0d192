import type { Call } from "@keybrake/client";
import { Card, Facts } from "../ui/page.tsx";
import { Code, Count, Nothing } from "../ui/values.tsx";

/** What went to the vendor, and how to find it there. */
export function VendorCard({
  call,
  dashboardUrl,
}: {
  readonly call: Call;
  readonly dashboardUrl: string | null;
}) {
  return (
    <Card title="At the vendor">
      <Facts
        facts={[
          ["Vendor", call.vendor ?? <Nothing key="vendor" />],
          [
            "Endpoint",
            call.endpoint === null ? <Nothing key="endpoint" /> : <Code key="endpoint">{call.endpoint}</Code>,
          ],
          ["HTTP status to the agent", call.status_code ?? <Nothing key="status" />],
          [
            "Request id",
            <span key="request" className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <Id value={call.vendor_request_id} />
              {dashboardUrl === null ? null : (
                <a href={dashboardUrl} target="_blank" rel="noreferrer" className="text-accent underline">
                  Open in the vendor's dashboard<span className="sr-only"> (new tab)</span> ↗
                </a>
              )}
            </span>,
          ],
          ["Object", <Id key="object" value={call.vendor_object_id} />],
          ["Customer", <Id key="customer" value={call.customer_id} />],
          ["Idempotency key (keyed hash)", <Id key="idempotency" value={call.idempotency_key_hash} />],
          ["Time in all", <Milliseconds key="latency" value={call.latency_ms} />],
          ["Of it at the vendor", <Milliseconds key="upstream" value={call.upstream_ms} />],
          ...(call.throttled_by === null
            ? []
            : ([
                [
                  "The vendor refused: too many requests",
                  <Contention key="throttled" throttledBy={call.throttled_by} />,
                ],
              ] as const)),
        ]}
      />
    </Card>
  );
}

function Id({ value }: { readonly value: string | null }) {
  return value === null ? <Nothing /> : <Code>{value}</Code>;
}

function Milliseconds({ value }: { readonly value: number | null }) {
  if (value === null) return <Nothing />;
  return (
    <>
      <Count value={value} /> ms
    </>
  );
}

/** Who had sent how many in the window before; the record is shown as it is where it has another shape. */
function Contention({ throttledBy }: { readonly throttledBy: NonNullable<Call["throttled_by"]> }) {
  const { calls, window_ms: windowMs, other_calls: otherCalls } = throttledBy;
  if (typeof calls !== "object" || calls === null) return <Code>{JSON.stringify(throttledBy)}</Code>;
  const senders = Object.entries(calls).sort(([, one], [, other]) => Number(other) - Number(one));
  return (
    <ul>
      {senders.map(([agent, count]) => (
        <li key={agent}>
          {agent}: <Count value={Number(count)} /> in {String(windowMs)} ms before
        </li>
      ))}
      {Number(otherCalls) > 0 ? (
        <li>
          others: <Count value={Number(otherCalls)} />
        </li>
      ) : null}
    </ul>
  );
}
