import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { isKeybrakeError } from "../../faults.ts";
import type { KeyIdentity, ReserveRequest } from "../../ports.ts";
import type { LedgerFaults, LedgerHarness } from "../ledger-harness.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  eventually,
  freshCallId,
  freshId,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  rowOf,
  useOf,
} from "./scene.ts";

const CAPS = [cap("daily", "usd", 100n), cap("daily", "calls", 50n)];
/** The port's second, and half of one for a machine that is busy with other things. */
const REJECTED_WITHIN_MS = 1_500;
/** After so long a call is nearly late, but not yet. */
const LATE_MS = 800;
/** Which of two waiting transactions goes first is the store's choice. */
const CUT_ROUNDS = 8;
const EMPTY = { reserved: 0n, settled: 0n, overrun: 0n };

/** What becomes of calls whose replica died. */
export function testSweeps(get: GetHarness): void {
  describe("the open calls of a dead replica", () => {
    testSwept(get);
    testReturns(get);
  });
}

function testSwept(get: GetHarness): void {
  it("A12: become unknown, and stay counted", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const calls = await holdAndDie(harness, key, 10);
    await sweepUntilUnknown(harness, calls);
    // Swept again and again, they are never given back.
    for (let again = 0; again < 3; again++) await harness.sweep();
    expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, reserved: 10n });
    expect(await useOf(harness, ownBudget(key, "daily", "calls"))).toEqual({ ...EMPTY, reserved: 10n });
  });

  it("can still be settled, and repeated under their idempotency key", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const idempotency = { upstreamKey: freshId("idem"), fingerprint: "body" };
    const calls = await holdAndDie(harness, key, 1, { idempotency });
    await sweepUntilUnknown(harness, calls);
    const [call] = calls;
    const replay = await hold(harness, callOf(key, 1n, { idempotency }));
    expect(replay.reserved.replayOf).toEqual({ callId: call?.callId, isOpen: true });
    if (call !== undefined) await harness.ledger.settle(endOf(call, "settled", { costMicros: 1n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, settled: 1n });
  });

  it("and no others are swept", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const mine = await hold(harness, callOf(key, 1n));
    await sweepUntilUnknown(harness, await holdAndDie(harness, key, 1));
    expect((await rowOf(harness, mine)).state).toBe("reserved");
  });

  it("become unknown too when their replica lives but forgot them", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const call = await hold(harness, callOf(key, 10n));
    await harness.passDeadlines();
    await sweepUntilUnknown(harness, [call]);
    expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, reserved: 10n });
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 4n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, settled: 4n });
  });
}

function testReturns(get: GetHarness): void {
  it("A15: have one end, when the answer comes while they are swept", async () => {
    const harness = get();
    for (let round = 0; round < 10; round++) {
      const key = await makeKey(harness, CAPS);
      const calls = await holdAndDie(harness, key, 5);
      const ends = calls.map((call) => harness.ledger.settle(endOf(call, "settled", { costMicros: 1n })));
      await Promise.all([...ends, harness.sweep(), harness.sweep()]);
      for (const call of calls) expect((await rowOf(harness, call)).state).toBe("settled");
      expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, settled: 5n });
    }
  });

  it("are the replica's again, when it was only taken for dead", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const peer = await harness.openPeer();
    try {
      const before = await hold({ ledger: peer.ledger }, callOf(key, 10n));
      await peer.loseLease();
      await sweepUntilUnknown(harness, [before]);
      const [after] = await Promise.all([
        hold({ ledger: peer.ledger }, callOf(key, 20n)),
        peer.ledger.settle(endOf(before, "settled", { costMicros: 3n })),
      ]);
      await harness.sweep();
      expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, reserved: 20n, settled: 3n });
      expect((await rowOf(harness, after)).state).toBe("reserved");
    } finally {
      await peer.close();
    }
  });

  // Another replica may have called it unknown, and the vendor would execute what nobody waits for.
  it("may not be sent when its replica was taken for dead, although it has a new life", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const peer = await harness.openPeer();
    try {
      const before = await hold({ ledger: peer.ledger }, callOf(key, 10n));
      await peer.loseLease();
      const after = await hold({ ledger: peer.ledger }, callOf(key, 20n));
      expect(peer.ledger.maySend(before.reserved)).toBe(false);
      expect(peer.ledger.maySend(after.reserved)).toBe(true);
    } finally {
      await peer.close();
    }
  });
}

