import { createPublicKey, type KeyObject } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChainHead } from "./audit-verify.ts";
import { replaceDurablyLater } from "./durable-files.ts";
import { readSignedHeads, renderSignedHeads } from "./signed-heads.ts";

/**
 * What this replica has seen of the audit chains, kept in its data directory: after a restart it still knows which links
 * the database must have. One file an installation, so that another database in the same place is no contradiction.
 */
export class Witness {
  readonly #file: string;
  readonly #key: KeyObject;
  #written = "";

  constructor(dataDir: string, installationId: string, key: KeyObject) {
    this.#file = join(dataDir, `witness-${installationId}.json`);
    this.#key = key;
  }

  /** The links that were written down last; none at the first start. Throws when somebody else has written there. */
  read(): readonly ChainHead[] {
    if (!existsSync(this.#file)) return [];
    const heads = readSignedHeads(readFileSync(this.#file, "utf8"), createPublicKey(this.#key));
    if (heads !== null) return heads;
    throw new Error(
      `the file \`${this.#file}\` was not signed by this installation: it says what the database must have. ` +
        "Find out who changed it; then move it away, and start again",
    );
  }

  /** Writes links down when they are other ones than before, and waits for the disk. `now` is the database's time. */
  async write(heads: readonly ChainHead[], now: Date): Promise<void> {
    const text = heads.map(({ epoch, seq }) => `${epoch}/${seq}`).join(" ");
    if (text === this.#written) return;
    await replaceDurablyLater(this.#file, renderSignedHeads(heads, now, this.#key));
    this.#written = text;
  }
}

/** Opens the witness of a data directory, which is made when it is not there; null where nothing may be written. */
export function openWitness(dataDir: string, installationId: string, key: KeyObject): Witness | null {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.W_OK);
  } catch {
    return null;
  }
  return new Witness(dataDir, installationId, key);
}
