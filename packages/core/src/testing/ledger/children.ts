import { describe, expect, it } from "vitest";
import type { KeyIdentity } from "../../ports.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  expectDenied,
  expectReserved,
  type GetHarness,
  hold,
  makeChild,
  makeKey,
  ownBudget,
  readOf,
  revise,
  rowOf,
  tally,
  usedOf,
} from "./scene.ts";

/** Keys below others: their calls count in every budget above them, and end with every key above them. */
export function testChildren(get: GetHarness): void {
  describe("a child key", () => {
    testShared(get);
    testEnds(get);
    testChanges(get);
  });
}

/** Three generations, each with a daily cap; null = none. */
async function makeFamily(get: GetHarness, caps: readonly (bigint | null)[]) {
  const budgetsOf = (limit: bigint | null | undefined) => (limit == null ? [] : [cap("daily", "usd", limit)]);
  const root = await makeKey(get(), budgetsOf(caps[0]));
  const child = await makeChild(get(), root, budgetsOf(caps[1]));
  const grandchild = await makeChild(get(), child, budgetsOf(caps[2]));
  return [root, child, grandchild] as const;
}

function testShared(get: GetHarness): void {
  it("counts in its own budgets and in all above it, from the hold to the end", async () => {
    const harness = get();
    const family = await makeFamily(get, [100n, 100n, 100n]);
    const used = () => Promise.all(family.map((key) => usedOf(harness, ownBudget(key))));
    const call = await hold(harness, callOf(family[2], 40n));
    const released = await hold(harness, callOf(family[1], 7n));
    expect(await used()).toEqual([47n, 47n, 40n]);
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 25n }));
    await harness.ledger.settle(endOf(released, "released"));
    expect(await used()).toEqual([25n, 25n, 25n]);
  });

  it.each([0, 1, 2])("is refused by the one cap of its line that is used up (%i)", async (tight) => {
    const harness = get();
    const family = await makeFamily(
      get,
      [0, 1, 2].map((place) => (place === tight ? 10n : 1_000n)),
    );
    const call = callOf(family[2], 11n);
    const denial = expectDenied(await harness.ledger.reserve(call));
    expect(denial).toMatchObject({ code: "daily_cap_exceeded", limit: { scope: "vault_key" } });
    expect(denial.reason.includes("parent")).toBe(tight !== 2);
    expect((await rowOf(harness, call)).denialReason?.includes("parent")).toBe(tight !== 2);
    for (const key of family) expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    await hold(harness, callOf(family[2], 10n));
  });

  it("shares the cap above it with its siblings and its parent, to the micro", async () => {
    const harness = get();
    const root = await makeKey(harness, [cap("total", "usd", 100n)]);
    const keys = [root, await makeChild(harness, root), await makeChild(harness, root)];
    const results = await atOnce(45, (index) => harness.ledger.reserve(callOf(keys[index % 3] ?? root, 10n)));
    expect(tally(results)).toEqual({ reserved: 10, total_cap_exceeded: 35 });
    expect(await usedOf(harness, ownBudget(root, "total"))).toBe(100n);
  });

  it("leaves what its parent is not: the parent's calls count in no budget below it", async () => {
    const harness = get();
    const [root, child] = await makeFamily(get, [100n, 100n, null]);
    await hold(harness, callOf(root, 30n));
    expect(await usedOf(harness, ownBudget(child))).toBe(0n);
  });

  it("counts in a cap that its parent is given later", async () => {
    const harness = get();
    const [root, , grandchild] = await makeFamily(get, [null, null, null]);
    await hold(harness, callOf(grandchild, 30n));
    await revise(harness, root, [cap("daily", "usd", 100n)]);
    expect(await usedOf(harness, ownBudget(root))).toBe(30n);
  });
}

