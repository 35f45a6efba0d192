import { describe, expect, it } from "vitest";
import type { KeyIdentity } from "../../ports.ts";
import type { LedgerHarness } from "../ledger-harness.ts";
import {
  callOf,
  cap,
  describeResult,
  endOf,
  expectReserved,
  freshCallId,
  freshId,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  readOf,
  revise,
  rowOf,
  usedOf,
} from "./scene.ts";

/** What a call of this key is answered now, a free read and a costly one alike. */
async function answerTo(harness: LedgerHarness, key: KeyIdentity): Promise<string> {
  const calls = [callOf(key, 1n), readOf(key)];
  const results = await Promise.all(calls.map((call) => harness.ledger.reserve(call)));
  const [answer, ...others] = results.map(describeResult);
  expect(others).toEqual([answer]);
  return answer ?? "";
}

/** Whether a key may act at all, decided in the same step as its money. */
export function testKeys(get: GetHarness): void {
  describe("a key", () => {
    testRevocation(get);
    testStatus(get);
  });
  describe("a sent call", () => testSending(get));
  describe("a denial from outside", () => testDeny(get));
}

function testRevocation(get: GetHarness): void {
  it.each(["vault_key", "agent_id", "crew_run_id"] as const)(
    "revoked by %s is refused, and no other",
    async (scope) => {
      const harness = get();
      const [key, other] = [await makeKey(harness), await makeKey(harness)];
      const value = { vault_key: key.vaultKeyId, agent_id: key.agentId, crew_run_id: key.crewRunId ?? "" }[
        scope
      ];
      const before = await hold(harness, callOf(key, 1n));
      const allowed = await harness.revoke(scope, value);
      expect(allowed.has(before.callId)).toBe(true);
      expect(await answerTo(harness, key)).toBe("vault_key_revoked");
      expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("revoked");
      expect(await answerTo(harness, other)).toBe("reserved");
      // What it had open is still recorded to its end.
      await harness.ledger.settle(endOf(before, "settled", { costMicros: 1n }));
      expect((await rowOf(harness, before)).state).toBe("settled");
    },
  );

  it("stays revoked when its policy is set again", async () => {
    const harness = get();
    const key = await makeKey(harness);
    await harness.revoke("vault_key", key.vaultKeyId);
    expect(await harness.updateKey(key.vaultKeyId, [])).toBeNull();
    expect(await harness.findKeyStatus(key.vaultKeyId)).toBe("revoked");
  });

  it("whose vendor credential was erased is refused", async () => {
    const harness = get();
    const key = await makeKey(harness);
    await harness.deleteSecret(key.secretId);
    expect(await answerTo(harness, key)).toBe("vault_key_revoked");
  });
}

function testStatus(get: GetHarness): void {
  it("that nobody knows is refused, with a row", async () => {
    const harness = get();
    const key = { ...(await makeKey(harness)), vaultKeyId: freshCallId() };
    const call = callOf(key, 1n);
    expect(describeResult(await harness.ledger.reserve(call))).toBe("vault_key_invalid");
    expect(await rowOf(harness, call)).toMatchObject({ verdict: "deny", denialCode: "vault_key_invalid" });
  });

  it("expired is refused by the store's clock", async () => {
    const harness = get();
    const now = await harness.now();
    const expired = await makeKey(harness, [], { expiresAt: new Date(now.getTime() - 1) });
    const living = await makeKey(harness, [], { expiresAt: new Date(now.getTime() + 60_000) });
    expect(await answerTo(harness, expired)).toBe("vault_key_expired");
    expect(await answerTo(harness, living)).toBe("reserved");
  });

  it("is refused while the kill switch is engaged, and not after", async () => {
    const harness = get();
    const key = await makeKey(harness);
    await harness.setKillSwitch(true);
    try {
      expect(await answerTo(harness, key)).toBe("kill_switch_engaged");
    } finally {
      await harness.setKillSwitch(false);
    }
    expect(await answerTo(harness, key)).toBe("reserved");
  });

  it("whose policy changed is judged again: no row, no hold, no idempotency key kept", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
    const revised = await revise(harness, key, [cap("daily", "usd", 20n)]);
    const idempotency = { upstreamKey: freshId("idem"), fingerprint: "a" };
    const stale = callOf(key, 5n, { idempotency });
    expect(describeResult(await harness.ledger.reserve(stale))).toBe("stale");
    expect(await harness.findCall(stale.callId)).toBeNull();
    expect(await usedOf(harness, ownBudget(key))).toBe(0n);
    await hold(harness, callOf(revised, 20n, { idempotency }));
  });
}

