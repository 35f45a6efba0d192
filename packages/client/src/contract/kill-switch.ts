import { z } from "zod";
import { instant, reason } from "./identifier.ts";

/** The brake over everything: while it is engaged, no call of any key is allowed. */
export const killSwitchSchema = z
  .object({ engaged: z.boolean(), reason: z.string().nullable(), changed_at: instant.nullable() })
  .meta({ id: "KillSwitch" });

export const setKillSwitchBody = z.strictObject({ engaged: z.boolean(), reason: reason.optional() });

export type KillSwitch = z.infer<typeof killSwitchSchema>;
export type SetKillSwitch = z.input<typeof setKillSwitchBody>;
