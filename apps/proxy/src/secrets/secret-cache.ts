/** An opened credential and the version it is of. */
export interface OpenedSecret {
  readonly version: number;
  readonly credential: Buffer;
  readonly accountId: string | null;
}

interface Entry {
  readonly opened: OpenedSecret;
  readonly timer: NodeJS.Timeout;
}

/** No installation has that many vendor accounts; the bound is there so that nothing can grow without one. */
const ENTRIES_MAX = 1_000;

/** Opened credentials, for a while. Whatever leaves, by age, by a newer version or by force, is wiped. */
export class SecretCache {
  readonly #entries = new Map<string, Entry>();
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /** The credential in this version or a newer one. */
  get(secretId: string, version: number): OpenedSecret | null {
    const opened = this.#entries.get(secretId)?.opened;
    return opened !== undefined && opened.version >= version ? opened : null;
  }

  put(secretId: string, opened: OpenedSecret): void {
    this.drop(secretId);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size >= ENTRIES_MAX && oldest !== undefined) this.drop(oldest);
    const timer = setTimeout(() => this.drop(secretId), this.#lifetimeMs);
    timer.unref();
    this.#entries.set(secretId, { opened, timer });
  }

  drop(secretId: string): void {
    const entry = this.#entries.get(secretId);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#entries.delete(secretId);
    // Whoever was handed it in this turn of the event loop uses it first: a wiped credential must never be sent.
    setImmediate(() => entry.opened.credential.fill(0));
  }

  clear(): void {
    for (const secretId of [...this.#entries.keys()]) this.drop(secretId);
  }
}
