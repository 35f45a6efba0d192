import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { windowEnd } from "../budget.ts";
import { useHarness } from "./harness-lifetime.ts";
import { testCaps } from "./ledger/caps.ts";
import { testChildren } from "./ledger/children.ts";
import { testCredentialModes } from "./ledger/credential-modes.ts";
import { testDays } from "./ledger/days.ts";
import { testDuplicates } from "./ledger/duplicates.ts";
import { testExactness } from "./ledger/exactness.ts";
import { testExposures } from "./ledger/exposures.ts";
import { testIdempotency } from "./ledger/idempotency.ts";
import { testKeys } from "./ledger/keys.ts";
import { testLimits } from "./ledger/limits.ts";
import { testOutcomes } from "./ledger/outcomes.ts";
import { testOwnReads } from "./ledger/own-reads.ts";
import { testRaces } from "./ledger/races.ts";
import { testFaults, testSweeps } from "./ledger/recovery.ts";
import type { GetHarness } from "./ledger/scene.ts";
import { testWorkload } from "./ledger/workload.ts";
import type { LedgerTraits, OpenLedgerHarness } from "./ledger-harness.ts";

/** Shorter than this before the end of a day, a test could begin on one day and end on the next. */
const NEAR_MIDNIGHT_MS = 20_000;

/** The contract of `Ledger`: whoever passes it keeps every obligation that the port states. */
export function describeLedger(name: string, open: OpenLedgerHarness, traits: LedgerTraits): void {
  describe(`ledger on ${name}`, () => {
    const get = useHarness(open);
    keepOffMidnight(get);
    testCaps(get);
    describe("live and test credentials", () => testCredentialModes(get));
    testOutcomes(get);
    testKeys(get);
    testChildren(get);
    testIdempotency(get);
    testDuplicates(get);
    testOwnReads(get);
    testExposures(get);
    testLimits(get);
    testExactness(get);
    testWorkload(get);
    testSweeps(get);
    if (traits.supportsConcurrency) testRaces(get);
    if (traits.hasFaults) testFaults(get);
    testChain(get);
  });
  describe(`ledger on ${name}, over days`, () => {
    const get = useHarness(open);
    testDays(get);
    testChain(get);
  });
}

function testChain(get: GetHarness): void {
  it("has an audit chain that verifies after all of this", async () => {
    expect(await get().findChainProblem()).toBeNull();
  });
}

function keepOffMidnight(get: GetHarness): void {
  beforeEach(async () => {
    const now = await get().now();
    const leftMs = (windowEnd("daily", now)?.getTime() ?? 0) - now.getTime();
    if (leftMs < NEAR_MIDNIGHT_MS) await delay(leftMs + 1);
  }, NEAR_MIDNIGHT_MS * 2);
}