/** Calls that another replica holds when it dies. */
async function holdAndDie(
  harness: LedgerHarness,
  key: KeyIdentity,
  count: number,
  more: Partial<ReserveRequest> = {},
): Promise<ReserveRequest[]> {
  const peer = await harness.openPeer();
  try {
    const calls = await atOnce(count, () => hold({ ledger: peer.ledger }, callOf(key, 1n, more)));
    await peer.loseLease();
    return calls;
  } finally {
    await peer.close();
  }
}

/** Sweeps; somebody else's sweep of the same calls may still be on its way. */
async function sweepUntilUnknown(harness: LedgerHarness, calls: readonly ReserveRequest[]): Promise<void> {
  await harness.sweep();
  await eventually(async () => {
    for (const call of calls) expect((await rowOf(harness, call)).state).toBe("unknown");
  });
}

/** What becomes of calls when the store does not answer. Only for a harness with faults. */
export function testFaults(get: GetHarness): void {
  const faultsOf = (harness: LedgerHarness): LedgerFaults => {
    if (harness.faults === null) expect.fail("this harness has no faults");
    return harness.faults;
  };
  describe("a store that does not answer", () => {
    testStalls(get, faultsOf);
    testBrokenConnections(get, faultsOf);
    testLostAnswers(get, faultsOf);
  });
}

type FaultsOf = (harness: LedgerHarness) => LedgerFaults;

/** Fails unless the reservation is rejected as unavailable, in time. */
async function expectUnavailable(harness: LedgerHarness, call: ReserveRequest): Promise<void> {
  const askedMs = harness.monotonicMs();
  const outcome = await harness.ledger.reserve(call).then(describeResult, (error: unknown) => error);
  const tookMs = harness.monotonicMs() - askedMs;
  expect(isKeybrakeError(outcome) ? outcome.code : outcome).toBe("ledger_unavailable");
  expect(tookMs).toBeLessThan(REJECTED_WITHIN_MS);
}

/** Waits until a key's calls, none of which was sent, are released, and nothing is held for them. */
async function expectGivenBack(harness: LedgerHarness, key: KeyIdentity, atLeast: number): Promise<void> {
  await eventually(async () => {
    const rows = await harness.listCalls(key.vaultKeyId);
    expect(rows.length).toBeGreaterThanOrEqual(atLeast);
    expect(rows.filter((row) => row.state !== "released")).toEqual([]);
    expect(await useOf(harness, ownBudget(key))).toEqual(EMPTY);
    expect(await useOf(harness, ownBudget(key, "daily", "calls"))).toEqual(EMPTY);
  });
}

function testStalls(get: GetHarness, faultsOf: FaultsOf): void {
  it("is a rejection within a second, and the hold is given back when it comes after all", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const resume = await faultsOf(harness).stall();
    try {
      await expectUnavailable(harness, callOf(key, 60n));
    } finally {
      await resume();
    }
    await expectGivenBack(harness, key, 1);
    await hold(harness, callOf(key, 100n));
  });

  it("rejects those that wait behind it within a second of their own", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const resume = await faultsOf(harness).stall();
    try {
      const first = expectUnavailable(harness, callOf(key, 1n));
      await faultsOf(harness).reached();
      await Promise.all([first, expectUnavailable(harness, callOf(key, 1n))]);
    } finally {
      await resume();
    }
    await expectGivenBack(harness, key, 1);
  });

  it("keeps a settlement until it can be written", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const call = await hold(harness, callOf(key, 60n));
    const resume = await faultsOf(harness).stall();
    let settled: Promise<void>;
    try {
      settled = harness.ledger.settle(endOf(call, "settled", { costMicros: 25n }));
      await expectUnavailable(harness, callOf(key, 1n));
    } finally {
      await resume();
    }
    await settled;
    await eventually(async () =>
      expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, settled: 25n }),
    );
  });
}