function testSending(get: GetHarness): void {
  it("may go out at once", async () => {
    const harness = get();
    const { reserved } = await hold(harness, callOf(await makeKey(harness), 1n));
    expect(harness.ledger.maySend(reserved)).toBe(true);
    expect(reserved.secretVersion).toBeGreaterThan(0);
  });

  it("may not go out after its instant", async () => {
    const harness = get();
    const { reserved } = await hold(harness, callOf(await makeKey(harness), 1n));
    expect(harness.ledger.maySend({ ...reserved, sendBeforeMs: harness.monotonicMs() })).toBe(false);
  });

  it("is affirmed as long as its key may act, and not when key, secret or kill switch say no", async () => {
    const harness = get();
    const { ledger } = harness;
    const open = async () => {
      const key = await makeKey(harness);
      return { key, ...(await hold(harness, callOf(key, 1n))) };
    };
    const affirm = async ({ reserved, key }: Awaited<ReturnType<typeof open>>) => {
      const answer = await ledger.reaffirm(reserved, key);
      return "code" in answer ? answer.code : answer;
    };
    const [living, revoked, keyless] = [await open(), await open(), await open()];
    const askedMs = harness.monotonicMs();
    const again = await affirm(living);
    expect(again).toMatchObject({ kind: "reserved", holdMicros: 1n });
    expect(again).toHaveProperty("asOfMs", expect.any(Number));
    if (typeof again !== "string") expect(again.asOfMs).toBeGreaterThanOrEqual(askedMs);
    await harness.revoke("vault_key", revoked.key.vaultKeyId);
    await harness.deleteSecret(keyless.key.secretId);
    expect(await Promise.all([living, revoked, keyless].map(affirm))).toMatchObject([
      { kind: "reserved" },
      "vault_key_revoked",
      "vault_key_revoked",
    ]);
    await harness.setKillSwitch(true);
    try {
      expect(await affirm(living)).toBe("kill_switch_engaged");
    } finally {
      await harness.setKillSwitch(false);
    }
  });

  it("is no longer of this moment soon", async () => {
    const harness = get();
    const { reserved } = await hold(harness, callOf(await makeKey(harness), 1n));
    expect(harness.ledger.isRecent({ ...reserved, asOfMs: harness.monotonicMs() })).toBe(true);
    expect(harness.ledger.isRecent({ ...reserved, asOfMs: harness.monotonicMs() - 100 })).toBe(false);
  });

  it("may not go out after its key has expired", async () => {
    const harness = get();
    const lifetimeMs = 2_000;
    const expiresAt = new Date((await harness.now()).getTime() + lifetimeMs);
    const key = await makeKey(harness, [], { expiresAt });
    const [askedMs, result] = [harness.monotonicMs(), await harness.ledger.reserve(callOf(key, 1n))];
    expect(expectReserved(result).sendBeforeMs - askedMs).toBeLessThanOrEqual(lifetimeMs);
  });
}

function testDeny(get: GetHarness): void {
  it("has a row before it resolves, with and without a key", async () => {
    const harness = get();
    const key = await makeKey(harness, [cap("daily", "calls", 1n)]);
    const denial = { code: "endpoint_not_allowed", reason: "this key may not do that" } as const;
    const facts = { denial, statusCode: 403, latencyMs: 3 };
    const { identity, ...known } = callOf(key, 0n, { claimedAgentId: "somebody", metadata: { order: "1" } });
    const anonymous = { ...known, callId: freshCallId(), vendor: null, endpoint: null, direction: null };
    await Promise.all([
      harness.ledger.deny({ ...known, identity, ...facts }),
      harness.ledger.deny({ ...anonymous, identity: null, ...facts }),
    ]);
    const row = await rowOf(harness, known);
    expect(row).toMatchObject({ state: "denied", verdict: "deny", denialCode: denial.code, statusCode: 403 });
    expect(row).toMatchObject({
      vaultKeyId: key.vaultKeyId,
      claimedAgentId: "somebody",
      metadata: { order: "1" },
    });
    expect(await rowOf(harness, anonymous)).toMatchObject({
      state: "denied",
      vaultKeyId: null,
      vendor: null,
    });
    expect(await usedOf(harness, ownBudget(key, "daily", "calls"))).toBe(0n);
  });
}
