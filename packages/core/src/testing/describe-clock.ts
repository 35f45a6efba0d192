import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Clock } from "../ports.ts";
import { useHarness } from "./harness-lifetime.ts";

/** How far the clock may be from the store's: an answer's way back, on a machine that is busy. */
const TOLERANCE_MS = 150;
/** An answer that takes this long must not make the clock late by as much. */
const SLOW_MS = 600;
const PASSING_MS = 50;

/** What an implementer of `Clock` offers to its contract suite. */
export interface ClockHarness {
  readonly clock: Clock;
  /** Now, by the store itself. */
  storeNow(): Promise<Date>;
  /** The ledger's day by the store itself, an ISO date. */
  storeDay(): Promise<string>;
  /** Lets the ledger's day be the next one. */
  advanceDay(): Promise<void>;
  /** Lets the clock hear from the store, in an answer that is so many milliseconds on its way. */
  hear(tookMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The contract of `Clock`. */
export function describeClock(name: string, open: () => Promise<ClockHarness>): void {
  describe(`clock on ${name}`, () => {
    const get = useHarness(open);
    afterEach(() => {
      vi.useRealTimers();
    });
    testNow(get);
    testDay(get);
    testMonotonic(get);
  });
}

/** Fails unless the clock agrees with the store. */
async function expectRight(harness: ClockHarness): Promise<void> {
  const earliest = (await harness.storeNow()).getTime();
  const now = harness.clock.now().getTime();
  const latest = (await harness.storeNow()).getTime();
  expect(now).toBeGreaterThan(earliest - TOLERANCE_MS);
  expect(now).toBeLessThan(latest + TOLERANCE_MS);
}

/** Sets this machine's wall clock wrong; monotonic clocks go on. */
function setWallClock(instant: string): void {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date(instant) });
}

function testNow(get: () => ClockHarness): void {
  it("agrees with the store, before and after it has heard from it", async () => {
    const harness = get();
    await expectRight(harness);
    await harness.hear(0);
    await expectRight(harness);
  });

  it("agrees with the store after an answer that took long", async () => {
    const harness = get();
    await harness.hear(SLOW_MS);
    await expectRight(harness);
  });

  it.each(["1999-12-31T23:59:59Z", "2099-01-01T00:00:00Z"])(
    "does not care that this machine believes in %s",
    async (instant) => {
      const harness = get();
      setWallClock(instant);
      await expectRight(harness);
      await harness.hear(0);
      await expectRight(harness);
    },
  );

  it("goes on between two answers", async () => {
    const { clock } = get();
    const [beforeMs, before] = [clock.monotonicMs(), clock.now().getTime()];
    await delay(PASSING_MS);
    const passedMs = clock.now().getTime() - before;
    expect(passedMs).toBeGreaterThanOrEqual(PASSING_MS - 2);
    expect(passedMs).toBeLessThanOrEqual(clock.monotonicMs() - beforeMs + 2);
  });
}

function testDay(get: () => ClockHarness): void {
  it("has the ledger's day, which this machine's clock does not change", async () => {
    const harness = get();
    expect(harness.clock.today()).toBe(await harness.storeDay());
    setWallClock("1999-12-31T23:59:59Z");
    await harness.hear(0);
    expect(harness.clock.today()).toBe(await harness.storeDay());
  });

  it("has the ledger's next day once it has heard of it", async () => {
    const harness = get();
    const before = harness.clock.today();
    await harness.advanceDay();
    await harness.hear(0);
    expect(harness.clock.today()).toBe(await harness.storeDay());
    expect(harness.clock.today() > before).toBe(true);
  });
}

function testMonotonic(get: () => ClockHarness): void {
  it("has a monotonic clock that never goes back, whatever the wall clock does", async () => {
    const { clock } = get();
    let lastMs = clock.monotonicMs();
    for (let index = 0; index < 1_000; index++) {
      if (index === 500) setWallClock("1999-12-31T23:59:59Z");
      const nowMs = clock.monotonicMs();
      expect(nowMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = nowMs;
    }
    await delay(PASSING_MS);
    expect(clock.monotonicMs() - lastMs).toBeGreaterThanOrEqual(PASSING_MS - 2);
  });
}
