import {
  createMasterKey,
  type EnvelopePlace,
  type MasterKey,
  openEnvelope,
  readKeyId,
  rewrapEnvelope,
  sealEnvelope,
} from "./envelope.ts";

/**
 * The master keys that this process has: the configured one, and while it is being changed the one before. What either
 * has sealed can be opened; which of them seals is the installation's to say, because all replicas must agree on it.
 */
export class KeyRing {
  /** The id of `KEYBRAKE_MASTER_KEY`. */
  readonly configuredId: string;
  readonly #configured: MasterKey;
  readonly #keys = new Map<string, MasterKey>();

  constructor(configured: MasterKey, previous: MasterKey | null = null) {
    this.#configured = configured;
    this.configuredId = configured.id;
    for (const key of previous === null ? [configured] : [configured, previous]) this.#keys.set(key.id, key);
  }

  /** The ids of all keys in it. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  has(id: string): boolean {
    return this.#keys.has(id);
  }

  /** Seals under the key with that id. Throws when the ring does not have it. */
  seal(id: string, place: EnvelopePlace, plaintext: Uint8Array): Buffer {
    return sealEnvelope(this.#get(id), place, plaintext);
  }

  /** Opens what any key of the ring has sealed (see `openEnvelope`). */
  open(place: EnvelopePlace, stored: Uint8Array): Buffer {
    return openEnvelope(this.#keys.get(readKeyId(stored)) ?? this.#configured, place, stored);
  }

  /** The same envelope under another key: the secret itself is neither opened nor sealed anew. */
  rewrap(id: string, place: EnvelopePlace, stored: Uint8Array): Buffer {
    const before = this.#keys.get(readKeyId(stored)) ?? this.#configured;
    return rewrapEnvelope(before, this.#get(id), place, stored);
  }

  #get(id: string): MasterKey {
    const key = this.#keys.get(id);
    if (key === undefined) throw new RangeError(`this process does not have the master key \`${id}\``);
    return key;
  }
}

/** A ring of one key, from its 32 bytes. */
export function createKeyRing(key: Buffer): KeyRing {
  return new KeyRing(createMasterKey(key));
}
