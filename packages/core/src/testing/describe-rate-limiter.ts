import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { RateLimiter } from "../ports.ts";
import { useHarness } from "./harness-lifetime.ts";

const MINUTE_SECONDS = 60;

/** What an implementer of `RateLimiter` offers to its contract suite. */
export interface RateLimiterHarness {
  readonly limiter: RateLimiter;
  /** The store that it shares with another replica; null when each counts for itself. */
  readonly shared: SharedStoreHarness | null;
  close(): Promise<void>;
}

/** A store that two replicas share, and everything that can go wrong with it. */
export interface SharedStoreHarness {
  readonly peer: RateLimiter;
  /** Waits until both replicas count in the store again. */
  waitUntilShared(): Promise<void>;
  /** It takes requests and does not answer; returns how to wake it. */
  stall(): () => void;
  /** It forgets everything. */
  empty(): Promise<void>;
  /** It answers with counts and times that cannot be. */
  falsify(kind: "no number" | "far future" | "below zero"): Promise<void>;
  /** It is gone for good. */
  lose(): Promise<void>;
}

/** The contract of `RateLimiter`. `isShared` says whether its harness has a shared store. */
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
  const open = () => {
    const { limiter, shared } = get();
    if (shared === null) expect.fail("this harness has no shared store");
    return { limiter, ...shared };
  };

  /** Without the store each of the two replicas has half of the limit, rounded up. */
  const expectHalf = async () => {
    const { limiter, peer } = open();
    for (const replica of [limiter, peer]) expect(await take([replica], 20, randomUUID(), 5)).toBe(3);
  };

  it("counts across replicas", async () => {
    const { limiter, peer } = open();
    expect(await take([limiter, peer], 40, randomUUID(), 10)).toBe(10);
  });

  it("lets nobody have more than the limit at one replica when its store forgets", async () => {
    const { limiter, empty } = open();
    const id = randomUUID();
    expect(await take([limiter], 6, id, 10)).toBe(6);
    await empty();
    expect(await take([limiter], 20, id, 10)).toBe(4);
  });

  it.each(["no number", "far future", "below zero"] as const)(
    "believes nothing impossible (%s): each replica lets through its share",
    async (kind) => {
      const { limiter, falsify, waitUntilShared } = open();
      const id = randomUUID();
      expect(await limiter.take(id, 4)).toBeNull();
      await falsify(kind);
      expect(await take([limiter], 10, id, 4)).toBe(1);
      await waitUntilShared();
    },
  );

  it("with a store that hangs keeps nobody waiting and lets through each replica's share", async () => {
    const { limiter, stall, waitUntilShared } = open();
    const wake = stall();
    // If each of them waited for the store, the test would run out of time.
    for (let round = 0; round < 1_000; round++) await limiter.take(randomUUID(), 5);
    await expectHalf();
    wake();
    await waitUntilShared();
  });

  it("without its store never rejects, and each replica lets through its share", async () => {
    const { limiter, peer, lose } = open();
    const id = randomUUID();
    expect(await limiter.take(id, 2)).toBeNull();
    await lose();
    // The call that was counted before is one of its share.
    expect(await take([limiter], 10, id, 2)).toBe(0);
    expect(await take([peer], 10, id, 2)).toBe(1);
    await expectHalf();
  });
}
