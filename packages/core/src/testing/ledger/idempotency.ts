import { describe, expect, it } from "vitest";
import type { KeyIdentity, ReserveRequest } from "../../ports.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  freshId,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  rowOf,
  tally,
  usedOf,
} from "./scene.ts";

/** Hours after which an idempotency key means nothing any more. */
const REMEMBERED_HOURS = 23;

/** Makes calls that are one and the same to the vendor. */
function repeating(key: KeyIdentity, micros: bigint, fingerprint = "body"): () => ReserveRequest {
  const idempotency = { upstreamKey: freshId("idem"), fingerprint };
  return () => callOf(key, micros, { idempotency });
}

/** One execution, one reservation, however often an agent repeats itself. */
export function testIdempotency(get: GetHarness): void {
  describe("a repeated idempotency key", () => {
    testOpen(get);
    testReplays(get);
    testAges(get);
    testFreed(get);
  });
}

function testOpen(get: GetHarness): void {
  it("is refused while the first call is open", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 100n)]);
    const again = repeating(key, 10n);
    await hold(harness, again());
    const second = again();
    expect(describeResult(await harness.ledger.reserve(second))).toBe("idempotency_in_flight");
    expect(await rowOf(harness, second)).toMatchObject({
      verdict: "deny",
      denialCode: "idempotency_in_flight",
    });
    expect(await usedOf(harness, ownBudget(key))).toBe(10n);
  });

  it("gives one reservation to fifty calls at once", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 1_000n), cap("daily", "calls", 100n)]);
    const again = repeating(key, 10n);
    const results = await atOnce(50, () => harness.ledger.reserve(again()));
    expect(tally(results)).toEqual({ reserved: 1, idempotency_in_flight: 49 });
    expect(await usedOf(harness, ownBudget(key))).toBe(10n);
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(1n);
  });

  it("with another body is refused, whether the first call is open or ended", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const idempotency = { upstreamKey: freshId("idem"), fingerprint: "one body" };
    const other = () => callOf(key, 1n, { idempotency: { ...idempotency, fingerprint: "another body" } });
    const first = await hold(harness, callOf(key, 1n, { idempotency }));
    expect(describeResult(await harness.ledger.reserve(other()))).toBe("idempotency_mismatch");
    await harness.ledger.settle(endOf(first, "settled", { costMicros: 1n }));
    expect(describeResult(await harness.ledger.reserve(other()))).toBe("idempotency_mismatch");
    // A refused repetition has not taken the key away from the first body.
    await hold(harness, callOf(key, 1n, { idempotency }));
  });

  it("does not make strangers of calls without one, or with another", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const results = await atOnce(10, (index) =>
      harness.ledger.reserve(index % 2 === 0 ? callOf(key, 1n) : repeating(key, 1n)()),
    );
    expect(tally(results)).toEqual({ reserved: 10 });
  });
}

