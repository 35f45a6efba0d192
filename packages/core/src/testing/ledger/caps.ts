import { describe, expect, it } from "vitest";
import { BUDGET_DENIALS, type BudgetUnit, type BudgetWindow, windowEnd } from "../../budget.ts";
import { formatUsd } from "../../money.ts";
import type { KeyIdentity } from "../../ports.ts";
import type { BudgetName, LedgerHarness } from "../ledger-harness.ts";
import {
  atOnce,
  callOf,
  cap,
  expectDenied,
  expectReserved,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  readOf,
  rowOf,
  tally,
  usedOf,
  useOf,
} from "./scene.ts";

const TODAY: readonly BudgetWindow[] = ["daily", "monthly", "total"];
const DAY_MS = 86_400_000;

/** Every kind of budget that can be made, with the denial that it gives. */
const KINDS = Object.entries(BUDGET_DENIALS).flatMap(([unit, windows]) =>
  Object.entries(windows).map(([window, code]) => ({
    unit: unit as BudgetUnit,
    window: window as BudgetWindow,
    code,
  })),
);

/** Caps: what fits passes, what does not fit changes nothing. */
export function testCaps(get: GetHarness): void {
  describe("one cap", () => {
    it("is reached to the micro, and not passed by one", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 10_000_000n)]);
      const tooMuch = await harness.ledger.reserve(callOf(key, 10_000_001n));
      expect(expectDenied(tooMuch).code).toBe("daily_cap_exceeded");
      await hold(harness, callOf(key, 9_999_999n));
      await hold(harness, callOf(key, 1n));
      expect(expectDenied(await harness.ledger.reserve(callOf(key, 1n))).code).toBe("daily_cap_exceeded");
      expect(await useOf(harness, ownBudget(key))).toEqual({
        reserved: 10_000_000n,
        settled: 0n,
        overrun: 0n,
      });
    });

    it("admits exactly ten of fifty holds of a tenth at once", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 100n)]);
      const results = await atOnce(50, () => harness.ledger.reserve(callOf(key, 10n)));
      expect(tally(results)).toEqual({ reserved: 10, daily_cap_exceeded: 40 });
      expect(await usedOf(harness, ownBudget(key))).toBe(100n);
    });

    it("of zero refuses the smallest cost and nothing else", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 0n)]);
      expect(expectDenied(await harness.ledger.reserve(callOf(key, 1n))).code).toBe("daily_cap_exceeded");
      await hold(harness, callOf(key, 0n));
    });

    it("is of its own key only", async () => {
      const harness = get();
      const [one, other] = [await makeKey(harness, [cap("daily", "usd", 5n)]), await makeKey(harness)];
      await hold(harness, callOf(other, 1_000_000n));
      await hold(harness, callOf(one, 5n));
    });
  });
  describe("several budgets", () => testSeveral(get));
  describe("a denial", () => testDenials(get));
  describe("units", () => testUnits(get));
}

/** One budget of each scope that covers a key, all loose. The installation's is ended by its caller. */
function covering(key: KeyIdentity): BudgetName[] {
  const named = { window: "daily", unit: "usd" } as const;
  return [
    { scope: "vault_key", value: key.vaultKeyId, ...named },
    { scope: "agent_id", value: key.agentId, ...named },
    { scope: "crew_run_id", value: key.crewRunId ?? "", ...named },
    { scope: "secret", value: key.secretId, ...named },
    { scope: "installation", value: "", ...named },
  ];
}

function testSeveral(get: GetHarness): void {
  it.each([0, 1, 2, 3, 4])("refuses as a whole when only one scope is exhausted (%i)", async (tight) => {
    const harness = get();
    const key = await makeKey(harness);
    const names = covering(key);
    const tightName = names[tight] as BudgetName;
    for (const name of names) await harness.setBudget(name, 1_000_000_000n);
    try {
      // The installation's window may hold what other tests spent.
      await harness.setBudget(tightName, (await usedOf(harness, tightName)) + 9n);
      const before = await Promise.all(names.map((name) => useOf(harness, name)));
      const denied = await harness.ledger.reserve(callOf(key, 10n));
      expect(expectDenied(denied).limit?.scope).toBe(tightName.scope);
      expect(await Promise.all(names.map((name) => useOf(harness, name)))).toEqual(before);
      await hold(harness, callOf(key, 9n));
      const after = await Promise.all(names.map((name) => useOf(harness, name)));
      expect(after).toEqual(before.map((use) => ({ ...use, reserved: use.reserved + 9n })));
    } finally {
      await harness.endBudget(covering(key)[4] as BudgetName);
    }
  });

  it.each(TODAY)("refuses as a whole when only the %s window is exhausted", async (tight) => {
    const harness = get();
    const limits = TODAY.map((window) => cap(window, "usd", window === tight ? 10n : 1_000n));
    const key = await makeKey(harness, limits);
    await hold(harness, callOf(key, 10n));
    const denial = expectDenied(await harness.ledger.reserve(callOf(key, 1n)));
    expect(denial.code).toBe(BUDGET_DENIALS.usd[tight]);
    for (const window of TODAY) expect(await usedOf(harness, ownBudget(key, window))).toBe(10n);
  });

  it("count money and calls apart: a refusal by one unit leaves the other alone", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 100n), cap("daily", "calls", 2n)]);
    expectDenied(await harness.ledger.reserve(callOf(key, 101n)));
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(0n);
    await hold(harness, callOf(key, 1n));
    await hold(harness, callOf(key, 1n));
    expect(expectDenied(await harness.ledger.reserve(callOf(key, 1n))).code).toBe("daily_call_cap_exceeded");
    expect(await usedOf(harness, ownBudget(key))).toBe(2n);
  });

  it("are shared by every key they cover", async () => {
    const harness = get();
    const agentId = (await makeKey(harness)).agentId;
    const name: BudgetName = { scope: "agent_id", value: agentId, window: "total", unit: "usd" };
    await harness.setBudget(name, 100n);
    const keys = await atOnce(4, () => makeKey(harness, [], { agentId }));
    const calls = keys.flatMap((key) => Array.from({ length: 10 }, () => callOf(key, 10n)));
    const results = await Promise.all(calls.map((call) => harness.ledger.reserve(call)));
    expect(tally(results)).toEqual({ reserved: 10, total_cap_exceeded: 30 });
    expect(await usedOf(harness, name)).toBe(100n);
  });

  it("follow the run that the call is judged under, not the key's other runs", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const name: BudgetName = {
      scope: "crew_run_id",
      value: key.crewRunId ?? "",
      window: "total",
      unit: "usd",
    };
    await harness.setBudget(name, 10n);
    await hold(harness, callOf({ ...key, crewRunId: "another run" }, 1_000n));
    await hold(harness, callOf({ ...key, crewRunId: null }, 1_000n));
    expectDenied(await harness.ledger.reserve(callOf(key, 11n)));
  });
}