function testBrokenConnections(get: GetHarness, faultsOf: FaultsOf): void {
  it("because its connection broke is a rejection, and nothing stays held", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const faults = faultsOf(harness);
    const resume = await faults.stall();
    try {
      const rejections = atOnce(10, () => expectUnavailable(harness, callOf(key, 5n)));
      await faults.reached();
      await faults.killConnections();
      await rejections;
    } finally {
      await resume();
    }
    await expectGivenBack(harness, key, 0);
    await hold(harness, callOf(key, 100n));
  });

  it("because its connection was cut is a rejection, and what the store then does all the same is given back", async () => {
    const harness = get();
    const faults = faultsOf(harness);
    const keys = [];
    for (let round = 0; round < CUT_ROUNDS; round++) {
      const key = await makeKey(harness, CAPS);
      keys.push(key);
      const resume = await faults.stall();
      try {
        const rejections = atOnce(3, () => expectUnavailable(harness, callOf(key, 5n)));
        await faults.reached();
        faults.cutConnections();
        await rejections;
        // By then the give-back may stand beside what it is to give back, both waiting for the store.
        await faults.reached();
      } finally {
        await resume();
      }
      // The next flush comes after whatever was waiting.
      await hold(harness, callOf(await makeKey(harness), 1n));
    }
    for (const key of keys) await expectGivenBack(harness, key, 0);
  });

  it("because the call is held up on its way is a rejection, and nothing is held when it arrives after all", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const later = await makeKey(harness);
    await hold(harness, callOf(later, 1n));
    const arrive = faultsOf(harness).delayNextOperation();
    await expectUnavailable(harness, callOf(key, 60n));
    // By the time that this is decided, the give-back has been decided before it.
    await hold(harness, callOf(later, 1n));
    await arrive();
    await expectGivenBack(harness, key, 0);
  });

  it("still rejects within a second when it breaks again and again", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const faults = faultsOf(harness);
    const resume = await faults.stall();
    try {
      const first = expectUnavailable(harness, callOf(key, 5n));
      await faults.reached();
      // Queued behind the first, and then behind whatever the first one's end leaves to be done.
      const second = expectUnavailable(harness, callOf(key, 5n));
      await delay(LATE_MS);
      await faults.killConnections();
      await Promise.all([first, second]);
    } finally {
      await resume();
    }
    await expectGivenBack(harness, key, 0);
  });
}

function testLostAnswers(get: GetHarness, faultsOf: FaultsOf): void {
  it("after a commit is a rejection, and the hold is given back", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    await hold(harness, callOf(await makeKey(harness), 1n));
    faultsOf(harness).loseNextAnswer();
    const call = callOf(key, 60n);
    await expectUnavailable(harness, call);
    await expectGivenBack(harness, key, 1);
    expect(await rowOf(harness, call)).toMatchObject({ state: "released", statusCode: null });
  });

  it("after a commit changes nothing about a settlement", async () => {
    const harness = get();
    const key = await makeKey(harness, CAPS);
    const call = await hold(harness, callOf(key, 60n));
    faultsOf(harness).loseNextAnswer();
    await harness.ledger.settle(endOf(call, "settled", { costMicros: 25n }));
    expect(await useOf(harness, ownBudget(key))).toEqual({ ...EMPTY, settled: 25n });
    expect((await rowOf(harness, call)).state).toBe("settled");
  });

  it("after a commit leaves one row of a denial", async () => {
    const harness = get();
    const { identity, ...facts } = callOf(await makeKey(harness), 0n);
    const denial = { code: "endpoint_not_allowed", reason: "this key may not do that" } as const;
    const calls = [freshCallId(), freshCallId()];
    faultsOf(harness).loseNextAnswer();
    await Promise.all(
      calls.map((callId) =>
        harness.ledger.deny({ ...facts, callId, identity, denial, statusCode: 403, latencyMs: 0 }),
      ),
    );
    const rows = await harness.listCalls(identity.vaultKeyId);
    expect(rows.map((row) => row.id).sort()).toEqual(calls.sort());
  });
}
