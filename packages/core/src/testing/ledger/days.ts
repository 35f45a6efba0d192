import { describe, expect, it } from "vitest";
import type { BudgetName, LedgerHarness } from "../ledger-harness.ts";
import { act, create } from "./exposures.ts";
import {
  callOf,
  cap,
  describeResult,
  endOf,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  usedOf,
} from "./scene.ts";

/** How much of a budget's window of some day is spent, with nothing held any more. */
async function spentOn(harness: LedgerHarness, name: BudgetName, day: string): Promise<bigint> {
  const use = await harness.findBudgetUse(name, day);
  expect(use?.reserved ?? 0n).toBe(0n);
  return use?.settled ?? 0n;
}

/** Windows begin and end; these tests move the ledger's day for good, so they have a harness of their own. */
export function testDays(get: GetHarness): void {
  describe("the next day", () => {
    testNewWindows(get);
    testOldWindows(get);
  });
}

function testNewWindows(get: GetHarness): void {
  it("opens daily budgets anew, and no other", async () => {
    const harness = get();
    const key = await makeKey(harness, [
      cap("daily", "usd", 10n),
      cap("monthly", "usd", 15n),
      cap("total", "usd", 100n),
    ]);
    await hold(harness, callOf(key, 10n));
    expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
    const { before, after } = await harness.advanceDay();
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    expect(await usedOf(harness, ownBudget(key, "total"))).toBe(10n);
    const isSameMonth = before.slice(0, 7) === after.slice(0, 7);
    expect(await usedOf(harness, ownBudget(key, "monthly"))).toBe(isSameMonth ? 10n : 0n);
    const answer = isSameMonth ? "monthly_cap_exceeded" : "reserved";
    expect(describeResult(await harness.ledger.reserve(callOf(key, 6n)))).toBe(answer);
    await hold(harness, callOf(key, 4n));
  });
}

function testOldWindows(get: GetHarness): void {
  it("settles what was held the day before where it was held", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 100n), cap("daily", "calls", 5n)]);
    const call = await hold(harness, callOf(key, 60n));
    const { before, after } = await harness.advanceDay();
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 25n }));
    expect(await spentOn(harness, ownBudget(key), before)).toBe(25n);
    expect(await spentOn(harness, ownBudget(key, "daily", "calls"), before)).toBe(1n);
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    expect(await spentOn(harness, ownBudget(key), after)).toBe(0n);
  });

  it("gives a cancellation back to the days and the money budgets that were charged, and to nothing else", async () => {
    const harness = get();
    const key = await makeKey(harness, [
      cap("daily", "usd", 100n),
      cap("total", "usd", 100n),
      cap("daily", "calls", 9n),
    ]);
    const daily = ownBudget(key);
    const objectId = await create(harness, key, 60n);
    const first = await harness.advanceDay();
    await act(harness, key, objectId, 80n);
    const second = await harness.advanceDay();
    const other = await hold(harness, callOf(key, 7n));
    await harness.ledger.settle(endOf(other, "settled", { costMicros: 7n }));
    // The latest part first: a capture of 70 leaves the first day whole.
    await act(harness, key, objectId, 70n, true);
    const money = [first.before, first.after, second.after].map((day) => spentOn(harness, daily, day));
    expect(await Promise.all(money)).toEqual([60n, 10n, 7n]);
    const calls = [first.before, first.after, second.after].map((day) =>
      spentOn(harness, ownBudget(key, "daily", "calls"), day),
    );
    expect(await Promise.all(calls)).toEqual([1n, 1n, 2n]);
    expect(await usedOf(harness, ownBudget(key, "total"))).toBe(77n);
  });

  it("gives back across several days until all is given", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 100n)]);
    const objectId = await create(harness, key, 60n);
    const first = await harness.advanceDay();
    await act(harness, key, objectId, 80n);
    await harness.advanceDay();
    await act(harness, key, objectId, 15n, true);
    expect(await spentOn(harness, ownBudget(key), first.before)).toBe(15n);
    expect(await spentOn(harness, ownBudget(key), first.after)).toBe(0n);
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
  });
}
