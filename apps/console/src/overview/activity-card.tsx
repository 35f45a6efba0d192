import type { Activity } from "@keybrake/client";
import { lazy, Suspense } from "react";
import { PRESETS } from "../time-range.ts";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { useFilters } from "../ui/filters.tsx";
import { EmptyState, LoadingState } from "../ui/states.tsx";
import { Count, Instant, Usd } from "../ui/values.tsx";
import { type ActivityRange, BUCKETS, useActivity } from "./activity.ts";
import { LoadedCard } from "./loaded-card.tsx";

/** Drawing takes a library as large as the rest of the page: it comes after that. */
const ActivityChart = lazy(() => import("./activity-chart.tsx"));

const COLUMNS: readonly Column<Activity>[] = [
  { id: "at", header: "From", cell: ({ at }) => <Instant at={at} /> },
  { id: "allowed", header: "Allowed", isNumber: true, cell: ({ allowed }) => <Count value={allowed} /> },
  { id: "denied", header: "Denied", isNumber: true, cell: ({ denied }) => <Count value={denied} /> },
  { id: "unknown", header: "Unknown", isNumber: true, cell: ({ unknown }) => <Count value={unknown} /> },
  { id: "cost", header: "Cost", isNumber: true, cell: ({ cost_usd }) => <Usd amount={cost_usd} /> },
];

/** Calls and refusals over time, drawn and as a table. */
export function ActivityCard() {
  const filters = useFilters(["last"]);
  const { last } = filters.values;
  const range: ActivityRange = last !== undefined && last in BUCKETS ? (last as ActivityRange) : "24h";
  const query = useActivity(range);
  return (
    <LoadedCard
      title="Calls over time"
      actions={
        <label className="flex items-center gap-2 text-muted">
          Range
          <select
            value={range}
            onChange={(event) => filters.set("last", event.target.value === "24h" ? "" : event.target.value)}
            className="min-h-8 rounded-md border border-line bg-surface px-2 text-ink"
          >
            {Object.keys(BUCKETS).map((name) => (
              <option key={name} value={name}>
                last {PRESETS[name as ActivityRange].label}
              </option>
            ))}
          </select>
        </label>
      }
      query={query}
    >
      {({ data, bucket }) => (
        <div className="flex flex-col gap-3 p-4">
          <div aria-hidden="true" className="h-56">
            <Suspense fallback={<LoadingState label="Drawing" />}>
              <ActivityChart activity={data} bucket={bucket} />
            </Suspense>
          </div>
          <details>
            <summary className="cursor-pointer text-accent">As a table</summary>
            <div className="max-h-80 overflow-y-auto">
              <DataTable
                caption="Calls by when they came"
                columns={COLUMNS}
                rows={data.filter(({ allowed, denied }) => allowed + denied > 0).reverse()}
                rowId={({ at }) => at}
                empty={<EmptyState title="There was no call in this range." />}
              />
            </div>
          </details>
        </div>
      )}
    </LoadedCard>
  );
}
