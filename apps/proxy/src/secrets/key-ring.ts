import { KeybrakeError } from "@keybrake/core";
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
 * With the time that two questions may take, and the minute for which an opened credential may be kept, what was lent is
 * used for five minutes at most.
 */
const LENT_MS = 225_000;

/**
 * The master keys that this process has: the configured one, and while it is being changed the one before. What either
 * has sealed can be opened; which of them seals is the installation's to say, because all replicas must agree on it.
 * A ring with a lent key can be used for less than four minutes, unless it is renewed; past that every method that needs a key
 * throws `ledger_unavailable`.
 */
export class KeyRing {
  /** The id of `KEYBRAKE_MASTER_KEY`. */
  readonly configuredId: string;
  readonly #configured: MasterKey;
  readonly #keys = new Map<string, MasterKey>();
  readonly #monotonicMs: () => number;
  #usableUntilMs: number;

  constructor(
    configured: MasterKey,
    previous: MasterKey | null = null,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#configured = configured;
    this.configuredId = configured.id;
    for (const key of previous === null ? [configured] : [configured, previous]) this.#keys.set(key.id, key);
    this.#monotonicMs = monotonicMs;
    this.#usableUntilMs = this.isLent ? monotonicMs() + LENT_MS : Number.POSITIVE_INFINITY;
  }

  /** Whether a key of it was lent. */
  get isLent(): boolean {
    return [...this.#keys.values()].some(({ isLent }) => isLent);
  }

  get isUsable(): boolean {
    return this.#monotonicMs() < this.#usableUntilMs;
  }

  /** Takes the same keys from a ring that was just loaded, and its time. Throws a RangeError when they are others. */
  renewFrom(fresh: KeyRing): void {
    if (fresh.ids.join() !== this.ids.join())
      throw new RangeError("the master key is another one now: start again to use it");
    for (const [id, { key }] of fresh.#keys) this.#keys.get(id)?.key.set(key);
    fresh.wipe();
    this.#usableUntilMs = fresh.#usableUntilMs;
  }

  /** Overwrites every key. */
  wipe(): void {
    for (const { key } of this.#keys.values()) key.fill(0);
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
    return openEnvelope(this.#sealing(stored), place, stored);
  }

  /** The same envelope under another key: the secret itself is neither opened nor sealed anew. */
  rewrap(id: string, place: EnvelopePlace, stored: Uint8Array): Buffer {
    return rewrapEnvelope(this.#sealing(stored), this.#get(id), place, stored);
  }

  #sealing(stored: Uint8Array): MasterKey {
    this.#demandUsable();
    return this.#keys.get(readKeyId(stored)) ?? this.#configured;
  }

  #get(id: string): MasterKey {
    this.#demandUsable();
    const key = this.#keys.get(id);
    if (key === undefined) throw new RangeError(`this process does not have the master key \`${id}\``);
    return key;
  }

  #demandUsable(): void {
    if (this.isUsable) return;
    throw new KeybrakeError("ledger_unavailable", { detail: "the master key cannot be had at the moment" });
  }
}

/** A ring of one key, from its 32 bytes. */
export function createKeyRing(key: Buffer): KeyRing {
  return new KeyRing(createMasterKey(key));
}
