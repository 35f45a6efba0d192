import { type EndpointEntry, PAGE_LIMIT } from "@keybrake/client/contract";
import { describeEndpoint, POLICY_TEMPLATES, VENDOR_NAMES, VENDORS } from "@keybrake/core";
import { z } from "zod";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const endpointPosition = z.tuple([z.literal("endpoints"), z.int().min(0)]);
const templatePosition = z.tuple([z.literal("policy-templates"), z.int().min(0)]);

/** What this version knows of every vendor: it never changes while the process lives. */
const ENDPOINTS: readonly EndpointEntry[] = VENDOR_NAMES.flatMap((vendor) =>
  VENDORS[vendor].endpoints.map((endpoint) => {
    const { operation, method, template, direction } = endpoint;
    return {
      ...{ vendor, operation, method, path: template.text },
      ...{ direction, ...describeEndpoint(VENDORS[vendor], endpoint) },
    };
  }),
);
const TEMPLATES = POLICY_TEMPLATES.map(({ agentId, policy, ...texts }) => ({
  ...texts,
  agent_id: agentId,
  vendor: policy.vendor,
  policy,
}));

/** The operations that help to write a policy. */
export function mountPolicies(api: AdminApi): void {
  mount(api, "listEndpoints", async ({ query }) => {
    const { vendor, q = "", limit = PAGE_LIMIT } = query;
    const wanted = q.toLowerCase();
    const found = ENDPOINTS.filter(
      (entry) =>
        (vendor === undefined || entry.vendor === vendor) &&
        `${entry.operation} ${entry.method} ${entry.path}`.toLowerCase().includes(wanted),
    );
    const start = decodeCursor(endpointPosition, query.cursor)?.[1] ?? 0;
    return reply(200, pageFrom("endpoints", found, start, limit));
  });

  mount(api, "listPolicyTemplates", async ({ query }) => {
    const { limit = PAGE_LIMIT } = query;
    const start = decodeCursor(templatePosition, query.cursor)?.[1] ?? 0;
    return reply(200, pageFrom("policy-templates", TEMPLATES, start, limit));
  });
}

/** A page of a list that never changes: its cursor is a place in it. */
function pageFrom<Item>(name: string, list: readonly Item[], start: number, limit: number) {
  const rows = list.slice(start, start + limit + 1);
  return toPage(
    rows,
    limit,
    (item) => item,
    () => [name, start + limit],
  );
}
