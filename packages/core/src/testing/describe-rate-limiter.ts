import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { RateLimiter } from "../ports.ts";
import { useHarness } from "./harness-lifetime.ts";

const MINUTE_SECONDS = 60;

/** What an implementer of `RateLimiter` offers to its contract suite. */
export interface RateLimiterHarness {
  readonly limiter: RateLimiter;
  /** Another replica that counts in the same store; null when each counts for itself. */
  readonly peer: RateLimiter | null;
  /** Takes the shared store away for good; null when there is none. */
  readonly loseStore: (() => Promise<void>) | null;
  close(): Promise<void>;
}

/** The contract of `RateLimiter`. `isShared` says whether its harness has `peer` and `loseStore`. */
export function describeRateLimiter(
  name: string,
  open: () => Promise<RateLimiterHarness>,
  traits: { readonly isShared: boolean },
): void {
  describe(`rate limiter on ${name}`, () => {
    const get = useHarness(open);
    testCounting(get);
    if (traits.isShared) testSharing(get);
  });
}

/** Takes so many times at once; returns how many passed. */
async function take(
  limiters: readonly RateLimiter[],
  times: number,
  id: string,
  perMinute: number,
): Promise<number> {
  const taken = Array.from({ length: times }, (_, index) =>
    limiters[index % limiters.length]?.take(id, perMinute),
  );
  const waits = await Promise.all(taken);
  for (const seconds of waits) if (seconds !== null) expectSeconds(seconds);
  return waits.filter((seconds) => seconds === null).length;
}

function expectSeconds(seconds: number | null | undefined): void {
  expect(Number.isInteger(seconds)).toBe(true);
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(MINUTE_SECONDS);
}

function testCounting(get: () => RateLimiterHarness): void {
  it("lets so many pass in a minute, and says how many whole seconds to wait", async () => {
    const { limiter } = get();
    const id = randomUUID();
    for (let index = 0; index < 3; index++) expect(await limiter.take(id, 3)).toBeNull();
    expectSeconds(await limiter.take(id, 3));
    expectSeconds(await limiter.take(id, 3));
  });

  it("lets no more pass when they come at once", async () => {
    expect(await take([get().limiter], 50, randomUUID(), 10)).toBe(10);
  });

  it("counts each key for itself", async () => {
    const { limiter } = get();
    const [one, other] = [randomUUID(), randomUUID()];
    expect(await take([limiter], 5, one, 1)).toBe(1);
    expect(await limiter.take(other, 1)).toBeNull();
  });

  it("lets a key pass whose limit was raised", async () => {
    const { limiter } = get();
    const id = randomUUID();
    expect(await take([limiter], 5, id, 2)).toBe(2);
    expect(await limiter.take(id, 20)).toBeNull();
  });

  it("takes any limit that a policy may have", async () => {
    const { limiter } = get();
    expect(await limiter.take(randomUUID(), 1_000_000_000)).toBeNull();
  });
}

function testSharing(get: () => RateLimiterHarness): void {
  it("counts across replicas", async () => {
    const { limiter, peer } = get();
    if (peer === null) expect.fail("this harness has no peer");
    expect(await take([limiter, peer], 40, randomUUID(), 10)).toBe(10);
  });

  it("without its store never rejects, still limits, and each replica counts for itself", async () => {
    const { limiter, peer, loseStore } = get();
    if (peer === null || loseStore === null) expect.fail("this harness has no store to lose");
    const id = randomUUID();
    expect(await limiter.take(id, 2)).toBeNull();
    await loseStore();
    for (const replica of [limiter, peer]) {
      const passed = await take([replica], 10, id, 2);
      expect(passed).toBeGreaterThanOrEqual(1);
      expect(passed).toBeLessThanOrEqual(2);
      expect(await take([replica], 20, randomUUID(), 4)).toBe(4);
    }
  });
}
