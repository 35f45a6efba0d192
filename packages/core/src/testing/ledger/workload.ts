import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyIdentity, ReserveRequest } from "../../ports.ts";
import type { BudgetName, CallRow, LedgerHarness } from "../ledger-harness.ts";
import {
  callOf,
  cap,
  endOf,
  expectReserved,
  freshId,
  type GetHarness,
  makeKey,
  readOf,
  usedOf,
} from "./scene.ts";

const RUNS = 15;
const TIMEOUT_MS = 120_000;

const start = fc.record({
  key: fc.nat(2),
  micros: fc.bigInt({ min: 0n, max: 120n }),
  /** Which of the key's two objects the call is about. */
  object: fc.option(fc.nat(1)),
  isRead: fc.boolean(),
});
const end = fc.record({
  pick: fc.nat(),
  state: fc.constantFrom("settled", "released", "unknown"),
  percent: fc.bigInt({ min: 0n, max: 100n }),
  statusCode: fc.constantFrom(null, 402),
});
/** Everything in one round happens at once: it shares flushes, in an order that nobody promises. */
const round = fc.record({
  starts: fc.array(start, { maxLength: 12 }),
  ends: fc.array(end, { maxLength: 8 }),
});

type Start = typeof start extends fc.Arbitrary<infer T> ? T : never;
type End = typeof end extends fc.Arbitrary<infer T> ? T : never;

/** Three keys; an agent shares the first two, a run the last two, a credential all. */
interface Crew {
  readonly keys: readonly KeyIdentity[];
  readonly limits: readonly {
    readonly name: BudgetName;
    readonly limit: bigint;
    readonly covers: readonly KeyIdentity[];
  }[];
}

