import type { Activity, ActivityList } from "@keybrake/client";
import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

const TICKS = {
  minute: { timeStyle: "short" },
  hour: { hour: "2-digit", minute: "2-digit", weekday: "short" },
  day: { month: "short", day: "numeric", timeZone: "UTC" },
} as const satisfies Record<ActivityList["bucket"], Intl.DateTimeFormatOptions>;

/** Bars of calls over time: those that went through below, the refused and the unknown on top. */
// biome-ignore lint/style/noDefaultExport: React loads a component on demand by its default export
export default function ActivityChart({
  activity,
  bucket,
}: {
  readonly activity: readonly Activity[];
  readonly bucket: ActivityList["bucket"];
}) {
  const format = new Intl.DateTimeFormat(undefined, TICKS[bucket]);
  const data = activity.map(({ at, allowed, denied, unknown }) => ({
    at: format.format(new Date(at)),
    known: allowed - unknown,
    unknown,
    denied,
  }));
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={data} accessibilityLayer={false} margin={{ top: 4, right: 4, bottom: 0, left: -20 }}>
        <CartesianGrid vertical={false} stroke="var(--color-line)" />
        <XAxis dataKey="at" minTickGap={40} tickLine={false} {...AXIS} />
        <YAxis allowDecimals={false} tickLine={false} axisLine={false} {...AXIS} />
        <Tooltip
          cursor={{ fill: "var(--color-raised)" }}
          contentStyle={{ background: "var(--color-surface)", borderColor: "var(--color-line)" }}
          isAnimationActive={false}
        />
        <Legend iconSize={10} wrapperStyle={{ fontSize: 12 }} />
        <Bar
          dataKey="known"
          name="allowed"
          stackId="calls"
          fill="var(--color-accent)"
          isAnimationActive={false}
        />
        <Bar
          dataKey="unknown"
          name="unknown"
          stackId="calls"
          fill="var(--color-bad)"
          isAnimationActive={false}
        />
        <Bar
          dataKey="denied"
          name="denied"
          stackId="calls"
          fill="var(--color-warn)"
          isAnimationActive={false}
        />
      </BarChart>
    </ResponsiveContainer>
  );
}

const AXIS = { stroke: "var(--color-line)", tick: { fill: "var(--color-muted)", fontSize: 12 } } as const;
