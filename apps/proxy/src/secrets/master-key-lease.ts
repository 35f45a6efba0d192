import type { KeyRing } from "./key-ring.ts";

/** Told when the keys are lost, found again, and why they were not had. */
export interface LeaseEvents {
  readonly onError: (error: unknown) => void;
  readonly onChange: (isLost: boolean) => void;
}

/**
 * Keeps a ring of wrapped keys usable: asks for them again before its time is over, and wipes them when it is. So
 * whoever can stop the unwrapping stops this process too, within minutes.
 */
export class MasterKeyLease {
  readonly #keyRing: KeyRing;
  readonly #load: () => Promise<KeyRing>;
  readonly #events: LeaseEvents;
  #isLost = false;

  /** `load` unwraps the keys anew; it rejects when they cannot be had. */
  constructor(keyRing: KeyRing, load: () => Promise<KeyRing>, events: LeaseEvents) {
    this.#keyRing = keyRing;
    this.#load = load;
    this.#events = events;
  }

  /** Asks once. Never rejects; call it several times within the time for which keys are lent. */
  async renew(): Promise<void> {
    try {
      this.#keyRing.renewFrom(await this.#load());
      this.#tell(false);
    } catch (error) {
      this.#events.onError(error);
      if (this.#keyRing.isUsable) return;
      this.#keyRing.wipe();
      this.#tell(true);
    }
  }

  #tell(isLost: boolean): void {
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    this.#events.onChange(isLost);
  }
}
