import { randomUUID } from "node:crypto";
import type { KeyIdentity, ReserveRequest, SettleRequest } from "@keybrake/core";
import type { LedgerHarness } from "@keybrake/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/ledger/database.ts";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { openSqlLedgerHarness } from "./sql-ledger-harness.ts";
import { openPostgresStore, type SqlStore } from "./sql-store.ts";

/** A second, and half of one for a machine that is busy with other things. */
const REJECTED_WITHIN_MS = 1_500;

if (DATABASE_URL === undefined) skipSuite("ledger in SQL", "KEYBRAKE_TEST_DATABASE_URL");
else describe("ledger in SQL", () => testSqlLedger());

/** What the contract suite cannot show through the port, or cannot bring about. */
function testSqlLedger(): void {
  let store: SqlStore;
  let harness: LedgerHarness;
  beforeAll(async () => {
    harness = await openSqlLedgerHarness(async () => {
      store = await openPostgresStore();
      return store;
    });
  });
  afterAll(() => harness.close());

  it("rejects a question about an object within a second when the table is out of reach", async () => {
    const resume = await store.lockTable?.("exposures");
    try {
      const askedMs = performance.now();
      const asked = harness.ledger.findExposure(randomUUID(), "pi_1");
      await expect(asked).rejects.toMatchObject({ code: "ledger_unavailable" });
      expect(performance.now() - askedMs).toBeLessThan(REJECTED_WITHIN_MS);
    } finally {
      await resume?.();
    }
  });

  it("does not credit a budget made late with what was given back to another day", async () => {
    const key = await makeKey(harness);
    const exposure = { objectId: `pi_${randomUUID()}`, amount: 60n, isFinal: false };
    await act(harness, key, 60n, { costMicros: 60n, exposure, currency: "usd" });
    await moveToYesterday(store.control);
    await act(harness, key, 30n, { costMicros: 30n });
    // Yesterday's sixty come back, to yesterday's budgets.
    const final = { ...exposure, amount: 0n, isFinal: true };
    await act(harness, key, 0n, { costMicros: 0n, exposure: final, currency: "usd" }, exposure.objectId);
    const name = { scope: "agent_id", value: key.agentId, window: "daily", unit: "usd" } as const;
    await harness.setBudget(name, 100n);
    expect(await harness.findBudgetUse(name)).toMatchObject({ reserved: 0n, settled: 30n });
  });
}

async function makeKey(harness: LedgerHarness): Promise<KeyIdentity> {
  const [secretId, agentId, crewRunId] = [await harness.createSecret(), randomUUID(), randomUUID()];
  const budgets = [{ window: "daily", unit: "usd", limit: 100n }] as const;
  return harness.createKey({ secretId, agentId, crewRunId, budgets, expiresAt: null });
}

/** Holds and settles one call. */
async function act(
  harness: LedgerHarness,
  identity: KeyIdentity,
  holdMicros: bigint,
  end: Partial<SettleRequest>,
  exposureId: string | null = null,
): Promise<void> {
  const nothing = {
    claimedAgentId: null,
    claimedCrewRunId: null,
    endpoint: null,
    direction: null,
    amount: null,
  };
  const more = {
    currency: null,
    customerId: null,
    metadata: {},
    idempotency: null,
    duplicate: null,
    accounted: true,
  };
  const request = { vendor: "stripe", method: "POST", path: "/v1/payment_intents", holdMicros, exposureId };
  const call: ReserveRequest = { callId: randomUUID(), identity, ...nothing, ...more, ...request };
  expect((await harness.ledger.reserve(call)).kind).toBe("reserved");
  const unknown = {
    vendorRequestId: null,
    vendorObjectId: null,
    latencyMs: null,
    upstreamMs: null,
    reason: null,
    mayOverrun: false,
    throttle: null,
  };
  const { callId, amount, currency, customerId } = call;
  const known = {
    callId,
    secretId: identity.secretId,
    amount,
    currency,
    customerId,
    exposure: null,
    costMicros: 0n,
  };
  await harness.ledger.settle({ ...known, ...unknown, state: "settled", statusCode: 200, ...end });
}

/** Lets everything that was recorded by now have happened a day earlier. Its chain does not verify any more. */
async function moveToYesterday(control: Database): Promise<void> {
  await control.query(
    "SELECT ensure_month((date_trunc('month', now() AT TIME ZONE 'UTC' - interval '1 day'))::date)",
  );
  await control.query(
    "UPDATE calls SET requested_at = requested_at - interval '1 day', completed_at = completed_at - interval '1 day'",
  );
  await control.query("UPDATE budget_windows SET window_start = window_start - 1");
  await control.query(
    `UPDATE exposures SET parts = (SELECT jsonb_agg(jsonb_set(p, '{day}', to_jsonb(((p ->> 'day')::date - 1)::text)))
     FROM jsonb_array_elements(parts) p)`,
  );
}
