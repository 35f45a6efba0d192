import { ADMIN_ROLES, parseDuration } from "@keybrake/core";
import { z } from "zod";
import { instant, keyName, uuid } from "./identifier.ts";

/** What an admin token may do. */
export const adminRole = z
  .enum(ADMIN_ROLES)
  .describe("`auditor` looks, `operator` also revokes and uses the kill switch, `admin` does everything");

/** An admin token as the API tells of it: everything but the token. */
export const adminTokenSchema = z
  .object({
    id: uuid,
    name: z.string(),
    role: adminRole,
    created_at: instant,
    expires_at: instant.nullable(),
    revoked_at: instant.nullable(),
  })
  .meta({ id: "AdminToken" });

/** The answer to a creation: the only place where the token itself is ever shown. */
export const createdAdminTokenSchema = adminTokenSchema
  .extend({ token: z.string().describe("shown this once; only a keyed hash of it is stored") })
  .meta({ id: "CreatedAdminToken" });

export const createAdminTokenBody = z.strictObject({
  name: keyName,
  role: adminRole,
  expires_in: z
    .string()
    .refine((text) => parseDuration(text) !== null, { error: "must be a duration such as `8h` or `30d`" })
    .optional()
    .describe("counted on the database's clock; absent = until it is revoked"),
});

export type AdminToken = z.infer<typeof adminTokenSchema>;
export type CreatedAdminToken = z.infer<typeof createdAdminTokenSchema>;
export type CreateAdminToken = z.input<typeof createAdminTokenBody>;
