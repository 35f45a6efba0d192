import { describe, expect, it } from "vitest";
import { BUDGET_UNITS, type BudgetScope, type BudgetUnit } from "../../budget.ts";
import type { KeyIdentity } from "../../ports.ts";
import type { BudgetName, LedgerHarness } from "../ledger-harness.ts";
import { act, create } from "./exposures.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  readOf,
  revise,
  tally,
  usedOf,
  useOf,
} from "./scene.ts";

const LOOSE = 1_000_000_000n;

/** Budgets that come, change and go while calls are made. */
export function testLimits(get: GetHarness): void {
  describe("a limit", () => testChanging(get));
  describe("a new budget", () => testNew(get));
  describe("an ended budget", () => testEnding(get));
  describe("a new policy", () => testPolicy(get));
}

function agentBudget(key: KeyIdentity, unit: BudgetUnit = "usd"): BudgetName {
  return { scope: "agent_id", value: key.agentId, window: unit === "requests" ? "monthly" : "daily", unit };
}

function testChanging(get: GetHarness): void {
  it("set below what is used refuses what follows, and set higher again lets it pass up to there", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const name = agentBudget(key);
    await harness.setBudget(name, 100n);
    const call = await hold(harness, callOf(key, 60n));
    await harness.setBudget(name, 50n);
    expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
    expect(await harness.findBudgetUse(name)).toEqual({
      limit: 50n,
      reserved: 60n,
      settled: 0n,
      overrun: 10n,
    });
    // What was allowed before is still recorded as it ends.
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 55n }));
    expect(await useOf(harness, name)).toMatchObject({ reserved: 0n, settled: 55n });
    await harness.setBudget(name, 70n);
    expect(describeResult(await harness.ledger.reserve(callOf(key, 16n)))).toBe("daily_cap_exceeded");
    await hold(harness, callOf(key, 15n));
    expect(await harness.findBudgetUse(name)).toEqual({
      limit: 70n,
      reserved: 15n,
      settled: 55n,
      overrun: 0n,
    });
  });

  it("A16: lowered while calls are made is never passed", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const name = agentBudget(key);
    await harness.setBudget(name, 200n);
    const calls = atOnce(40, () => harness.ledger.reserve(callOf(key, 10n)));
    await harness.setBudget(name, 100n);
    const late = await atOnce(5, () => harness.ledger.reserve(callOf(key, 10n)));
    const counts = tally([...(await calls), ...late]);
    const use = await harness.findBudgetUse(name);
    expect(use?.reserved).toBe(BigInt(counts["reserved"] ?? 0) * 10n);
    expect(use?.reserved).toBeLessThanOrEqual(200n);
    // The overrun is exactly what had passed before the limit was lowered.
    expect(use?.overrun).toBe((use?.reserved ?? 0n) > 100n ? (use?.reserved ?? 0n) - 100n : 0n);
  });
}

/** Every kind of end in one key's history, so that a count of it can be wrong in every way. */
async function makeHistory(harness: LedgerHarness, key: KeyIdentity): Promise<void> {
  const ends = [
    endOf(await hold(harness, callOf(key, 10n)), "settled", { costMicros: 7n }),
    endOf(await hold(harness, callOf(key, 20n)), "unknown"),
    endOf(await hold(harness, callOf(key, 40n)), "released", { statusCode: null }),
    endOf(await hold(harness, callOf(key, 80n)), "released", { statusCode: 402 }),
    endOf(await hold(harness, readOf(key)), "settled"),
  ];
  await Promise.all(ends.map((end) => harness.ledger.settle(end)));
  await hold(harness, callOf(key, 160n));
  await harness.ledger.reserve(callOf(key, LOOSE * 2n));
}

