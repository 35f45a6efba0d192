import { CREDENTIAL_MODES } from "@keybrake/core";
import { z } from "zod";
import { instant, secretName, uuid, vendor } from "./identifier.ts";

/** The real credential. It goes in and never comes out again. */
export const secretValue = z
  .string()
  .min(8, { error: "must be at least 8 characters" })
  .max(512, { error: "must be at most 512 characters" })
  .regex(/^[\x21-\x7e]*$/, { error: "must be printable ASCII without spaces" });

/** A vendor credential as the API tells of it: everything but the credential. */
export const secretSchema = z
  .object({
    id: uuid,
    name: secretName,
    vendor,
    account_id: z.string().nullable(),
    mode: z.enum(CREDENTIAL_MODES).describe("what it moves counts with others of this kind only"),
    version: z.int().min(1).describe("grows by one at each rotation"),
    created_at: instant,
    rotated_at: instant.nullable(),
    requests_per_second: z
      .number()
      .nullable()
      .describe("how fast the vendor may be asked with it, as the operator set it; null = not set"),
    effective_requests_per_second: z
      .number()
      .nullable()
      .describe(
        "what holds: the setting, else the server's for the vendor, else the vendor's own; null = no pace",
      ),
  })
  .meta({ id: "Secret" });

const requestsPerSecond = z
  .number()
  .positive({ error: "must be more than 0" })
  .max(100_000, { error: "must be at most 100000" });

export const createSecretBody = z.strictObject({
  name: secretName,
  vendor,
  value: secretValue,
  account_id: z
    .string()
    .regex(/^[A-Za-z0-9_]{1,64}$/, { error: "must be 1 to 64 letters, digits or `_`" })
    .optional(),
  mode: z
    .enum(CREDENTIAL_MODES)
    .optional()
    .describe(
      "`test` for a credential that moves no money; Stripe's say so themselves, others are taken for live",
    ),
  requests_per_second: requestsPerSecond.optional(),
});

export const updateSecretBody = z.strictObject({
  requests_per_second: requestsPerSecond.nullable().describe("null = as the vendor documents it"),
});

export const rotateSecretBody = z.strictObject({ value: secretValue });

export type Secret = z.infer<typeof secretSchema>;
export type CreateSecret = z.input<typeof createSecretBody>;
