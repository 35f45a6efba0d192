import { randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { KeyIdentity, Ledger, ReserveRequest, ReserveResult } from "../../ports.ts";
import type { LedgerHarness, NewKey } from "../ledger-harness.ts";
import {
  atOnce,
  callOf,
  cap,
  endOf,
  freshId,
  type GetHarness,
  hold,
  makeChild,
  makeKey,
  ownBudget,
  rowOf,
  tally,
  usedOf,
  useOf,
} from "./scene.ts";

/** A race that is lost once in a hundred times must not slip through. */
const ROUNDS = 200;
const REVOKE_ROUNDS = 40;
const TIMEOUT_MS = 120_000;

/** Two replicas on one store. Counts only where operations truly run at the same time. */
export function testRaces(get: GetHarness): void {
  describe("two replicas", { timeout: TIMEOUT_MS }, () => {
    testCapRaces(get);
    testEndRaces(get);
    testStopRaces(get);
    testLimitRaces(get);
  });
}

async function withPeer(harness: LedgerHarness, work: (ledgers: readonly [Ledger, Ledger]) => Promise<void>) {
  const peer = await harness.openPeer();
  try {
    await work([harness.ledger, peer.ledger]);
  } finally {
    await peer.close();
  }
}

/** A key whose windows are there already: making them would let the two replicas take turns. */
async function makeUsedKey(
  harness: LedgerHarness,
  limit: bigint,
  more: Partial<NewKey> = {},
): Promise<KeyIdentity> {
  const key = await makeKey(harness, [cap("daily", "usd", limit)], more);
  await hold(harness, callOf(key, 0n));
  return key;
}

/** The same call on both replicas, so many times each. */
function onBoth(
  ledgers: readonly Ledger[],
  each: number,
  make: () => ReserveRequest,
): Promise<ReserveResult[]> {
  return Promise.all(ledgers.flatMap((ledger) => Array.from({ length: each }, () => ledger.reserve(make()))));
}

function testCapRaces(get: GetHarness): void {
  it(`racing for one key never pass its cap, and fill it, in ${ROUNDS} rounds`, async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS; round++) {
        const key = await makeUsedKey(harness, 50n);
        const results = await onBoth(ledgers, 5, () => callOf(key, 10n));
        expect(tally(results)).toEqual({ reserved: 5, daily_cap_exceeded: 5 });
        expect(await usedOf(harness, ownBudget(key))).toBe(50n);
      }
    });
  });

  it("racing for budgets that two keys share in part lose nothing to each other's waiting", async () => {
    const harness = get();
    await withPeer(harness, async ([one, two]) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const agentId = freshId("agent");
        const keys = [
          await makeUsedKey(harness, 1_000n, { agentId }),
          await makeUsedKey(harness, 1_000n, { agentId }),
        ];
        const shared = { scope: "agent_id", value: agentId, window: "daily", unit: "usd" } as const;
        await harness.setBudget(shared, 65n);
        // The two replicas see the keys in opposite orders.
        const orders = [keys, keys.toReversed()].map((order) => [...order, ...order, ...order, ...order]);
        const results = await Promise.all([
          ...(orders[0] ?? []).map((key) => one.reserve(callOf(key, 10n))),
          ...(orders[1] ?? []).map((key) => two.reserve(callOf(key, 10n))),
        ]);
        expect(tally(results)).toEqual({ reserved: 6, daily_cap_exceeded: 10 });
        expect(await usedOf(harness, shared)).toBe(60n);
      }
    });
  });

  it("racing for the cap of their parent by two children, and a grandchild, never pass it, and fill it", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS / 2; round++) {
        const parent = await makeUsedKey(harness, 50n);
        const child = await makeChild(harness, parent, [cap("daily", "usd", 40n)]);
        const keys = [child, await makeChild(harness, parent), await makeChild(harness, child)];
        const results = await Promise.all(
          keys.flatMap((key) => onBoth(ledgers, 4, () => callOf(key, 10n))).flat(),
        );
        const counts = tally(results.flat());
        expect(counts).toEqual({ reserved: 5, daily_cap_exceeded: 19 });
        expect(await usedOf(harness, ownBudget(parent))).toBe(50n);
        expect(await usedOf(harness, ownBudget(child))).toBeLessThanOrEqual(40n);
      }
    });
  });

  it("give one reservation to one idempotency key", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const key = await makeUsedKey(harness, 1_000n);
        const idempotency = { upstreamKey: freshId("idem"), fingerprint: "body" };
        const results = await onBoth(ledgers, 5, () => callOf(key, 10n, { idempotency }));
        expect(tally(results)).toEqual({ reserved: 1, idempotency_in_flight: 9 });
        expect(await usedOf(harness, ownBudget(key))).toBe(10n);
      }
    });
  });
}

