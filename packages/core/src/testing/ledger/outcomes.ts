import { describe, expect, it } from "vitest";
import type { BudgetSpec } from "../../budget.ts";
import type { KeyIdentity, ReserveRequest, SettleRequest } from "../../ports.ts";
import type { LedgerHarness } from "../ledger-harness.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  expectDenied,
  freshCallId,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  revise,
  rowOf,
  usedOf,
  useOf,
} from "./scene.ts";

const CAPS: readonly BudgetSpec[] = [cap("daily", "usd", 100n), cap("daily", "calls", 10n)];
const ENDS = ["settled", "released"] as const;

/** A key with a cap of money and one of calls, and one held call of it. */
async function holdOne(
  harness: LedgerHarness,
  micros: bigint,
): Promise<{ key: KeyIdentity; call: ReserveRequest }> {
  const key = await makeKey(harness, CAPS);
  return { key, call: await hold(harness, callOf(key, micros)) };
}

/** Everything that a settlement could change. */
async function pictureOf(harness: LedgerHarness, key: KeyIdentity, call: { readonly callId: string }) {
  return {
    row: await rowOf(harness, call),
    money: await useOf(harness, ownBudget(key)),
    calls: await useOf(harness, ownBudget(key, "daily", "calls")),
    status: await harness.findKeyStatus(key.vaultKeyId),
  };
}

/** What becomes of a hold. */
export function testOutcomes(get: GetHarness): void {
  describe("a settlement", () => testSettlements(get));
  describe("an overrun", () => testOverruns(get));
  describe("a release", () => testReleases(get));
  describe("an unknown outcome", () => testUnknown(get));
  describe("an ended call", () => testEnded(get));
}

function testSettlements(get: GetHarness): void {
  it("below the hold gives the rest back", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 25n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 25n, overrun: 0n });
    expect(await rowOf(harness, call)).toMatchObject({
      state: "settled",
      reservedMicros: 60n,
      costMicros: 25n,
    });
    await hold(harness, callOf(key, 75n));
    expectDenied(await harness.ledger.reserve(callOf(key, 1n)));
  });

  it("at the hold moves it, and at nothing gives all of it back", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    const free = await hold(harness, callOf(key, 40n));
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 60n }));
    await harness.ledger.settle(endOf(free, "settled"));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 60n, overrun: 0n });
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(2n);
    expect((await rowOf(harness, free)).costMicros).toBe(0n);
  });

  it("keeps what is known of the answer, and what was known before where the answer says nothing", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const facts = { amount: 500n, currency: "usd", customerId: "cus_before" };
    const [full, empty] = [
      await hold(harness, callOf(key, 5n, facts)),
      await hold(harness, callOf(key, 5n, facts)),
    ];
    const answer = {
      costMicros: 4n,
      amount: 400n,
      currency: "eur",
      statusCode: 201,
      customerId: "cus_after",
      vendorRequestId: "req_1",
      vendorObjectId: "pi_1",
      latencyMs: 12,
      upstreamMs: 7,
      reason: "said so",
    };
    await Promise.all([
      harness.ledger.settle(endOf(full, "settled", answer)),
      harness.ledger.settle(endOf(empty, "unknown", { reason: "timeout" })),
    ]);
    const { reason, ...kept } = answer;
    expect(await rowOf(harness, full)).toMatchObject({ ...kept, outcomeReason: reason });
    expect(await rowOf(harness, empty)).toMatchObject({
      ...facts,
      statusCode: null,
      outcomeReason: "timeout",
    });
    expect((await rowOf(harness, full)).completedAt).toBeInstanceOf(Date);
  });
}

function testOverruns(get: GetHarness): void {
  it("A23: inside the cap counts what was charged, stands on the row and suspends the key", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 61n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 61n, overrun: 0n });
    expect(await rowOf(harness, call)).toMatchObject({ costMicros: 61n, overrunMicros: 1n });
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("suspended");
    const refusal = await harness.ledger.reserve(callOf(key, 0n));
    expect(describeResult(refusal)).toBe("vault_key_revoked");
  });

  it("A23: past the cap stands on the window, and the rest of the day is refused", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 100n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 250n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 250n, overrun: 150n });
    const again = await harness.ledger.reserve(callOf(await revise(harness, key, CAPS), 1n));
    expect(describeResult(again)).toBe("daily_cap_exceeded");
  });

  it("suspends nobody when the operator allowed calls whose cost nobody knows, and counts all the same", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 0n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 30n, mayOverrun: true }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 30n, overrun: 0n });
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("active");
  });

  it("suspends until the policy is set again", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 1n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 2n }));
    const revised = await revise(harness, key, CAPS);
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("active");
    await hold(harness, callOf(revised, 98n));
  });

  it("is not seen in a call that costs what was held", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 60n }));
    expect((await rowOf(harness, call)).overrunMicros).toBeNull();
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("active");
  });
}

