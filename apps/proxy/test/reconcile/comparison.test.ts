import type { Outcome, Trace, VendorRecord } from "@keybrake/core";
import { describe, expect, test } from "vitest";
import { Comparison, type ComparisonInput } from "../../src/reconcile/comparison.ts";
import type { Findings } from "../../src/reconcile/findings.ts";
import type { CountedExposure, LedgerCall } from "../../src/reconcile/ledger-rows.ts";
import { isKept } from "../../src/reconcile/read-records.ts";

const FROM = new Date("2026-11-22T00:00:00Z");
const UNTIL = new Date("2026-11-23T00:00:00Z");
const NOON = new Date("2026-11-22T12:00:00Z");
const A_DAY_LATER = new Date("2026-11-24T00:00:00Z");
const SECRET = "secret-1";

const LISTED: Trace = { kind: "payment", isListed: true, provesAbsence: true, namesObject: true };
const TRACES: Readonly<Record<string, Trace>> = {
  "POST /pay": LISTED,
  "POST /text": { ...LISTED, provesAbsence: false },
  "POST /batch": { kind: "payment", isListed: false, provesAbsence: true, namesObject: false },
};

let made = 0;

function settled(objectId: string, amount: bigint, more: object = {}): Outcome {
  return { kind: "settled", amount, currency: "usd", exposure: null, objectId, customerId: null, ...more };
}

function record(objectId: string, amount: bigint, more: Partial<VendorRecord> = {}): VendorRecord {
  return {
    id: `record_${++made}`,
    at: NOON,
    what: "payment.created",
    kind: "payment",
    objectIds: [objectId],
    requestId: null,
    idempotencyKey: null,
    isAutomatic: false,
    outcome: settled(objectId, amount),
    ...more,
  };
}

function call(more: Partial<LedgerCall> = {}): LedgerCall {
  return {
    id: `call_${++made}`,
    requestedAt: NOON,
    completedAt: NOON,
    state: "settled",
    agentId: "billing_agent",
    crewRunId: null,
    endpoint: "POST /pay",
    amount: 1500n,
    currency: "usd",
    costMicros: 15_000_000n,
    heldMicros: 15_000_000n,
    requestId: null,
    objectId: null,
    idempotencyKey: null,
    isReplay: false,
    secretId: SECRET,
    mayActElsewhere: false,
    ...more,
  };
}

function compare(
  records: readonly VendorRecord[],
  calls: readonly LedgerCall[],
  more: Partial<ComparisonInput> = {},
  counted: ReadonlyMap<string, CountedExposure> = new Map(),
): Findings {
  const comparison = new Comparison({
    records,
    isComplete: true,
    traceOf: (endpoint) => TRACES[endpoint] ?? null,
    secretId: SECRET,
    from: FROM,
    until: UNTIL,
    now: A_DAY_LATER,
    ...more,
  });
  for (const one of calls) comparison.add(one);
  return comparison.finish(counted);
}

function countsOf({ lost, bypass, differences, unknown }: Findings): number[] {
  return [lost.count, bypass.count, differences.count, unknown.count];
}

function verdictOf(findings: Findings): unknown {
  return findings.unknown.entries[0]?.verdict;
}

describe("what explains a record", () => {
  test.each([
    ["the request id", { requestId: "req_1" }, { requestId: "req_1" }],
    ["the idempotency key", { idempotencyKey: "key_1" }, { idempotencyKey: "key_1" }],
    ["the object", {}, { objectId: "p_1" }],
  ])("%s", (_name, ofRecord, ofCall) => {
    expect(countsOf(compare([record("p_1", 1500n, ofRecord)], [call(ofCall)]))).toEqual([0, 0, 0, 0]);
  });

  test("a call of any state, of another secret, and from just before or after the day", () => {
    for (const more of [
      { state: "released" },
      { state: "reserved" },
      { secretId: "secret-2" },
      { requestedAt: new Date("2026-11-21T23:59:59Z") },
    ] as const) {
      const findings = compare(
        [record("p_1", 1500n, { requestId: "req_1" })],
        [call({ requestId: "req_1", ...more })],
      );
      expect(findings.bypass.count).toBe(0);
    }
  });

  test("what the ledger counts for an object that an earlier day's call made", () => {
    const counted = new Map([["p_1", { amount: 1500n, currency: "usd", updatedAt: new Date("2026-11-01") }]]);
    expect(countsOf(compare([record("p_1", 1500n)], [], {}, counted))).toEqual([0, 0, 0, 0]);
    expect(countsOf(compare([record("p_1", 2500n)], [], {}, counted))).toEqual([0, 0, 1, 0]);
  });

  test("nothing but a request: what the vendor did by itself is no bypass", () => {
    expect(compare([record("p_1", 1500n, { isAutomatic: true })], []).bypass.count).toBe(0);
    expect(compare([record("p_1", 1500n)], []).bypass.count).toBe(1);
  });

  test("the records of one request are one bypass, and one beside the day is none", () => {
    const records = ["p_1", "p_2"].map((id) => record(id, 1n, { requestId: "req_9" }));
    expect(compare(records, []).bypass.count).toBe(1);
    expect(compare([record("p_1", 1n, { at: UNTIL })], []).bypass.count).toBe(0);
  });

  test("a batch, up to what it cost and while it ran", () => {
    const fee = (id: string, at = NOON) =>
      record(id, 1n, { at, outcome: settled(id, 1n, { costMicros: 900n }) });
    const batch = call({ endpoint: "POST /batch", costMicros: 1_800n, amount: 1n });
    expect(compare([fee("m_1"), fee("m_2")], [batch]).bypass.count).toBe(0);
    expect(compare([fee("m_1"), fee("m_2"), fee("m_3")], [batch]).bypass.count).toBe(1);
    expect(compare([fee("m_1", new Date("2026-11-22T12:01:00Z"))], [batch]).bypass.count).toBe(1);
  });
});

