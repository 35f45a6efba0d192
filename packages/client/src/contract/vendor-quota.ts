import { CREDENTIAL_MODES } from "@keybrake/core";
import { z } from "zod";
import { secretName, vendor } from "./identifier.ts";
import { pageOf } from "./page.ts";

/** How much of one real credential's quota is used, and who used it when the vendor said that it was too much. */
export const vendorQuotaSchema = z
  .object({
    secret: secretName,
    vendor,
    mode: z.enum(CREDENTIAL_MODES),
    requests_per_second: z.number().nullable().describe("the pace that is enforced; null = none"),
    current_requests_per_second: z
      .number()
      .nullable()
      .describe(
        "what the answering replica lets through now: less than the pace after the vendor refused; null = any number",
      ),
    waiting: z.int().min(0).describe("calls that wait for their turn at the answering replica"),
    in_flight: z.int().min(0).describe("requests that the answering replica has open at the vendor"),
    sent_last_minute: z.int().min(0).describe("calls that went to the vendor, from all replicas"),
    throttled_last_hour: z
      .int()
      .min(0)
      .describe("answers with which the vendor refused for too many requests"),
    throttled_by: z
      .array(z.object({ agent_id: z.string(), calls: z.int().min(0) }))
      .describe("who had sent how many in the windows before those answers, most first"),
  })
  .meta({ id: "VendorQuota" });

/** One page of credentials by name, and the replica whose queues it tells of. */
export const vendorQuotaPageSchema = pageOf(vendorQuotaSchema)
  .extend({ replica: z.string() })
  .meta({ id: "VendorQuotaPage" });

export type VendorQuota = z.infer<typeof vendorQuotaSchema>;
export type VendorQuotaPage = z.infer<typeof vendorQuotaPageSchema>;
