import { expect, it } from "vitest";
import type { CredentialMode } from "../../credential-mode.ts";
import type { KeyIdentity } from "../../ports.ts";
import type { BudgetName, LedgerHarness } from "../ledger-harness.ts";
import { callOf, endOf, expectDenied, freshId, type GetHarness, hold, makeKey, useOf } from "./scene.ts";

/** An agent with a live and a test credential, and a budget of its own. */
async function makeAgent(harness: LedgerHarness) {
  const agentId = freshId("agent");
  const keyOf = async (mode: CredentialMode): Promise<KeyIdentity> =>
    makeKey(harness, [], { agentId, secretId: await harness.createSecret(mode) });
  const budgetOf = (mode: CredentialMode): BudgetName => ({
    scope: "agent_id",
    value: agentId,
    window: "daily",
    unit: "usd",
    mode,
  });
  return { live: await keyOf("live"), test: await keyOf("test"), budgetOf };
}

/** Live and test credentials under one budget: each kind has the whole limit, and neither touches the other's. */
export function testCredentialModes(get: GetHarness): void {
  it("give each kind the whole limit", async () => {
    const harness = get();
    const { live, test, budgetOf } = await makeAgent(harness);
    await harness.setBudget(budgetOf("live"), 100n);
    await hold(harness, callOf(test, 100n));
    await hold(harness, callOf(live, 60n));
    expect(expectDenied(await harness.ledger.reserve(callOf(test, 1n))).code).toBe("daily_cap_exceeded");
    const denial = expectDenied(await harness.ledger.reserve(callOf(live, 41n)));
    expect(denial.limit).toMatchObject({ scope: "agent_id", limit: "0.0001", used: "0.00006" });
    await hold(harness, callOf(live, 40n));
    expect(await useOf(harness, budgetOf("live"))).toMatchObject({ reserved: 100n });
    expect(await useOf(harness, budgetOf("test"))).toMatchObject({ reserved: 100n });
  });

  it("settle and give back where they were held", async () => {
    const harness = get();
    const { live, test, budgetOf } = await makeAgent(harness);
    await harness.setBudget(budgetOf("live"), 1_000n);
    for (const [key, held, cost] of [
      [live, 70n, 50n],
      [test, 500n, 400n],
    ] as const) {
      const call = await hold(harness, callOf(key, held, { exposureId: freshId("pi") }));
      const exposure = { objectId: call.exposureId ?? "", amount: cost, currency: "usd", isFinal: false };
      await harness.ledger.settle(endOf(call, "settled", { costMicros: cost, currency: "usd", exposure }));
      const cancel = await hold(harness, callOf(key, 0n, { exposureId: call.exposureId }));
      const nothing = { ...exposure, amount: 10n, isFinal: true };
      await harness.ledger.settle(
        endOf(cancel, "settled", { costMicros: 10n, currency: "usd", exposure: nothing }),
      );
      const lost = await hold(harness, callOf(key, 5n));
      await harness.ledger.settle(endOf(lost, "released"));
    }
    expect(await useOf(harness, budgetOf("live"))).toMatchObject({ reserved: 0n, settled: 10n });
    expect(await useOf(harness, budgetOf("test"))).toMatchObject({ reserved: 0n, settled: 10n });
  });

  it("count apart what was spent before the budget was made", async () => {
    const harness = get();
    const { live, test, budgetOf } = await makeAgent(harness);
    await hold(harness, callOf(live, 7n));
    await hold(harness, callOf(test, 90n));
    await harness.setBudget(budgetOf("live"), 100n);
    expect(await useOf(harness, budgetOf("live"))).toMatchObject({ settled: 7n });
    expect(await useOf(harness, budgetOf("test"))).toMatchObject({ settled: 90n });
  });
}
