import { CALL_STATES, DIRECTIONS } from "@keybrake/core";
import { z } from "zod";
import { agentId, crewRunId, instant, instantOrDay, usdText, uuid, vendor } from "./identifier.ts";
import { pageQuery } from "./page.ts";

const text = z.string().nullable();
const count = z.int().nullable();

/** One row of the audit log. Its properties stand in the order of the CSV's columns. */
export const callSchema = z
  .object({
    id: uuid,
    requested_at: instant,
    completed_at: instant.nullable(),
    state: z.enum(CALL_STATES),
    verdict: z.enum(["allow", "deny"]),
    denial_code: text,
    denial_reason: text,
    vault_key_id: uuid.nullable(),
    agent_id: text,
    crew_run_id: text,
    claimed_agent_id: text,
    claimed_crew_run_id: text,
    vendor: text,
    method: z.string(),
    path: z.string(),
    endpoint: text,
    status_code: count,
    amount: count.describe("in minor units of `currency`"),
    currency: text,
    direction: z.enum(DIRECTIONS).nullable(),
    reserved_usd: usdText,
    cost_usd: usdText,
    budget_used_after_usd: usdText.nullable(),
    customer_id: text,
    vendor_request_id: text,
    vendor_object_id: text,
    idempotency_key_hash: text,
    metadata: z.record(z.string(), z.unknown()),
    latency_ms: count,
    upstream_ms: count,
    replica: z.string(),
    replay_of: uuid.nullable(),
    outcome_reason: text,
    overrun_usd: usdText.nullable(),
    throttled_by: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe(
        "set when the vendor refused for too many requests: who had sent how many in the window before",
      ),
  })
  .meta({ id: "Call" });

/** The audit log's columns, in order. */
export const CALL_COLUMNS = Object.keys(callSchema.shape) as readonly (keyof Call)[];

export const CALL_FORMATS = ["json", "csv", "ndjson"] as const;

export const listCallsQuery = z.strictObject({
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  vault_key_id: uuid.optional(),
  vendor: vendor.optional(),
  state: z.enum(CALL_STATES).optional(),
  from: instantOrDay.optional().describe("this instant and later"),
  to: instantOrDay.optional().describe("before this instant"),
  format: z
    .enum(CALL_FORMATS)
    .optional()
    .describe("wins over `Accept`; `csv` and `ndjson` give every row, or `limit` of them"),
  ...pageQuery,
});

export type Call = z.infer<typeof callSchema>;
export type ListCalls = Omit<z.input<typeof listCallsQuery>, "format">;
