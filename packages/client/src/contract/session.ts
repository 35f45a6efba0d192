import { z } from "zod";
import { adminRole } from "./admin-token.ts";
import { instant } from "./identifier.ts";

const proof = z.string().min(1).max(512);

/** Opens a session with an admin token, or with the code of a login link. */
export const createSessionBody = z.union([
  z.strictObject({ token: proof }),
  z.strictObject({ code: proof.describe("from a login link; good for ten minutes, once") }),
]);

/** Who asks, and in a session what a change needs: `X-Keybrake-CSRF` with this value. */
export const sessionSchema = z
  .object({
    name: z.string(),
    role: adminRole,
    csrf: z.string().nullable().describe("null for a bearer token, which needs none"),
    ends_at: instant
      .nullable()
      .describe("when the session ends if nothing more is asked; null for a bearer token"),
  })
  .meta({ id: "Session" });

export const loginCodeSchema = z
  .object({
    code: z.string().describe("for `/#login=<code>` of the console; shown this once"),
    expires_at: instant,
  })
  .meta({ id: "LoginCode" });

export type Session = z.infer<typeof sessionSchema>;
export type LoginCode = z.infer<typeof loginCodeSchema>;
