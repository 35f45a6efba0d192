import type { ListActivity } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import { type Preset, startOf } from "../time-range.ts";

/** The ranges that can be looked at, with how fine each is. */
export const BUCKETS = {
  "1h": "minute",
  "24h": "hour",
  "7d": "hour",
  "30d": "day",
} as const satisfies Partial<Record<Preset, ListActivity["bucket"]>>;
export type ActivityRange = keyof typeof BUCKETS;

/** Calls over time in a range that ends now. */
export function useActivity(range: ActivityRange) {
  return useQuery({
    queryKey: ["activity", range],
    queryFn: () => api.activity.list({ from: startOf(range, new Date()), bucket: BUCKETS[range] }),
  });
}
