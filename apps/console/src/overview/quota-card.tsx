import type { VendorQuota } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Count, Nothing } from "../ui/values.tsx";
import { LoadedCard } from "./loaded-card.tsx";

const SENDERS_SHOWN_MAX = 3;

const COLUMNS: readonly Column<VendorQuota>[] = [
  {
    id: "secret",
    header: "Secret",
    cell: ({ secret, mode }) => (
      <span className="flex flex-wrap items-center gap-2">
        {secret} {mode === "test" ? <Badge>test</Badge> : null}
      </span>
    ),
  },
  { id: "pace", header: "Pace", isNumber: true, cell: (quota) => <Pace quota={quota} /> },
  {
    id: "sent",
    header: "Sent, last minute",
    isNumber: true,
    cell: ({ sent_last_minute }) => <Count value={sent_last_minute} />,
  },
  {
    id: "queue",
    header: "Waiting / open",
    isNumber: true,
    cell: ({ waiting, in_flight }) => (
      <>
        <Count value={waiting} /> / <Count value={in_flight} />
      </>
    ),
  },
  {
    id: "throttled",
    header: "Refused, last hour",
    isNumber: true,
    cell: ({ throttled_last_hour }) =>
      throttled_last_hour === 0 ? (
        <Count value={0} />
      ) : (
        <Badge tone="warn">{throttled_last_hour.toLocaleString("en-US")}</Badge>
      ),
  },
  { id: "who", header: "Who had sent most before", cell: (quota) => <Senders quota={quota} /> },
];

/** How much of the vendors' patience is used, and by whom when it was too much. */
export function QuotaCard() {
  const query = useQuery({
    queryKey: ["vendor-quota"],
    queryFn: () => api.vendorQuota.list({ limit: 1_000 }),
  });
  return (
    <LoadedCard
      title="Vendors' request limits"
      actions={
        query.data === undefined ? undefined : (
          <span className="text-muted text-xs">waiting and open at replica {query.data.replica}</span>
        )
      }
      query={query}
    >
      {({ data }) => (
        <DataTable
          caption="How fast the vendors are asked, by secret"
          columns={COLUMNS}
          rows={data}
          rowId={({ secret }) => secret}
          empty={<EmptyState title="There is no secret yet." />}
        />
      )}
    </LoadedCard>
  );
}

function Pace({ quota }: { readonly quota: VendorQuota }) {
  const { requests_per_second: pace, current_requests_per_second: now } = quota;
  if (pace === null) return <span className="text-muted">not limited</span>;
  return (
    <span className="whitespace-nowrap">
      {pace} / s {now !== null && now < pace ? <Badge tone="warn">{now.toFixed(1)} now</Badge> : null}
    </span>
  );
}

function Senders({ quota: { throttled_by: senders } }: { readonly quota: VendorQuota }) {
  if (senders.length === 0) return <Nothing />;
  return (
    <span>
      {senders
        .slice(0, SENDERS_SHOWN_MAX)
        .map(({ agent_id, calls }) => `${agent_id} ${calls.toLocaleString("en-US")}`)
        .join(", ")}
    </span>
  );
}
