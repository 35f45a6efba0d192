/**
 * What the one who ends keys, the callers and the vendor tell each other about each trial, in shared memory: each has a
 * thread of its own, so that no moment is read late because another one was busy.
 */
export class TrialBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #lastArrivalNs: BigInt64Array;
  readonly #arrivals: Int32Array;
  readonly #isOver: Int32Array;

  /** Of so many trials, or on the memory of another thread's. */
  constructor(trials: number, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(trials * 16);
    this.#lastArrivalNs = new BigInt64Array(this.buffer, 0, trials);
    this.#arrivals = new Int32Array(this.buffer, trials * 8, trials);
    this.#isOver = new Int32Array(this.buffer, trials * 12, trials);
  }

  noteArrival(trial: number, atNs: bigint): void {
    Atomics.store(this.#lastArrivalNs, trial, atNs);
    Atomics.add(this.#arrivals, trial, 1);
  }

  /** Requests of a trial that the vendor saw. */
  arrivals(trial: number): number {
    return Atomics.load(this.#arrivals, trial);
  }

  /** When the vendor saw the latest, on the machine's monotonic clock. */
  lastArrivalNs(trial: number): bigint {
    return Atomics.load(this.#lastArrivalNs, trial);
  }

  end(trial: number): void {
    Atomics.store(this.#isOver, trial, 1);
  }

  isOver(trial: number): boolean {
    return Atomics.load(this.#isOver, trial) === 1;
  }
}