function testEnds(get: GetHarness): void {
  it.each(["vault_key", "agent_id", "crew_run_id"] as const)(
    "B6: is revoked together with what is above it, by %s",
    async (scope) => {
      const harness = get();
      const [root, child, grandchild] = await makeFamily(get, [null, null, null]);
      const stranger = await makeKey(harness, [], { secretId: root.secretId });
      const value = {
        vault_key: child.vaultKeyId,
        agent_id: child.agentId,
        crew_run_id: child.crewRunId ?? "",
      };
      await harness.revoke(scope, value[scope]);
      const keys = [root, child, grandchild, stranger];
      expect(await Promise.all(keys.map((key) => harness.findKeyStatus(key.vaultKeyId)))).toEqual([
        ...["active", "revoked", "revoked", "active"],
      ]);
      const answers = await Promise.all(keys.map((key) => harness.ledger.reserve(callOf(key, 1n))));
      expect(answers.map(describeResult)).toEqual([
        ...["reserved", "vault_key_revoked", "vault_key_revoked", "reserved"],
      ]);
    },
  );

  it("is refused while a key above it is suspended", async () => {
    const harness = get();
    const [root, , grandchild] = await makeFamily(get, [null, null, null]);
    const call = await hold(harness, callOf(root, 10n));
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 11n }));
    expect(await harness.findKeyStatus(root.vaultKeyId)).toBe("suspended");
    for (const asked of [callOf(grandchild, 1n), readOf(grandchild)])
      expect(describeResult(await harness.ledger.reserve(asked))).toBe("vault_key_revoked");
  });

  it("expires with the first key above it that does", async () => {
    const harness = get();
    const now = await harness.now();
    const at = (ms: number) => ({ expiresAt: new Date(now.getTime() + ms) });
    const root = await makeKey(harness, [], at(2_000));
    const child = await makeChild(harness, root, [], at(60_000));
    const askedMs = harness.monotonicMs();
    const reserved = expectReserved(await harness.ledger.reserve(callOf(child, 1n)));
    expect(reserved.sendBeforeMs - askedMs).toBeLessThanOrEqual(2_000);
    const over = await makeKey(harness, [], at(60_000));
    const orphan = await makeChild(harness, over);
    await harness.expireKey(over.vaultKeyId);
    expect(describeResult(await harness.ledger.reserve(callOf(orphan, 1n)))).toBe("vault_key_expired");
  });

  it("is not affirmed any more when a key above it has ended", async () => {
    const harness = get();
    const { ledger } = harness;
    const [root, child] = await makeFamily(get, [null, null, null]);
    const [early, late] = [await makeKey(harness), await hold(harness, callOf(child, 1n))];
    const orphan = await makeChild(harness, early);
    const open = await hold(harness, callOf(orphan, 1n));
    expect(await ledger.reaffirm(late.reserved, child)).toMatchObject({ kind: "reserved" });
    await harness.revoke("vault_key", root.vaultKeyId);
    await harness.expireKey(early.vaultKeyId);
    expect(await ledger.reaffirm(late.reserved, child)).toMatchObject({ code: "vault_key_revoked" });
    expect(await ledger.reaffirm(open.reserved, orphan)).toMatchObject({ code: "vault_key_expired" });
  });
}

function testChanges(get: GetHarness): void {
  it("is judged again when a policy above it has changed", async () => {
    const harness = get();
    const [root, , grandchild] = await makeFamily(get, [null, null, null]);
    await revise(harness, root, []);
    const stale = callOf(grandchild, 1n);
    expect(describeResult(await harness.ledger.reserve(stale))).toBe("stale");
    const known = { ...grandchild, policyVersion: grandchild.policyVersion + 1 };
    await hold(harness, callOf(known, 1n));
  });

  it("is not let through by a replica that does not know the keys above it", async () => {
    const harness = get();
    const [, , grandchild] = await makeFamily(get, [null, null, null]);
    const [first = ""] = grandchild.ancestorIds ?? [];
    const { ancestorIds: _, ...orphan } = grandchild;
    const wrong: KeyIdentity[] = [orphan, { ...grandchild, ancestorIds: [first] }];
    for (const identity of wrong)
      expect(describeResult(await harness.ledger.reserve(callOf(identity, 1n)))).toBe("stale");
  });
}
