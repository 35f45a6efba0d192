import { CALL_STATES, DIRECTIONS, parseUsd } from "@keybrake/core";
import { z } from "zod";
import {
  agentId,
  crewRunId,
  instant,
  instantOrDay,
  searchText,
  usdText,
  uuid,
  vendor,
} from "./identifier.ts";
import { pageOf, pageQuery } from "./page.ts";

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

/** One page of the audit log, and how far a search has come. */
export const callPageSchema = pageOf(callSchema)
  .extend({
    searched_to: instant
      .nullable()
      .describe(
        "a search gives what it has found when its time is over, which may be nothing: no later call was overlooked, and `next_cursor` goes on; null = the page is full, or there is no more",
      ),
  })
  .meta({ id: "CallPage" });

export const CALL_FORMATS = ["json", "csv", "ndjson"] as const;

/** A column's text, compared exactly. */
const exact = z.string().min(1).max(2_048);
const word = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, { error: "must be a word such as `GET`" });
const digits = z.string().regex(/^[1-5][0-9]{2}$/);
const statusCode = z
  .union([z.int(), digits.transform(Number)], { error: "must be an HTTP status such as `402`" })
  .pipe(z.int().min(100).max(599))
  .meta({ schema: { type: "integer", minimum: 100, maximum: 599 } });

export const listCallsQuery = z.strictObject({
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  vault_key_id: uuid.optional(),
  vendor: vendor.optional(),
  state: z.enum(CALL_STATES).optional(),
  verdict: callSchema.shape.verdict.optional(),
  denial_code: word.optional(),
  method: word.transform((method) => method.toUpperCase()).optional(),
  endpoint: exact.optional().describe("as the vendor's catalogue writes it, such as `POST /v1/refunds`"),
  path: exact.optional(),
  status_code: statusCode.optional(),
  direction: z.enum(DIRECTIONS).optional(),
  currency: word.transform((currency) => currency.toLowerCase()).optional(),
  customer_id: exact.optional(),
  vendor_request_id: exact.optional(),
  vendor_object_id: exact.optional(),
  replica: exact.optional(),
  claimed: z
    .literal("true")
    .optional()
    .describe("only calls whose request claimed another agent or run than its key's label"),
  min_cost_usd: z
    .string()
    .refine((value) => parseUsd(value) !== null, {
      error: "must be dollars as a decimal string, at least 0, with at most six decimals",
    })
    .optional(),
  q: searchText.optional().describe("a part of the path or of the metadata, any letter case"),
  from: instantOrDay.optional().describe("this instant and later"),
  to: instantOrDay.optional().describe("before this instant"),
  format: z
    .enum(CALL_FORMATS)
    .optional()
    .describe("wins over `Accept`; `csv` and `ndjson` give every row, or `limit` of them"),
  ...pageQuery,
});

export type Call = z.infer<typeof callSchema>;
export type CallPage = z.infer<typeof callPageSchema>;
export type ListCalls = Omit<z.input<typeof listCallsQuery>, "format">;
