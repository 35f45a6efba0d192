/** The signals that ask this process to end, and that its child must get. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export type StopSignal = (typeof SIGNALS)[number];

/**
 * Catches the signals that would end this process until it is closed, so that it can end in order: what it has issued
 * must be revoked first. SIGKILL cannot be caught; against it the keys expire.
 */
export class StopSignals {
  readonly #listeners = new Set<(signal: StopSignal) => void>();
  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.first ??= signal as StopSignal;
    for (const listener of this.#listeners) listener(signal as StopSignal);
  };

  /** The first that came; null = none yet. */
  first: StopSignal | null = null;

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Calls `listener` for every signal from here on; the returned function ends that. */
  listen(listener: (signal: StopSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}