function testReplays(get: GetHarness): void {
  it("passes again once the first call has ended, without a second hold or count", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n), cap("daily", "calls", 1n)]);
    const again = repeating(key, 10n);
    const first = await hold(harness, again());
    await harness.ledger.settle(endOf(first, "settled", { costMicros: 10n }));
    const replay = await hold(harness, again());
    expect(replay.reserved).toMatchObject({
      holdMicros: 0n,
      replayOf: { callId: first.callId, isOpen: false },
    });
    expect(await rowOf(harness, replay)).toMatchObject({ replayOf: first.callId, reservedMicros: 0n });
    expect(describeResult(await harness.ledger.reserve(again()))).toBe("idempotency_in_flight");
    await harness.ledger.settle(endOf(replay, "settled"));
    expect(await usedOf(harness, ownBudget(key))).toBe(10n);
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(1n);
    expect((await hold(harness, again())).reserved.replayOf?.callId).toBe(first.callId);
  });

  it("of an unknown outcome passes as a replay of an open call, and can end both", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
    const again = repeating(key, 10n);
    const first = await hold(harness, again());
    await harness.ledger.settle(endOf(first, "unknown"));
    const replay = await hold(harness, again());
    expect(replay.reserved.replayOf).toEqual({ callId: first.callId, isOpen: true });
    await Promise.all([
      harness.ledger.settle(endOf(replay, "settled")),
      harness.ledger.settle(endOf(first, "settled", { costMicros: 4n })),
    ]);
    expect(await usedOf(harness, ownBudget(key))).toBe(4n);
    expect((await rowOf(harness, first)).state).toBe("settled");
    expect((await hold(harness, again())).reserved.replayOf).toEqual({ callId: first.callId, isOpen: false });
  });

  it("is not kept from its own body by another body in the same moment", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const idempotency = { upstreamKey: freshId("idem"), fingerprint: "body" };
    const first = await hold(harness, callOf(key, 1n, { idempotency }));
    await harness.ledger.settle(endOf(first, "settled", { costMicros: 1n }));
    const [other, own] = await Promise.all([
      harness.ledger.reserve(callOf(key, 1n, { idempotency: { ...idempotency, fingerprint: "another" } })),
      harness.ledger.reserve(callOf(key, 1n, { idempotency })),
    ]);
    expect([other, own].map(describeResult)).toEqual(["idempotency_mismatch", "reserved"]);
  });

  it("released as never sent leaves the first call as it was", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
    const again = repeating(key, 10n);
    const first = await hold(harness, again());
    await harness.ledger.settle(endOf(first, "settled", { costMicros: 10n }));
    const replay = await hold(harness, again());
    await harness.ledger.settle(endOf(replay, "released"));
    expect((await hold(harness, again())).reserved.replayOf?.callId).toBe(first.callId);
    expect(await usedOf(harness, ownBudget(key))).toBe(10n);
  });
}

function testAges(get: GetHarness): void {
  it("means a new call when it is as old as the vendor's memory", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 20n)]);
    const again = repeating(key, 10n);
    const first = await hold(harness, again());
    await harness.ledger.settle(endOf(first, "settled", { costMicros: 10n }));
    await harness.ageIdempotencyKeys(REMEMBERED_HOURS - 1);
    await harness.ledger.settle(endOf(await hold(harness, again()), "settled"));
    await harness.ageIdempotencyKeys(2);
    const fresh = await hold(harness, again());
    expect(fresh.reserved).toMatchObject({ holdMicros: 10n, replayOf: null });
    expect(await usedOf(harness, ownBudget(key))).toBe(20n);
  });

  it("is still taken by a call that is open, however old it is", async () => {
    const harness = get();
    const again = repeating(await makeKey(harness), 1n);
    await hold(harness, again());
    await harness.ageIdempotencyKeys(REMEMBERED_HOURS + 1);
    expect(describeResult(await harness.ledger.reserve(again()))).toBe("idempotency_in_flight");
  });
}

function testFreed(get: GetHarness): void {
  it.each([
    ["a call never sent", null],
    ["a call that the vendor refused", 402],
  ])("is free again after %s", async (_, statusCode) => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
    const again = repeating(key, 10n);
    const first = await hold(harness, again());
    await harness.ledger.settle(endOf(first, "released", { statusCode }));
    expect((await hold(harness, again())).reserved).toMatchObject({ holdMicros: 10n, replayOf: null });
  });

  it("is free again after a call that was denied", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
    const idempotency = { upstreamKey: freshId("idem"), fingerprint: "body" };
    const denied = await harness.ledger.reserve(callOf(key, 11n, { idempotency }));
    expect(describeResult(denied)).toBe("daily_cap_exceeded");
    const small = callOf(key, 10n, { idempotency: { ...idempotency, fingerprint: "a smaller amount" } });
    expect((await hold(harness, small)).reserved.replayOf).toBeNull();
  });

  it("belongs to the body that came first, when two bodies come at once", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const upstreamKey = freshId("idem");
    const results = await atOnce(10, (index) =>
      harness.ledger.reserve(callOf(key, 1n, { idempotency: { upstreamKey, fingerprint: `body ${index}` } })),
    );
    expect(tally(results)).toEqual({ reserved: 1, idempotency_mismatch: 9 });
  });
}
