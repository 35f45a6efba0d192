import { z } from "zod";
import { adminRole } from "./admin-token.ts";
import { instant, instantOrDay, uuid } from "./identifier.ts";
import { pageQuery } from "./page.ts";

/** `begun` only for what takes longer than one step; its end is an entry of its own. */
export const ADMIN_OUTCOMES = ["begun", "done", "refused", "failed"] as const;

/** One entry of the admin trail: who did what, or was refused it. It never holds a secret, a vault key or a token. */
export const adminEventSchema = z
  .object({
    id: uuid,
    at: instant.describe("by the database's clock"),
    token_id: uuid.nullable().describe("null for the bootstrap token, and when nobody was proven"),
    token_name: z.string().nullable(),
    role: adminRole.nullable(),
    address: z.string().nullable().describe("the remote address, as this replica saw it"),
    action: z.string(),
    target: z.string().nullable(),
    details: z.record(z.string(), z.unknown()).describe("what was asked for, without secrets"),
    changed: z.int().min(0).nullable().describe("how many rows it touched"),
    outcome: z.enum(ADMIN_OUTCOMES),
    code: z.string().nullable().describe("why it was refused, or how it failed"),
    replica: z.string(),
  })
  .meta({ id: "AdminEvent" });

export const listAdminEventsQuery = z.strictObject({
  token_id: uuid.optional(),
  action: z.string().max(100).optional(),
  target: z.string().max(200).optional(),
  outcome: z.enum(ADMIN_OUTCOMES).optional(),
  from: instantOrDay.optional().describe("this instant and later"),
  to: instantOrDay.optional().describe("before this instant"),
  ...pageQuery,
});

export type AdminEvent = z.infer<typeof adminEventSchema>;
export type AdminOutcome = (typeof ADMIN_OUTCOMES)[number];
export type ListAdminEvents = z.input<typeof listAdminEventsQuery>;