function testEndRaces(get: GetHarness): void {
  it("A15: end one call once, when both settle it", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        // With a budget the replicas meet at its window, without one at the call itself.
        const keys = [await makeUsedKey(harness, 100n), await makeKey(harness)];
        for (const key of keys) {
          const call = await hold(harness, callOf(key, 60n));
          const ends = [endOf(call, "settled", { costMicros: 30n }), endOf(call, "released")];
          await Promise.all(ends.map((end, index) => ledgers[index]?.settle(end)));
          const { state, costMicros } = await rowOf(harness, call);
          expect(["settled", "released"]).toContain(state);
          expect(costMicros).toBe(state === "settled" ? 30n : 0n);
        }
        const rows = await harness.listCalls(keys[0]?.vaultKeyId ?? "");
        const settled = rows.reduce((sum, row) => sum + row.costMicros, 0n);
        expect(await useOf(harness, ownBudget(keys[0] as KeyIdentity))).toEqual({
          reserved: 0n,
          settled,
          overrun: 0n,
        });
      }
    });
    // A call that had two ends has two outcomes in the chain.
    expect(await harness.findChainProblem()).toBeNull();
  });

  it("count an object's growth once, when two keys without a common budget grow it", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const one = await makeUsedKey(harness, 100n);
        const other = await makeUsedKey(harness, 100n, { secretId: one.secretId });
        const exposure = { objectId: freshId("pi"), amount: 10n, isFinal: false };
        const made = await hold(harness, callOf(one, 10n));
        await harness.ledger.settle(endOf(made, "settled", { costMicros: 10n, exposure, currency: "usd" }));
        const grown = [one, other].map((key) =>
          hold(harness, callOf(key, 60n, { exposureId: exposure.objectId })),
        );
        const ends = (await Promise.all(grown)).map((call) =>
          endOf(call, "settled", {
            costMicros: 60n,
            exposure: { ...exposure, amount: 60n },
            currency: "usd",
          }),
        );
        await Promise.all(ends.map((end, index) => ledgers[index]?.settle(end)));
        const used = [await usedOf(harness, ownBudget(one)), await usedOf(harness, ownBudget(other))];
        expect((used[0] ?? 0n) + (used[1] ?? 0n)).toBe(60n);
      }
    });
  });

  it("give an object's money back once, when both end it", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < ROUNDS / 4; round++) {
        const key = await makeUsedKey(harness, 100n);
        const exposure = { objectId: freshId("pi"), amount: 60n, isFinal: false };
        const made = await hold(harness, callOf(key, 60n));
        await harness.ledger.settle(endOf(made, "settled", { costMicros: 60n, exposure, currency: "usd" }));
        const ends = await atOnce(2, () => hold(harness, callOf(key, 0n, { exposureId: exposure.objectId })));
        const final = { exposure: { ...exposure, amount: 0n, isFinal: true }, currency: "usd" };
        await Promise.all(
          ledgers.map((ledger, index) => ledger.settle(endOf(ends[index] ?? made, "settled", final))),
        );
        expect(await useOf(harness, ownBudget(key))).toEqual({ reserved: 0n, settled: 0n, overrun: 0n });
      }
    });
  });
}

/** Lets calls be on their way in every stage: some committed, some in a flush, some queued. */
async function inFlight(ledgers: readonly Ledger[], key: KeyIdentity): Promise<Promise<ReserveResult>[]> {
  const results: Promise<ReserveResult>[] = [];
  for (let wave = 0; wave < 8; wave++) {
    for (const ledger of ledgers) {
      for (let index = 0; index < 4; index++) results.push(ledger.reserve(callOf(key, 1n)));
    }
    for (let turn = randomInt(6); turn > 0; turn--) await nextTurn();
  }
  return results;
}

