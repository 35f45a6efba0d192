import { type EndpointEntry, eachItem } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import type { VendorName } from "../vendors.ts";

const PAGE = 1_000;

/** How an endpoint is treated, in the words of the form. */
export const ENDPOINT_GROUPS = [
  ["read", "Reads: free, and change nothing"],
  ["accounted", "Accounted: change something or cost money, and count in the caps"],
  ["forbidden", "Forbidden: no policy allows them"],
] as const;
export type EndpointGroup = (typeof ENDPOINT_GROUPS)[number][0];

/** Every endpoint that this version knows of a vendor; it changes only with the server's version. */
export function useCatalogue(vendor: VendorName) {
  return useQuery({
    queryKey: ["endpoints", "catalogue", vendor],
    queryFn: async () => {
      const entries: EndpointEntry[] = [];
      for await (const entry of eachItem(api.endpoints.list, { vendor, limit: PAGE })) entries.push(entry);
      return entries;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function groupOf({ kind }: EndpointEntry): EndpointGroup {
  return kind === "read" || kind === "forbidden" ? kind : "accounted";
}

/** The endpoint as a policy writes it: `GET /v1/customers/*`. */
export function patternOf({ method, path }: EndpointEntry): string {
  return `${method} ${path.replace(/\{[^}]*\}/g, "*")}`;
}

/** Whether the text occurs in what names the endpoint, any letter case. */
export function isFound(entry: EndpointEntry, text: string): boolean {
  return `${entry.operation} ${entry.method} ${entry.path}`.toLowerCase().includes(text.trim().toLowerCase());
}
