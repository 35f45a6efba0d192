import type { ListCalls } from "@keybrake/client";
import { isPreset, startOf } from "../time-range.ts";

/** What calls are filtered by: the names of the admin API, and `last`, a range that ends now and wins over `from` and `to`. */
export const CALL_FILTERS = [
  "q",
  "last",
  "from",
  "to",
  "state",
  "agent_id",
  "crew_run_id",
  "vault_key_id",
  "verdict",
  "denial_code",
  "vendor",
  "endpoint",
  "method",
  "path",
  "status_code",
  "min_cost_usd",
  "currency",
  "direction",
  "customer_id",
  "vendor_request_id",
  "vendor_object_id",
  "replica",
  "claimed",
] as const satisfies readonly (keyof ListCalls | "last")[];

export type CallFilterName = (typeof CALL_FILTERS)[number];

/** Which calls are shown: texts as an address holds them, none of them empty. */
export type CallFilter = Readonly<Partial<Record<CallFilterName, string>>>;

/** What the admin API is asked for. A range that ends now becomes an instant, counted back from `now`. */
export function toCallQuery({ last, ...filter }: CallFilter, now: Date): ListCalls {
  // The API judges each text, and says at which name it is wrong.
  if (!isPreset(last)) return filter as ListCalls;
  const { from: _from, to: _to, ...others } = filter;
  return { ...others, from: startOf(last, now) } as ListCalls;
}

/** Where the admin API gives every matching row as a file. */
export function toExportUrl(filter: CallFilter, format: "csv" | "ndjson", now: Date): string {
  const query = new URLSearchParams({ ...(toCallQuery(filter, now) as Record<string, string>), format });
  return `/api/v1/calls?${query}`;
}
