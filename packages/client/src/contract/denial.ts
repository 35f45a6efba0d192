import { z } from "zod";
import { agentId, instant, instantOrDay, uuid, vendor } from "./identifier.ts";
import { pageQuery } from "./page.ts";

const text = z.string().nullable();

/** How often one key was refused with one code in one minute at one replica. */
export const denialCountSchema = z
  .object({
    id: uuid,
    minute: instant.describe("its first instant"),
    vault_key_id: uuid.nullable().describe("null = requests without a valid key"),
    agent_id: text,
    crew_run_id: text,
    vendor: text,
    code: z.string(),
    recorded: z.int().min(0).describe("refusals with a row in the audit log"),
    counted: z.int().min(0).describe("refusals beyond those, of which only the number is kept"),
    last_at: instant,
    replica: z.string(),
  })
  .meta({ id: "DenialCount" });

export const listDenialsQuery = z.strictObject({
  agent_id: agentId.optional(),
  vault_key_id: uuid.optional(),
  vendor: vendor.optional(),
  code: z
    .string()
    .regex(/^[a-z_]{1,64}$/, { error: "must be a denial code such as `daily_cap_exceeded`" })
    .optional(),
  from: instantOrDay.optional().describe("minutes that begin at this instant and later"),
  to: instantOrDay.optional().describe("minutes that begin before this instant"),
  ...pageQuery,
});

export type DenialCount = z.infer<typeof denialCountSchema>;
export type ListDenials = z.input<typeof listDenialsQuery>;
