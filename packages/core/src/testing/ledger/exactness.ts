import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { formatUsd, USD_MICROS_MAX } from "../../money.ts";
import type { KeyIdentity } from "../../ports.ts";
import {
  callOf,
  cap,
  describeResult,
  endOf,
  expectDenied,
  freshCallId,
  freshId,
  type GetHarness,
  hold,
  makeKey,
  ownBudget,
  rowOf,
  usedOf,
} from "./scene.ts";

/** One more than the largest integer that a double holds exactly. */
const PAST_DOUBLES = 2n ** 53n + 1n;
const AMOUNTS = [1n, 10n, 999_999n, 1_000_001n, PAST_DOUBLES, 123_456_789_012_345_678n, USD_MICROS_MAX];

/** Texts that break what is not quoted, escaped, bounded or encoded as it should be. */
const HOSTILE = [
  `'; DROP TABLE calls; --`,
  `"\\'\`$$ $1 %s {"a":1}`,
  "line\nbreak\r\ttab \u001b[31mred",
  "\u2028\u2029 \u202e \ufeff \u0001\u007f",
  "日本語 🧨 e\u0301 \u{10ffff}",
  "\\u0000 \\x00 NULL null undefined [object Object]",
  " leading and trailing ",
  "",
];

/** About 2 kB that no compression makes smaller. */
const LONG = randomBytes(1_500).toString("base64");

/** What goes in comes out, to the last digit and character. */
export function testExactness(get: GetHarness): void {
  describe("money", () => testMoney(get));
  describe("text", () => testText(get));
}

function testMoney(get: GetHarness): void {
  it.each(AMOUNTS)("of %d micros is held, charged and shown exactly", async (micros) => {
    const harness = get();
    const key = await makeKey(harness, [cap("total", "usd", micros)]);
    const name = ownBudget(key, "total");
    const call = await hold(harness, callOf(key, micros, { amount: micros, currency: "usd" }));
    expect(call.reserved.holdMicros).toBe(micros);
    expect(await harness.findBudgetUse(name)).toEqual({
      limit: micros,
      reserved: micros,
      settled: 0n,
      overrun: 0n,
    });
    const denial = expectDenied(await harness.ledger.reserve(callOf(key, 1n)));
    expect(denial.limit).toMatchObject({
      limit: formatUsd(micros),
      used: formatUsd(micros),
      requested: "0.000001",
    });
    await harness.ledger.settle(endOf(call, "settled", { costMicros: micros - 1n }));
    expect(await rowOf(harness, call)).toMatchObject({
      reservedMicros: micros,
      costMicros: micros - 1n,
      amount: micros,
    });
    await hold(harness, callOf(key, 1n));
    expect(await usedOf(harness, name)).toBe(micros);
  });

  it("of an object past 2^53 keeps its exposure to the unit", async () => {
    const harness = get();
    const key = await makeKey(harness);
    const objectId = freshId("pi");
    const call = await hold(harness, callOf(key, PAST_DOUBLES));
    const exposure = { objectId, amount: PAST_DOUBLES, isFinal: false };
    await harness.ledger.settle(
      endOf(call, "settled", { costMicros: PAST_DOUBLES, exposure, currency: "usd" }),
    );
    expect(await harness.ledger.findExposure(key.secretId, objectId)).toEqual({
      amount: PAST_DOUBLES,
      currency: "usd",
    });
    const more = await hold(harness, callOf(key, PAST_DOUBLES + 2n, { exposureId: objectId }));
    expect(more.reserved.holdMicros).toBe(2n);
  });
}

function testText(get: GetHarness): void {
  it.each([...HOSTILE.map((text) => [JSON.stringify(text), text]), ["2 kB", LONG]])(
    "%s survives in every field",
    async (_, text) => {
      const harness = get();
      const key = await makeKey(harness);
      const call = callOf(key, 1n, {
        claimedAgentId: text,
        claimedCrewRunId: text,
        path: `/v1/${text}`,
        endpoint: text,
        customerId: text,
        metadata: { agent_id: text, [`key ${text}`]: text },
      });
      await hold(harness, call);
      const said = { vendorRequestId: text, vendorObjectId: text, reason: text, currency: text };
      await harness.ledger.settle(endOf(call, "settled", said));
      const { reason, ...told } = said;
      const { claimedAgentId, claimedCrewRunId, path, endpoint, customerId, metadata } = call;
      expect(await rowOf(harness, call)).toMatchObject({
        ...{ claimedAgentId, claimedCrewRunId, path, endpoint, customerId },
        ...told,
        outcomeReason: reason,
      });
      expect((await rowOf(harness, call)).metadata).toEqual(metadata);
    },
  );

  it.each(HOSTILE.filter((text) => text !== ""))(
    "%j names a run, an agent, an object and an idempotency key",
    async (text) => {
      const harness = get();
      const [agentId, crewRunId] = [freshId(text), freshId(text)];
      const key: KeyIdentity = await makeKey(harness, [], { agentId, crewRunId });
      for (const [scope, value] of [
        ["agent_id", agentId],
        ["crew_run_id", crewRunId],
      ] as const) {
        await harness.setBudget({ scope, value, window: "daily", unit: "usd" }, 10n);
      }
      const idempotency = { upstreamKey: freshId(text), fingerprint: text };
      const call = await hold(harness, callOf(key, 10n, { idempotency }));
      expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
      expect(describeResult(await harness.ledger.reserve(callOf(key, 0n, { idempotency })))).toBe(
        "idempotency_in_flight",
      );
      const exposure = { objectId: freshId(text), amount: 10n, isFinal: false };
      await harness.ledger.settle(endOf(call, "settled", { costMicros: 10n, exposure, currency: "usd" }));
      const known = await harness.ledger.findExposure(key.secretId, exposure.objectId);
      expect(known).toEqual({ amount: 10n, currency: "usd" });
      expect(await rowOf(harness, call)).toMatchObject({ agentId, crewRunId });
    },
  );

  it("of a denial survives", async () => {
    const harness = get();
    const { identity, ...facts } = callOf(await makeKey(harness), 0n);
    const calls = HOSTILE.map((reason) => ({ ...facts, callId: freshCallId(), identity, reason }));
    const told = { statusCode: 403, latencyMs: 0 };
    await Promise.all(
      calls.map(({ reason, ...call }) =>
        harness.ledger.deny({ ...call, ...told, denial: { code: "endpoint_not_allowed", reason } }),
      ),
    );
    for (const call of calls) expect((await rowOf(harness, call)).denialReason).toBe(call.reason);
  });
}