function testStopRaces(get: GetHarness): void {
  it("allow nothing after a revocation has committed, with 64 calls in flight", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < REVOKE_ROUNDS; round++) {
        const key = await makeUsedKey(harness, 1_000n);
        const started = await inFlight(ledgers, key);
        const allowed = await harness.revoke("vault_key", key.vaultKeyId);
        const late = await onBoth(ledgers, 5, () => callOf(key, 1n));
        expect(tally(late)).toEqual({ vault_key_revoked: 10 });
        const counts = tally(await Promise.all(started));
        expect((counts["reserved"] ?? 0) + (counts["vault_key_revoked"] ?? 0)).toBe(started.length);
        const all = await harness.listCalls(key.vaultKeyId);
        const rows = all.filter((row) => row.verdict === "allow" && row.reservedMicros > 0n);
        // Sound whatever the clocks say: the revocation's own transaction saw every call that was ever allowed.
        expect(rows.filter((row) => !allowed.has(row.id))).toEqual([]);
        expect(rows.length).toBe(counts["reserved"] ?? 0);
        expect(await usedOf(harness, ownBudget(key))).toBe(BigInt(rows.length));
      }
    });
  });

  it("B6: allow nothing to a child after the revocation of its parent has committed", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < REVOKE_ROUNDS / 2; round++) {
        const parent = await makeUsedKey(harness, 1_000n);
        const child = await makeChild(harness, parent);
        const started = await inFlight(ledgers, child);
        const allowed = await harness.revoke("vault_key", parent.vaultKeyId);
        expect(tally(await onBoth(ledgers, 5, () => callOf(child, 1n)))).toEqual({ vault_key_revoked: 10 });
        await Promise.all(started);
        const all = await harness.listCalls(child.vaultKeyId);
        const rows = all.filter((row) => row.verdict === "allow");
        expect(rows.filter((row) => !allowed.has(row.id))).toEqual([]);
        expect(await usedOf(harness, ownBudget(parent))).toBe(BigInt(rows.length));
      }
    });
  });

  it("allow nothing after the kill switch was engaged", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      const key = await makeUsedKey(harness, 1_000n);
      for (let round = 0; round < REVOKE_ROUNDS / 4; round++) {
        const started = await inFlight(ledgers, key);
        await harness.setKillSwitch(true);
        try {
          expect(tally(await onBoth(ledgers, 5, () => callOf(key, 1n)))).toEqual({ kill_switch_engaged: 10 });
          await Promise.all(started);
        } finally {
          await harness.setKillSwitch(false);
        }
      }
    });
  });
}

function testLimitRaces(get: GetHarness): void {
  it("leave no call out of a budget that was made while it was in flight", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < REVOKE_ROUNDS; round++) {
        const key = await makeUsedKey(harness, 1_000n);
        const name = { scope: "agent_id", value: key.agentId, window: "daily", unit: "usd" } as const;
        const started = await inFlight(ledgers, key);
        await harness.setBudget(name, 1_000n);
        expect(tally(await Promise.all(started))).toEqual({ reserved: started.length });
        expect(await usedOf(harness, name)).toBe(await usedOf(harness, ownBudget(key)));
      }
    });
  });

  it("A16: hold no more than a limit that was lowered while calls were in flight", async () => {
    const harness = get();
    await withPeer(harness, async (ledgers) => {
      for (let round = 0; round < REVOKE_ROUNDS / 2; round++) {
        const key = await makeUsedKey(harness, 1_000n);
        const name = { scope: "agent_id", value: key.agentId, window: "daily", unit: "usd" } as const;
        await harness.setBudget(name, 40n);
        const started = await inFlight(ledgers, key);
        await harness.setBudget(name, 20n);
        const before = await usedOf(harness, name);
        await Promise.all(started);
        const after = await usedOf(harness, name);
        // Once lowered, it admits only what fits below it.
        expect(after <= 20n || after === before).toBe(true);
        expect(after).toBeLessThanOrEqual(40n);
      }
    });
  });
}