describe("a settled call without a record", () => {
  const alone = call({ objectId: "p_1", requestId: "req_1" });

  test("is lost", () => {
    expect(countsOf(compare([], [alone]))).toEqual([1, 0, 0, 0]);
  });

  test.each([
    ["the vendor had more than was read", alone, { isComplete: false }],
    ["its endpoint leaves no record", { ...alone, endpoint: "POST /labels" }, {}],
    ["it repeats another call", { ...alone, isReplay: true }, {}],
    ["its key may act on a connected account", { ...alone, mayActElsewhere: true }, {}],
    ["it is another secret's", { ...alone, secretId: "secret-2" }, {}],
    ["it is another day's", { ...alone, requestedAt: UNTIL }, {}],
  ] as const)("is not when %s", (_name, one, more) => {
    expect(compare([], [one], more).lost.count).toBe(0);
  });
});

describe("an amount", () => {
  test("is compared with the object's latest record and the latest call on it", () => {
    const records = [record("p_1", 900n, { at: new Date("2026-11-22T13:00:00Z") }), record("p_1", 1500n)];
    const calls = [call({ objectId: "p_1" }), call({ objectId: "p_1", amount: 900n })];
    expect(compare(records, calls).differences.count).toBe(0);
    expect(compare(records, calls.slice(0, 1)).differences.entries[0]).toMatchObject({ amount: 1500n });
  });

  test("of two records of the same second the one that is listed first is the later one", () => {
    const findings = compare([record("p_1", 2500n), record("p_1", 1500n)], [call({ objectId: "p_1" })]);
    expect(findings.differences.count).toBe(1);
  });

  test("that is a fee is compared to the micro-dollar", () => {
    const fee = record("p_1", 1n, { outcome: settled("p_1", 1n, { costMicros: 8_300n }) });
    expect(compare([fee], [call({ objectId: "p_1", costMicros: 8_300n })]).differences.count).toBe(0);
    expect(compare([fee], [call({ objectId: "p_1", costMicros: 8_301n })]).differences.count).toBe(1);
  });
});

describe("a call whose outcome is unknown", () => {
  const unknown = call({ state: "unknown", costMicros: 0n, idempotencyKey: "key_1" });
  const other = record("p_9", 1n, { idempotencyKey: "key_9" });

  test("is settled with the vendor's record of the same key", () => {
    const found = record("p_1", 1500n, { idempotencyKey: "key_1" });
    expect(verdictOf(compare([other, found], [unknown]))).toEqual({ kind: "settle", record: found });
  });

  test("is not decided by a record that states no amount of its kind", () => {
    const found = record("p_1", 1500n, { idempotencyKey: "key_1", kind: "charge" });
    expect(verdictOf(compare([found], [unknown]))).toMatchObject({ kind: "undecided" });
  });

  test("is released when a record would name its key and there is none", () => {
    expect(verdictOf(compare([other], [unknown]))).toEqual({ kind: "release" });
  });

  test("is released without a key only when nothing was recorded since", () => {
    const keyless = { ...unknown, idempotencyKey: null };
    const before = record("p_8", 1n, { at: new Date("2026-11-22T11:54:00Z") });
    expect(verdictOf(compare([before], [keyless]))).toEqual({ kind: "release" });
    const capture = record("p_9", 1n, { requestId: "req_9" });
    expect(verdictOf(compare([capture], [keyless]))).toMatchObject({ kind: "undecided" });
    // The record could be this call's, although another call made its object.
    expect(verdictOf(compare([capture], [call({ objectId: "p_9" }), keyless]))).toMatchObject({
      kind: "undecided",
    });
  });

  test("and that made many objects is not released while there are such", () => {
    const batch = { ...unknown, endpoint: "POST /batch", idempotencyKey: null, heldMicros: 900n };
    const mail = record("m_1", 1n, { outcome: settled("m_1", 1n, { costMicros: 900n }) });
    expect(countsOf(compare([mail], [batch]))).toEqual([0, 0, 0, 1]);
    expect(verdictOf(compare([mail], [batch]))).toMatchObject({ kind: "undecided" });
  });

  test.each([
    ["before its day and another one are over", unknown, { now: new Date("2026-11-23T23:59:59Z") }],
    ["when the vendor had more than was read", unknown, { isComplete: false }],
    ["when its key may act on a connected account", { ...unknown, mayActElsewhere: true }, {}],
    ["when absence proves nothing", { ...unknown, endpoint: "POST /text" }, {}],
    ["when its endpoint leaves no record", { ...unknown, endpoint: null }, {}],
  ] as const)("is never released %s", (_name, one, more) => {
    expect(verdictOf(compare([other], [one], more))).toMatchObject({ kind: "undecided" });
  });
});

test.each([
  ["kept for 30 days, 30 days ago", 30, false, 30, true],
  ["kept for 30 days, 31 days ago", 30, true, 31, false],
  ["kept nobody knows how long, an older record is there", null, true, 400, true],
  ["kept nobody knows how long, the list ends within the day", null, false, 1, false],
])("whether all records are there: %s", (_name, keptDays, hasOlder, daysAgo, expected) => {
  const now = new Date(FROM.getTime() + daysAgo * 86_400_000);
  expect(isKept(keptDays, hasOlder, FROM, now)).toBe(expected);
});

test("lists end at 1,000 entries and go on counting", () => {
  const records = Array.from({ length: 1_001 }, (_, index) => record(`p_${index}`, 1n));
  const { bypass } = compare(records, []);
  expect(bypass.count).toBe(1_001);
  expect(bypass.entries).toHaveLength(1_000);
});
