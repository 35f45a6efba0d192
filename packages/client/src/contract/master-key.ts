import { z } from "zod";
import { instant } from "./identifier.ts";

const keyId = z.string().regex(/^[0-9a-f]{8}$/);

/** The master key by its public id (the first eight hexadecimal digits of its SHA-256), and how far a change of it is. */
export const masterKeySchema = z
  .object({
    active_id: keyId.describe("what seals now"),
    previous_id: keyId.nullable().describe("what sealed before the last change"),
    configured_ids: z.array(keyId).describe("what the replica that answers has, the configured one first"),
    begun_at: instant.nullable(),
    finished_at: instant.nullable().describe("null while something is still sealed under the key before"),
    remaining: z.int().min(0).describe("secrets and keys that are still sealed under another key"),
  })
  .meta({ id: "MasterKey" });

export type MasterKeyState = z.infer<typeof masterKeySchema>;