function testDenials(get: GetHarness): void {
  it.each(KINDS)(
    "by a $window budget of $unit says which, how much and until when",
    async ({ unit, window, code }) => {
      const harness = get();
      const key = await makeKey(harness);
      const name: BudgetName = { scope: "agent_id", value: key.agentId, window, unit };
      const limit = unit === "usd" ? 12_500_000n : 2n;
      await harness.setBudget(name, limit);
      const amount = unit === "usd" ? 5_000_001n : 0n;
      await hold(harness, callOf(key, amount));
      await hold(harness, callOf(key, amount));
      const call = callOf(key, amount);
      const denial = expectDenied(await harness.ledger.reserve(call));
      expect(denial.code).toBe(code);
      expect(denial.limit).toEqual({
        scope: "agent_id",
        window,
        unit,
        limit: unit === "usd" ? formatUsd(limit) : "2",
        used: unit === "usd" ? formatUsd(10_000_002n) : "2",
        requested: unit === "usd" ? formatUsd(5_000_001n) : "1",
      });
      await expectReset(harness, window, denial);
      const row = await rowOf(harness, call);
      expect(row).toMatchObject({
        state: "denied",
        verdict: "deny",
        denialCode: code,
        reservedMicros: 0n,
        costMicros: 0n,
      });
    },
  );
}

/** The wait ends at the window's end on the store's clock, a UTC midnight; a total never resets. */
async function expectReset(
  harness: LedgerHarness,
  window: BudgetWindow,
  denial: { readonly retryAfterSeconds?: number; readonly retryAt?: Date },
): Promise<void> {
  const now = await harness.now();
  const end = windowEnd(window, now);
  if (end === null) {
    expect(denial.retryAfterSeconds).toBeUndefined();
    expect(denial.retryAt).toBeUndefined();
    return;
  }
  const seconds = (end.getTime() - now.getTime()) / 1_000;
  expect(Number.isInteger(denial.retryAfterSeconds)).toBe(true);
  // Whoever waits that long must not come too early; the slack is for the time that the test itself took.
  expect(denial.retryAfterSeconds).toBeGreaterThanOrEqual(seconds);
  expect(denial.retryAfterSeconds).toBeLessThan(seconds + 10);
  expect(Math.abs((denial.retryAt?.getTime() ?? 0) - end.getTime())).toBeLessThanOrEqual(2_000);
  expect(seconds * 1_000).toBeLessThanOrEqual(window === "daily" ? DAY_MS : 31 * DAY_MS);
}

function testUnits(get: GetHarness): void {
  it("lets free reads pass when money and calls are used up", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n), cap("total", "calls", 1n)]);
    await hold(harness, callOf(key, 10n));
    expectDenied(await harness.ledger.reserve(callOf(key, 0n)));
    const results = await atOnce(20, () => harness.ledger.reserve(readOf(key)));
    expect(tally(results)).toEqual({ reserved: 20 });
    expect(await usedOf(harness, ownBudget(key, "total", "calls"))).toBe(1n);
  });

  it("counts every request, free reads too, against a limit of requests", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const name: BudgetName = { scope: "agent_id", value: key.agentId, window: "monthly", unit: "requests" };
    await harness.setBudget(name, 3n);
    await hold(harness, readOf(key));
    await hold(harness, callOf(key, 5n));
    expectReserved(await harness.ledger.reserve(readOf(key)));
    expect(expectDenied(await harness.ledger.reserve(readOf(key))).code).toBe("monthly_request_limit");
    expect(await usedOf(harness, name)).toBe(3n);
  });
}
