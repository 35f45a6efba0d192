import { randomUUID } from "node:crypto";
import {
  type CredentialMode,
  isKeybrakeError,
  KeybrakeError,
  type SecretStore,
  type VendorName,
} from "@keybrake/core";
import type { Database } from "../ledger/database.ts";
import { withUnavailable } from "./available-database.ts";
import type { EnvelopePlace } from "./envelope.ts";
import type { KeyRing } from "./key-ring.ts";
import { sealUnderActive } from "./seal-under-active.ts";
import { type OpenedSecret, SecretCache } from "./secret-cache.ts";
import {
  eraseSecret,
  insertSecret,
  type SecretRecord,
  selectSealedSecret,
  selectSecretByName,
  selectSecrets,
  updatePace,
  updateSecret,
} from "./secret-rows.ts";

/** How long an opened credential may stay in memory. */
const REMEMBER_MS = 60_000;
/** Each attempt loses only to another rotation that won. */
const ROTATE_ATTEMPTS_MAX = 5;
/** `open` is asked in the middle of a call, so it gives up before the ledger would. */
const WAIT_MS_MAX = 800;

/** A new secret; the value was found to be plausible (`findSecretProblem`). */
export interface NewSecret {
  readonly name: string;
  readonly vendor: VendorName;
  readonly value: string;
  readonly accountId: string | null;
  readonly mode: CredentialMode;
  /** How fast the vendor may be asked with it; absent or null = as the vendor documents it. */
  readonly requestsPerSecond?: number | null;
}

/** Opens the store. `rememberMs` is at most a minute; less is for tests. `close` wipes what is in memory. */
export function openSecretStore(
  database: Database,
  keyRing: KeyRing,
  installationId: string,
  rememberMs: number = REMEMBER_MS,
): EnvelopeSecretStore {
  return new EnvelopeSecretStore(database, keyRing, installationId, rememberMs);
}

/**
 * Vendor credentials in the database, each in its own envelope. Every method rejects with `ledger_unavailable` when
 * the database does not answer. What `open` returns is wiped a minute after it was
 * read, or as soon as a newer version is known. No method and no error ever gives out a value otherwise.
 */
export class EnvelopeSecretStore implements SecretStore {
  readonly #database: Database;
  readonly #keyRing: KeyRing;
  readonly #installationId: string;
  readonly #cache: SecretCache;
  readonly #loading = new Map<string, Promise<OpenedSecret>>();

  constructor(database: Database, keyRing: KeyRing, installationId: string, rememberMs: number) {
    this.#database = withUnavailable(database);
    this.#keyRing = keyRing;
    this.#installationId = installationId;
    this.#cache = new SecretCache(Math.min(rememberMs, REMEMBER_MS));
  }

  /**
   * Rejects with `ledger_unavailable` when the secret cannot be read within a second or was erased, or the master key
   * cannot be had, and with `internal` when its envelope does not open.
   */
  async open(secretId: string, version: number): Promise<OpenedSecret> {
    const known = this.#cache.get(secretId, version);
    if (known !== null) return known;
    // A load that was already under way may have read before the rotation that this version comes from.
    const shared = await this.#load(secretId);
    if (shared.version >= version) return shared;
    const fresh = await this.#load(secretId);
    if (fresh.version >= version) return fresh;
    throw new KeybrakeError("ledger_unavailable", { detail: "the secret's new version is not there yet" });
  }

  /** Stores a new secret; null when the name is taken. What changes is written through `through`. */
  create(secret: NewSecret, through: Database = this.#database): Promise<SecretRecord | null> {
    const { name, vendor, accountId, mode, requestsPerSecond = null } = secret;
    const id = randomUUID();
    return this.#sealed(this.#placeOf({ id, vendor, version: 1 }), secret.value, (envelope) =>
      insertSecret(through, { id, name, vendor, accountId, mode, requestsPerSecond, envelope }),
    );
  }

  /** Replaces a secret's value; null when there is none of that name. Calls already reserved may still use the old one. */
  async rotate(
    name: string,
    value: string,
    through: Database = this.#database,
  ): Promise<SecretRecord | null> {
    for (let attempt = 0; attempt < ROTATE_ATTEMPTS_MAX; attempt++) {
      const secret = await selectSecretByName(this.#database, name);
      if (secret === null) return null;
      const place = this.#placeOf({ ...secret, version: secret.version + 1 });
      const rotated = await this.#sealed(place, value, (envelope) =>
        updateSecret(through, secret.id, secret.version, envelope),
      );
      if (rotated !== null) {
        this.#cache.drop(secret.id);
        return rotated;
      }
    }
    throw new KeybrakeError("overloaded", { detail: "the secret is being rotated by others, try again" });
  }

  /** Sets how fast the vendor may be asked with a secret (null = as documented); null when there is none of that name. */
  setPace(
    name: string,
    requestsPerSecond: number | null,
    through: Database = this.#database,
  ): Promise<SecretRecord | null> {
    return updatePace(through, name, requestsPerSecond);
  }

  /** Erases a secret; false when there is none of that name. No later call of its keys is allowed. */
  async delete(name: string, through: Database = this.#database): Promise<boolean> {
    const id = await eraseSecret(through, name);
    if (id !== null) this.#cache.drop(id);
    return id !== null;
  }

  /** Secrets in the order of their names, behind `afterName` (empty = from the start). */
  list(afterName: string, most: number): Promise<readonly SecretRecord[]> {
    return selectSecrets(this.#database, afterName, most);
  }

  find(name: string): Promise<SecretRecord | null> {
    return selectSecretByName(this.#database, name);
  }

  /** Wipes every credential in memory. */
  close(): void {
    this.#cache.clear();
  }

  #load(secretId: string): Promise<OpenedSecret> {
    const running = this.#loading.get(secretId);
    if (running !== undefined) return running;
    const loading = this.#read(secretId).finally(() => this.#loading.delete(secretId));
    this.#loading.set(secretId, loading);
    return loading;
  }

  async #read(secretId: string): Promise<OpenedSecret> {
    const sealed = await bounded(selectSealedSecret(this.#database, secretId));
    if (sealed === null) throw new KeybrakeError("ledger_unavailable", { detail: "the secret was deleted" });
    const place = this.#placeOf(sealed);
    try {
      const credential = this.#keyRing.open(place, sealed.envelope);
      const opened = { version: sealed.version, credential, accountId: sealed.accountId };
      this.#cache.put(secretId, opened);
      return opened;
    } catch (error) {
      throw isKeybrakeError(error) ? error : new KeybrakeError("internal", { cause: error });
    }
  }

  #sealed<Result>(
    place: EnvelopePlace,
    value: string,
    write: (envelope: Buffer) => Promise<Result>,
  ): Promise<Result> {
    return sealUnderActive(this.#database, this.#keyRing, place, value, write);
  }

  #placeOf(secret: { id: string; vendor: string; version: number }): EnvelopePlace {
    const { id: rowId, vendor, version } = secret;
    return { installationId: this.#installationId, table: "secrets", rowId, vendor, version };
  }
}

async function bounded<Value>(answer: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KeybrakeError("ledger_unavailable")), WAIT_MS_MAX);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw new KeybrakeError("ledger_unavailable", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
