import { beforeEach, describe, expect, it } from "vitest";
import { Pace } from "../../src/limits/pace.ts";

let nowMs = 0;
const clock = () => nowMs;

beforeEach(() => {
  nowMs = 1_000;
});

describe("Pace", () => {
  it("halves when the vendor refuses, once an overload, and is back in ten seconds and one", () => {
    const pace = new Pace(100, clock);
    expect(pace.slowDown(120, null)).toBe(true);
    expect(pace.perSecond).toBe(50);
    // These were on their way already.
    for (let index = 0; index < 50; index++) expect(pace.slowDown(120, null)).toBe(false);
    expect(pace.perSecond).toBe(50);
    nowMs += 1_000;
    pace.slowDown(60, null);
    expect(pace.perSecond).toBe(25);
    nowMs += 6_000;
    expect(pace.perSecond).toBeCloseTo(50);
    nowMs += 10_000;
    expect(pace.perSecond).toBe(100);
  });

  it("never stops by refusals alone", () => {
    const pace = new Pace(10, clock);
    for (let index = 0; index < 20; index++) {
      nowMs += 1_000;
      pace.slowDown(1, null);
    }
    expect(pace.perSecond).toBeGreaterThanOrEqual(0.5);
  });

  it("waits as long as the vendor asks, and at most ten seconds", () => {
    const pace = new Pace(100, clock);
    pace.slowDown(1, 2_000);
    expect(pace.pauseMs).toBe(2_000);
    nowMs += 500;
    expect(pace.slowDown(1, 1_000)).toBe(false);
    expect(pace.pauseMs).toBe(1_500);
    expect(pace.slowDown(1, 86_400_000)).toBe(true);
    expect(pace.pauseMs).toBe(10_000);
    nowMs += 10_000;
    expect(pace.pauseMs).toBe(0);
  });

  it("without a known limit takes what was sent as too fast, and forgets that when all is well", () => {
    const pace = new Pace(null, clock);
    expect(pace.perSecond).toBe(Number.POSITIVE_INFINITY);
    pace.slowDown(200, null);
    expect(pace.perSecond).toBe(100);
    nowMs += 11_000;
    expect(pace.perSecond).toBe(Number.POSITIVE_INFINITY);
    // One call that was refused because of somebody else's haste does not stop everything.
    pace.slowDown(1, null);
    expect(pace.perSecond).toBe(5);
  });
});