function testReleases(get: GetHarness): void {
  it("of a call never sent gives back money and the call itself", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "released", { statusCode: null }));
    const picture = await pictureOf(harness, key, call);
    expect(picture.money).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
    expect(picture.calls).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
    expect(picture.row).toMatchObject({ state: "released", verdict: "allow", costMicros: 0n });
  });

  it("after the vendor refused gives back the money, but the call was made", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "released", { statusCode: 402 }));
    const picture = await pictureOf(harness, key, call);
    expect(picture.money).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
    expect(picture.calls).toEqual({ reserved: 0n, settled: 1n, overrun: 0n });
    expect(picture.row).toMatchObject({ state: "released", statusCode: 402, costMicros: 0n });
  });
}

function testUnknown(get: GetHarness): void {
  it("keeps the worst case and the call counted", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, "unknown"));
    const picture = await pictureOf(harness, key, call);
    expect(picture.money).toEqual({ reserved: 60n, settled: 0n, overrun: 0n });
    expect(picture.calls).toEqual({ reserved: 1n, settled: 0n, overrun: 0n });
    expect(picture.row.state).toBe("unknown");
    expectDenied(await harness.ledger.reserve(callOf(key, 41n)));
    // Hearing it again changes nothing.
    await harness.ledger.settle(endOf(call, "unknown"));
    expect(await pictureOf(harness, key, call)).toEqual(picture);
  });

  it.each(ENDS)("can still be %s, once", async (state) => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    const costMicros = state === "settled" ? 20n : 0n;
    await harness.ledger.settle(endOf(call, "unknown"));
    await harness.ledger.settle(endOf(call, state, { costMicros }));
    const picture = await pictureOf(harness, key, call);
    expect(picture.row.state).toBe(state);
    expect(picture.money).toEqual({ reserved: 0n, settled: costMicros, overrun: 0n });
    for (const other of ENDS) await harness.ledger.settle(endOf(call, other, { costMicros: 7n }));
    expect(await pictureOf(harness, key, call)).toEqual(picture);
  });

  it("and its evidence may come in the same moment", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await Promise.all([
      harness.ledger.settle(endOf(call, "unknown")),
      harness.ledger.settle(endOf(call, "settled", { costMicros: 20n })),
    ]);
    const picture = await pictureOf(harness, key, call);
    expect(picture.row.state).toBe("settled");
    expect(picture.money).toEqual({ reserved: 0n, settled: 20n, overrun: 0n });
  });
}

function testEnded(get: GetHarness): void {
  it.each(ENDS)("that was %s never changes again", async (state) => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await harness.ledger.settle(endOf(call, state, { costMicros: state === "settled" ? 30n : 0n }));
    const picture = await pictureOf(harness, key, call);
    for (const next of ["settled", "released", "unknown"] as const) {
      await harness.ledger.settle(endOf(call, next, { costMicros: 99n, statusCode: 500, reason: "late" }));
    }
    expect(await pictureOf(harness, key, call)).toEqual(picture);
  });

  it("is counted once, however often its settlement comes", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    await atOnce(20, () => harness.ledger.settle(endOf(call, "settled", { costMicros: 30n })));
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 30n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 30n, overrun: 0n });
    expect(await useOf(harness, ownBudget(key, "daily", "calls"))).toEqual({
      reserved: 0n,
      settled: 1n,
      overrun: 0n,
    });
  });

  it("has one end when two that contradict each other come at once", async () => {
    const harness = get();
    const { key, call } = await holdOne(harness, 60n);
    const ends: SettleRequest[] = ENDS.map((state) =>
      endOf(call, state, { costMicros: state === "settled" ? 30n : 0n }),
    );
    await Promise.all(ends.map((end) => harness.ledger.settle(end)));
    const picture = await pictureOf(harness, key, call);
    expect(picture.money).toEqual({
      reserved: 0n,
      settled: picture.row.state === "settled" ? 30n : 0n,
      overrun: 0n,
    });
  });

  it("is not made by settling one that was never reserved", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 1n)]);
    const denied = callOf(key, 2n);
    expectDenied(await harness.ledger.reserve(denied));
    await harness.ledger.settle(endOf(denied, "settled", { costMicros: 1n }));
    await harness.ledger.settle(endOf({ ...denied, callId: freshCallId() }, "settled", { costMicros: 1n }));
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    expect((await rowOf(harness, denied)).state).toBe("denied");
  });
}