/** Calls in any mixture: what the windows say is always what the rows say, and never more than the limit. */
export function testWorkload(get: GetHarness): void {
  describe("any workload", () => {
    const name = "leaves sums that equal the rows, within every limit, and refuses only what does not fit";
    it(name, { timeout: TIMEOUT_MS }, async () => {
      const rounds = fc.array(round, { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(rounds, (some) => runWorkload(get(), some)),
        { numRuns: RUNS },
      );
      expect(await get().findChainProblem()).toBeNull();
    });
  });
}

async function openCrew(harness: LedgerHarness): Promise<Crew> {
  const secretId = await harness.createSecret();
  const [agentId, crewRunId] = [freshId("agent"), freshId("run")];
  const first = await makeKey(harness, [cap("daily", "usd", 300n)], { secretId, agentId });
  const both = await makeKey(harness, [], { secretId, agentId, crewRunId });
  const last = await makeKey(harness, [], { secretId, crewRunId });
  const keys = [first, both, last];
  const limits: Crew["limits"] = [
    {
      name: { scope: "vault_key", value: first.vaultKeyId, window: "daily", unit: "usd" },
      limit: 300n,
      covers: [first],
    },
    {
      name: { scope: "agent_id", value: agentId, window: "daily", unit: "usd" },
      limit: 500n,
      covers: [first, both],
    },
    {
      name: { scope: "crew_run_id", value: crewRunId, window: "total", unit: "usd" },
      limit: 400n,
      covers: [both, last],
    },
    { name: { scope: "secret", value: secretId, window: "monthly", unit: "usd" }, limit: 700n, covers: keys },
    {
      name: { scope: "agent_id", value: agentId, window: "daily", unit: "calls" },
      limit: 25n,
      covers: [first, both],
    },
    {
      name: { scope: "crew_run_id", value: crewRunId, window: "monthly", unit: "requests" },
      limit: 30n,
      covers: [both, last],
    },
  ];
  for (const { name, limit } of limits.slice(1)) await harness.setBudget(name, limit);
  return { keys, limits };
}

async function runWorkload(
  harness: LedgerHarness,
  rounds: readonly { readonly starts: readonly Start[]; readonly ends: readonly End[] }[],
): Promise<void> {
  const crew = await openCrew(harness);
  let open: ReserveRequest[] = [];
  for (const { starts, ends } of rounds) {
    const before = await Promise.all(crew.limits.map(({ name }) => usedOf(harness, name)));
    const calls = starts.map((wanted) => callFor(crew, wanted));
    const [results] = await Promise.all([
      Promise.all(calls.map((call) => harness.ledger.reserve(call))),
      Promise.all(ends.map((wanted) => finish(harness, open, wanted))),
    ]);
    const allowed = calls.filter((_, index) => results[index]?.kind === "reserved");
    for (const [index, call] of calls.entries()) {
      if (allowed.includes(call)) expectReserved(results[index] ?? { kind: "stale" });
      else expectNoRoom(crew, before, allowed, call);
    }
    open = [...open, ...allowed];
    await expectSums(harness, crew);
  }
}

function callFor(crew: Crew, { key, micros, object, isRead }: Start): ReserveRequest {
  const identity = crew.keys[key] as KeyIdentity;
  if (isRead) return readOf(identity);
  return callOf(identity, micros, {
    exposureId: object === null ? null : `pi_${identity.vaultKeyId}_${object}`,
  });
}

/** Ends one of the calls that are or were open; one that has ended already must not notice. */
async function finish(harness: LedgerHarness, open: readonly ReserveRequest[], wanted: End): Promise<void> {
  const call = open[wanted.pick % Math.max(1, open.length)];
  if (call === undefined) return;
  const costMicros = (call.holdMicros * wanted.percent) / 100n;
  const exposure =
    call.exposureId === null ? null : { objectId: call.exposureId, amount: costMicros, isFinal: false };
  const isSettled = wanted.state === "settled";
  // Only a refusal has a status here: after an answer of unknown meaning, "never sent" would contradict it.
  const statusCode = wanted.state === "released" ? wanted.statusCode : null;
  const facts = isSettled ? { costMicros, exposure, currency: "usd" } : { statusCode };
  await harness.ledger.settle(endOf(call, wanted.state, facts));
}

/** Some budget could not take the call, on top of everything that was or became held at its time. */
function expectNoRoom(
  crew: Crew,
  before: readonly bigint[],
  allowed: readonly ReserveRequest[],
  call: ReserveRequest,
): void {
  const isFull = crew.limits.some(({ name, limit, covers }, index) => {
    const mine = (other: ReserveRequest) => covers.includes(other.identity);
    const most = allowed.filter(mine).reduce((sum, other) => sum + needOf(name, other), before[index] ?? 0n);
    return mine(call) && most + needOf(name, call) > limit;
  });
  expect(isFull, `a call of ${call.holdMicros} was refused although it fits`).toBe(true);
}

function needOf({ unit }: BudgetName, call: ReserveRequest): bigint {
  if (unit === "usd") return call.holdMicros;
  return unit === "requests" || call.accounted ? 1n : 0n;
}

/** The model: a budget's window is the sum over the rows of the keys that it covers. */
async function expectSums(harness: LedgerHarness, crew: Crew): Promise<void> {
  const rows = await Promise.all(crew.keys.map((key) => harness.listCalls(key.vaultKeyId)));
  for (const { name, limit, covers } of crew.limits) {
    const mine = rows.flat().filter((row) => covers.some((key) => key.vaultKeyId === row.vaultKeyId));
    const open = mine.filter((row) => row.state === "reserved" || row.state === "unknown");
    const ended = mine.filter((row) => row.state === "settled" || row.state === "released");
    const reserved = open.reduce((sum, row) => sum + weightOf(name, row), 0n);
    const settled = ended.reduce((sum, row) => sum + weightOf(name, row), 0n);
    const use = (await harness.findBudgetUse(name)) ?? { limit, reserved: 0n, settled: 0n, overrun: 0n };
    expect(use).toEqual({ limit, reserved, settled, overrun: 0n });
    expect(reserved + settled).toBeLessThanOrEqual(limit);
  }
}

function weightOf({ unit }: BudgetName, row: CallRow): bigint {
  const isOpen = row.state === "reserved" || row.state === "unknown";
  if (unit === "usd") return isOpen ? row.reservedMicros : row.costMicros;
  const isCounted = unit === "requests" || row.method !== "GET";
  return isCounted && !(row.state === "released" && row.statusCode === null) ? 1n : 0n;
}
