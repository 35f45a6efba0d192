import { describe, expect, it } from "vitest";
import type { KeyIdentity, ReserveRequest } from "../../ports.ts";
import type { LedgerHarness } from "../ledger-harness.ts";
import {
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
  usedOf,
  useOf,
} from "./scene.ts";

const CAPS = [cap("daily", "usd", 100n), cap("daily", "calls", 50n)];

/** The answer to a call on an object: what the object may cost in all, and whether it can still change. */
export function answerOn(objectId: string, micros: bigint, isFinal = false) {
  return { costMicros: micros, exposure: { objectId, amount: micros, isFinal }, currency: "usd" };
}

/** Holds and settles one call that leaves the object at so much. */
export async function act(
  harness: LedgerHarness,
  key: KeyIdentity,
  objectId: string,
  micros: bigint,
  isFinal = false,
): Promise<ReserveRequest> {
  const call = await hold(harness, callOf(key, micros, { exposureId: objectId }));
  await harness.ledger.settle(endOf(call, "settled", answerOn(objectId, micros, isFinal)));
  return call;
}

/** Makes an object whose creation costs so much; nobody knows its id before the answer. */
export async function create(harness: LedgerHarness, key: KeyIdentity, micros: bigint): Promise<string> {
  const objectId = freshId("pi");
  const call = await hold(harness, callOf(key, micros));
  await harness.ledger.settle(endOf(call, "settled", answerOn(objectId, micros)));
  return objectId;
}

/** One vendor object counts once, at the most that it may cost. */
export function testExposures(get: GetHarness): void {
  describe("an object", () => testCounting(get));
  describe("the end of an object", () => testGivingBack(get));
  describe("an object under several calls at once", () => testTogether(get));
}

function testCounting(get: GetHarness): void {
  it("counts once from creation over confirmation to capture", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    const confirm = await hold(harness, callOf(key, 60n, { exposureId: objectId }));
    expect(confirm.reserved.holdMicros).toBe(0n);
    await harness.ledger.settle(endOf(confirm, "settled", answerOn(objectId, 60n)));
    await act(harness, key, objectId, 60n, true);
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 60n, overrun: 0n });
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(3n);
    expect((await rowOf(harness, confirm)).costMicros).toBe(0n);
  });

  it("that grows holds and counts the difference only", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    const tooMuch = await harness.ledger.reserve(callOf(key, 101n, { exposureId: objectId }));
    expect(describeResult(tooMuch)).toBe("daily_cap_exceeded");
    const grow = await hold(harness, callOf(key, 100n, { exposureId: objectId }));
    expect(grow.reserved.holdMicros).toBe(40n);
    await harness.ledger.settle(endOf(grow, "settled", answerOn(objectId, 100n)));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 100n, overrun: 0n });
    expect(await rowOf(harness, grow)).toMatchObject({ reservedMicros: 40n, costMicros: 40n });
  });

  it("that is set lower gives nothing back, and costs nothing when it is raised again", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    await act(harness, key, objectId, 10n);
    expect(await usedOf(harness, ownBudget(key))).toBe(60n);
    await act(harness, key, objectId, 60n);
    expect(await usedOf(harness, ownBudget(key))).toBe(60n);
  });

  it("is known by its id under its own credential, with its largest amount", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const other = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    await act(harness, key, objectId, 10n);
    expect(await harness.ledger.findExposure(key.secretId, objectId)).toEqual({
      amount: 60n,
      currency: "usd",
    });
    expect(await harness.ledger.findExposure(key.secretId, freshId("pi"))).toBeNull();
    expect(await harness.ledger.findExposure(other.secretId, objectId)).toBeNull();
    const elsewhere = await hold(harness, callOf(other, 60n, { exposureId: objectId }));
    expect(elsewhere.reserved.holdMicros).toBe(60n);
  });

  it("is not touched by a call that failed or whose outcome is unknown", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    for (const state of ["released", "unknown"] as const) {
      const call = await hold(harness, callOf(key, 70n, { exposureId: objectId }));
      await harness.ledger.settle(endOf(call, state, { statusCode: 500 }));
    }
    expect(await harness.ledger.findExposure(key.secretId, objectId)).toEqual({
      amount: 60n,
      currency: "usd",
    });
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 10n, settled: 60n, overrun: 0n });
  });
}

function testGivingBack(get: GetHarness): void {
  it("by cancellation gives all of it back, once", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    await act(harness, key, objectId, 80n);
    const cancel = await act(harness, key, objectId, 0n, true);
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
    expect((await rowOf(harness, cancel)).costMicros).toBe(-80n);
    const again = await act(harness, key, objectId, 0n, true);
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    expect((await rowOf(harness, again)).costMicros).toBe(0n);
    // Calls were made all the same.
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(4n);
  });

  it("by a partial capture gives back the rest", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    const capture = await act(harness, key, objectId, 25n, true);
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 25n, overrun: 0n });
    expect((await rowOf(harness, capture)).costMicros).toBe(-35n);
    await hold(harness, callOf(key, 75n));
  });

  it("by another key gives back to the budgets that were charged", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const canceller = await makeKey(harness, CAPS, { secretId: key.secretId });
    await hold(harness, callOf(canceller, 5n));
    const objectId = await create(harness, key, 60n);
    await act(harness, canceller, objectId, 0n, true);
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    expect(await usedOf(harness, ownBudget(canceller))).toBe(5n);
  });

  it("cannot be undone by an older answer that comes late", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 60n);
    const update = await hold(harness, callOf(key, 60n, { exposureId: objectId }));
    await act(harness, key, objectId, 0n, true);
    await harness.ledger.settle(endOf(update, "settled", answerOn(objectId, 60n)));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("active");
  });
}

function testTogether(get: GetHarness): void {
  it("counts once when two answers name it for the first time", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = freshId("pi");
    const calls = [await hold(harness, callOf(key, 30n)), await hold(harness, callOf(key, 30n))];
    await Promise.all(
      calls.map((call) => harness.ledger.settle(endOf(call, "settled", answerOn(objectId, 30n)))),
    );
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 30n, overrun: 0n });
  });

  it.each(["in order", "in reverse"])("counts its largest amount, answers %s", async (order) => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 10n);
    const amounts = [15n, 20n, 40n];
    const calls = await Promise.all(
      amounts.map(async (micros) => ({
        micros,
        call: await hold(harness, callOf(key, micros, { exposureId: objectId })),
      })),
    );
    if (order === "in reverse") calls.reverse();
    const ends = calls.map(({ micros, call }) => endOf(call, "settled", answerOn(objectId, micros)));
    await Promise.all(ends.map((end) => harness.ledger.settle(end)));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 40n, overrun: 0n });
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("active");
  });

  it("gives back what was counted in the same moment", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const objectId = await create(harness, key, 10n);
    const grow = await hold(harness, callOf(key, 40n, { exposureId: objectId }));
    const cancel = await hold(harness, callOf(key, 0n, { exposureId: objectId }));
    await Promise.all([
      harness.ledger.settle(endOf(grow, "settled", answerOn(objectId, 40n))),
      harness.ledger.settle(endOf(cancel, "settled", answerOn(objectId, 0n, true))),
    ]);
    const costs = (await harness.listCalls(key.vaultKeyId)).map((row) => row.costMicros);
    const sum = costs.reduce((total, cost) => total + cost, 0n);
    // Whatever the order in which they count, the window says what the rows say.
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: sum, overrun: 0n });
    expect(sum).toBe(0n);
  });
}
