import type { Database } from "../ledger/database.ts";
import type { EnvelopePlace } from "./envelope.ts";
import type { KeyRing } from "./key-ring.ts";
import { findActiveKeyId, isSealedTooLate } from "./master-key-store.ts";

/** A master key is not changed twice in a moment. */
const SEAL_ATTEMPTS_MAX = 3;

/** Seals under the master key in use and writes; once more when another one has come into use in between. */
export async function sealUnderActive<Result>(
  database: Database,
  keyRing: KeyRing,
  place: EnvelopePlace,
  value: string,
  write: (envelope: Buffer) => Promise<Result>,
): Promise<Result> {
  const plaintext = Buffer.from(value, "utf8");
  try {
    for (let attempt = 1; ; attempt++) {
      const keyId = (await findActiveKeyId(database)) ?? keyRing.configuredId;
      try {
        return await write(keyRing.seal(keyId, place, plaintext));
      } catch (error) {
        if (attempt === SEAL_ATTEMPTS_MAX || !isSealedTooLate(error)) throw error;
      }
    }
  } finally {
    plaintext.fill(0);
  }
}