function testNew(get: GetHarness): void {
  it.each(BUDGET_UNITS)(
    "of %s counts what was spent in its window as if it had been there from the start",
    async (unit) => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", LOOSE)]);
      const witness = agentBudget(key, unit);
      await harness.setBudget(witness, LOOSE);
      await makeHistory(harness, key);
      const late: BudgetName = { ...witness, scope: "crew_run_id", value: key.crewRunId ?? "" };
      await harness.setBudget(late, LOOSE);
      expect(await usedOf(harness, late)).toBe(await usedOf(harness, witness));
    },
  );

  it.each<BudgetScope>(["vault_key", "agent_id", "crew_run_id", "secret", "installation"])(
    "for one %s counts the calls it covers",
    async (scope) => {
      const harness = get();
      const [key, other] = [await makeKey(harness), await makeKey(harness)];
      await hold(harness, callOf(other, 1_000n));
      const ids = {
        vault_key: key.vaultKeyId,
        agent_id: key.agentId,
        crew_run_id: key.crewRunId ?? "",
        secret: key.secretId,
      };
      const value = scope === "installation" ? "" : ids[scope];
      const name: BudgetName = { scope, value, window: "total", unit: "usd" };
      try {
        await harness.setBudget(name, LOOSE);
        const before = await usedOf(harness, name);
        await harness.endBudget(name);
        await hold(harness, callOf(key, 30n));
        await harness.setBudget(name, before + 30n);
        expect(await usedOf(harness, name)).toBe(before + 30n);
        expect(scope === "installation" || before === 0n).toBe(true);
        expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("total_cap_exceeded");
      } finally {
        await harness.endBudget(name);
      }
    },
  );

  it("counts what was given back where it had been charged, not where it was given back from", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const canceller = await makeKey(harness, [], { secretId: key.secretId });
    for (const each of [key, canceller]) await harness.setBudget(agentBudget(each), LOOSE);
    const objectId = await create(harness, key, 60n);
    await create(harness, canceller, 30n);
    await act(harness, canceller, objectId, 0n, true);
    for (const each of [key, canceller]) {
      const late: BudgetName = { ...agentBudget(each), scope: "crew_run_id", value: each.crewRunId ?? "" };
      await harness.setBudget(late, LOOSE);
      expect(await usedOf(harness, late)).toBe(await usedOf(harness, agentBudget(each)));
    }
    expect(await usedOf(harness, agentBudget(canceller))).toBe(30n);
  });

  it("smaller than what was spent refuses at once", async () => {
    const harness = get();
    const key = await makeKey(harness);
    await hold(harness, callOf(key, 30n));
    await harness.setBudget(agentBudget(key), 20n);
    expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
    expect(await harness.findBudgetUse(agentBudget(key))).toMatchObject({ limit: 20n, overrun: 10n });
  });
}

function testEnding(get: GetHarness): void {
  it("refuses nothing any more, and one made again counts what was spent meanwhile", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const name = agentBudget(key);
    await harness.setBudget(name, 10n);
    const call = await hold(harness, callOf(key, 10n));
    await harness.endBudget(name);
    await hold(harness, callOf(key, 500n));
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 4n }));
    await harness.setBudget(name, 504n);
    expect(await usedOf(harness, name)).toBe(504n);
    expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
  });
}

function testPolicy(get: GetHarness): void {
  it("changes, adds and ends caps; what was spent stays spent", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 50n), cap("daily", "calls", 5n)]);
    await hold(harness, callOf(key, 40n));
    const revised = await revise(harness, key, [cap("daily", "usd", 60n), cap("total", "usd", 45n)]);
    expect(describeResult(await harness.ledger.reserve(callOf(revised, 6n)))).toBe("total_cap_exceeded");
    await hold(harness, callOf(revised, 5n));
    expect(await usedOf(harness, ownBudget(key))).toBe(45n);
    const free = await revise(harness, revised, []);
    const results = await atOnce(10, () => harness.ledger.reserve(callOf(free, 1_000n)));
    expect(tally(results)).toEqual({ reserved: 10 });
  });
}
