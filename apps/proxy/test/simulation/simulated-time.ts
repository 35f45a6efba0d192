import { syncBuiltinESMExports } from "node:module";
import FakeTimers from "@sinonjs/fake-timers";

/** What one step of the clock may skip without letting promises run. */
const SLICE_MS = 250;
/** A reserve passes one turn of the event loop to reach its flush, and its answer another. */
const TURNS = 3;

/**
 * Time that passes only when it is told to, for everything in this process: timers, `Date`, `performance`, and through
 * `Date` the embedded database as well. `setImmediate` stays real: it is how promises are given their turn.
 */
export class SimulatedTime {
  readonly #clock: ReturnType<typeof FakeTimers.install>;

  constructor(startMs: number) {
    this.#clock = FakeTimers.install({
      now: startMs,
      // The database engine has one of its own from before.
      shouldClearNativeTimers: true,
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    });
    // `import { setTimeout } from "node:timers/promises"` sees the replacement only now.
    syncBuiltinESMExports();
  }

  /** Lets everything run that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time pass and every timer fire that is due, in order. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= SLICE_MS) {
      this.#clock.tick(Math.min(left, SLICE_MS));
      await this.settle();
    }
  }

  /** Lets the whole machine sleep: each timer that became due fires once, late. */
  async sleep(ms: number): Promise<void> {
    this.#clock.jump(ms);
    await this.settle();
  }

  /** Sets the wall clock back, the database's too; nothing else notices. */
  setBack(ms: number): void {
    this.#clock.setSystemTime(Date.now() - ms);
  }

  /** Gives the process its real time back; timers that were set meanwhile never fire. */
  end(): void {
    this.#clock.uninstall();
    syncBuiltinESMExports();
  }
}
