import type { ListCalls } from "@keybrake/client";
import { isPreset, startOf } from "../time-range.ts";

/** What calls are filtered by, besides their time: the names of the admin API, which stand in the address too. */
export const CALL_FILTERS = [
  "q",
  "vendor",
  "state",
  "verdict",
  "denial_code",
  "agent_id",
  "crew_run_id",
  "vault_key_id",
  "endpoint",
  "path",
  "method",
  "status_code",
  "direction",
  "currency",
  "min_cost_usd",
  "customer_id",
  "vendor_request_id",
  "vendor_object_id",
  "replica",
  "claimed",
] as const satisfies readonly (keyof ListCalls)[];

export type CallFilterName = (typeof CALL_FILTERS)[number] | "from" | "to" | "last";

/** Which calls are shown: texts by name, none of them empty. `last` is a preset and excludes `from` and `to`. */
export type CallFilter = Readonly<Partial<Record<CallFilterName, string>>>;

/** Reads the filter that an address holds; names that are none are left out. */
export function readCallFilter(search: Readonly<Record<string, string | undefined>>): CallFilter {
  const filter: Partial<Record<CallFilterName, string>> = {};
  for (const name of CALL_FILTERS) {
    const value = search[name];
    if (value !== undefined && value !== "") filter[name] = value;
  }
  const { last, from, to } = search;
  if (isPreset(last)) return { ...filter, last };
  return { ...filter, ...(from ? { from } : {}), ...(to ? { to } : {}) };
}

/** The filter with some values changed; an empty one takes the name away, and a range replaces the other kind of range. */
export function changeCallFilter(filter: CallFilter, changes: CallFilter): CallFilter {
  const hasPreset = (changes.last ?? "") !== "";
  const hasRange = (changes.from ?? "") !== "" || (changes.to ?? "") !== "";
  const rest = hasPreset ? { from: "", to: "" } : hasRange ? { last: "" } : {};
  return readCallFilter({ ...filter, ...changes, ...rest });
}

/** What the admin API is asked for. A preset becomes an instant, counted back from `now`. */
export function toCallQuery({ last, ...filter }: CallFilter, now: Date): ListCalls {
  const from = isPreset(last) ? startOf(last, now) : filter.from;
  // The API judges each text, and says at which name it is wrong.
  return { ...filter, ...(from === undefined ? {} : { from }) } as ListCalls;
}

/** Where the admin API gives every matching row as a file. */
export function toExportUrl(filter: CallFilter, format: "csv" | "ndjson", now: Date): string {
  const query = new URLSearchParams({ ...(toCallQuery(filter, now) as Record<string, string>), format });
  return `/api/v1/calls?${query}`;
}
