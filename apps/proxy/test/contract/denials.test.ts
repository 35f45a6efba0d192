import { randomBytes, randomUUID } from "node:crypto";
import type { DenyRequest, KeyIdentity } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { verifyAudit } from "../../src/ledger/audit-verify.ts";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { type ReplicaParts, startReplica } from "./replica-parts.ts";
import { createSecret } from "./sql-ledger-harness.ts";
import { openPgliteStore, openPostgresStore, type SqlStore } from "./sql-store.ts";

/** What the signatures say is tried elsewhere. */
const ANY_SIGNATURE = { isTombstoneSigned: () => true, isGapSigned: () => true };

const RECORDED_MAX = 100;
const AT_ONCE = 50;
const EVENTUALLY = { timeout: 10_000, interval: 20 };

/** Does something so many times, fifty at once: a busy database must not keep a caller waiting too long. */
async function inTurns<T>(times: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) {
    const turn = Math.min(AT_ONCE, times - results.length);
    results.push(...(await Promise.all(Array.from({ length: turn }, work))));
  }
  return results;
}

describe("denials on PGlite", () => testDenials(openPgliteStore, { hasFaults: false }));
if (DATABASE_URL === undefined) skipSuite("denials on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describe("denials on PostgreSQL", () => testDenials(openPostgresStore, { hasFaults: true }));

function testDenials(open: () => Promise<SqlStore>, { hasFaults }: { hasFaults: boolean }): void {
  let store: SqlStore;
  let parts: ReplicaParts;

  beforeAll(async () => {
    store = await open();
    parts = await startReplica(store.ledgerDatabase, store.generalDatabase);
  });
  afterAll(async () => {
    await parts.close();
    await store.close();
  });

  /** A key that may make so many calls in its life. */
  async function createKey(calls = 0): Promise<KeyIdentity> {
    const secretId = await createSecret(store.control);
    const agentId = `agent_${randomUUID()}`;
    const [row] = await store.control.query(
      "SELECT id FROM create_vault_key($1, 'x', NULL, $2, 'run', $3, 'stripe', '{}', $4::jsonb, NULL, NULL)",
      [
        randomBytes(32),
        agentId,
        secretId,
        JSON.stringify([{ window: "total", unit: "calls", limit: String(calls) }]),
      ],
    );
    return { vaultKeyId: row?.["id"] as string, policyVersion: 1, secretId, agentId, crewRunId: "run" };
  }

  const factsOf = (identity: KeyIdentity | null) => ({
    callId: randomUUID(),
    identity,
    claimedAgentId: null,
    claimedCrewRunId: null,
    vendor: "stripe",
    method: "POST",
    path: "/v1/refunds",
    endpoint: null,
    direction: null,
    amount: null,
    currency: null,
    customerId: null,
    metadata: {},
  });
  const denial = (identity: KeyIdentity | null, code: DenyRequest["denial"]["code"]): DenyRequest => ({
    ...factsOf(identity),
    denial: { code, reason: "no" },
    statusCode: 403,
    latencyMs: 0,
  });
  const reserve = (identity: KeyIdentity) =>
    parts.ledger.reserve({
      ...factsOf(identity),
      identity,
      holdMicros: 0n,
      exposureId: null,
      accounted: true,
      idempotency: null,
      duplicate: null,
    });

  /** What is kept of a key's refusals, minute by minute, against the rows in the audit log. */
  async function kept(vaultKeyId: string | null) {
    const counts = await store.control.query(
      "SELECT minute, code, agent_id, crew_run_id, recorded, counted FROM denial_counts WHERE vault_key_id IS NOT DISTINCT FROM $1",
      [vaultKeyId],
    );
    const [rows] = await store.control.query(
      "SELECT count(*) AS rows FROM calls WHERE vault_key_id IS NOT DISTINCT FROM $1 AND verdict = 'deny'",
      [vaultKeyId],
    );
    const sum = (name: string) => counts.reduce((total, row) => total + Number(row[name]), 0);
    for (const { recorded, counted } of counts) {
      expect(Number(recorded)).toBeLessThanOrEqual(RECORDED_MAX);
      if (Number(counted) > 0) expect(Number(recorded)).toBe(RECORDED_MAX);
    }
    expect(sum("recorded")).toBe(Number(rows?.["rows"]));
    return { counts, total: sum("recorded") + sum("counted"), counted: sum("counted") };
  }

  it("are written a hundred a minute, and beyond that counted, exactly", async () => {
    const [flood, other] = [await createKey(), await createKey()];
    const written = [
      ...(await inTurns(450, () => parts.ledger.deny(denial(flood, "endpoint_not_allowed")))),
      ...(await inTurns(30, () => parts.ledger.deny(denial(flood, "unpriced")))),
      ...(await inTurns(30, () => parts.ledger.deny(denial(other, "endpoint_not_allowed")))),
    ];
    const { total, counted, counts } = await kept(flood.vaultKeyId);
    expect(total).toBe(480);
    // A minute may have ended in between.
    expect(counted).toBeGreaterThanOrEqual(250);
    expect(written.filter(({ isOnlyCounted }) => isOnlyCounted)).toHaveLength(counted);
    for (const row of counts) expect(row).toMatchObject({ agent_id: flood.agentId, crew_run_id: "run" });
    // Another code, and another key, is not the flood's.
    expect(written.slice(450).some(({ isOnlyCounted }) => isOnlyCounted)).toBe(false);
    expect((await kept(other.vaultKeyId)).total).toBe(30);
  });

  it("are counted when the ledger itself refuses, and what it allows has a row", async () => {
    const key = await createKey(7);
    const results = await inTurns(400, () => reserve(key));
    expect(results.filter(({ kind }) => kind === "reserved")).toHaveLength(7);
    const denied = results.flatMap((result) => (result.kind === "denied" ? [result] : []));
    expect(new Set(denied.map((result) => result.denial.code))).toEqual(new Set(["total_call_cap_exceeded"]));
    const { total, counted } = await kept(key.vaultKeyId);
    expect(total).toBe(393);
    expect(denied.filter(({ isOnlyCounted }) => isOnlyCounted)).toHaveLength(counted);
    const [row] = await store.control.query(
      "SELECT count(*)::integer AS allowed FROM calls WHERE vault_key_id = $1 AND verdict = 'allow'",
      [key.vaultKeyId],
    );
    expect(row).toEqual({ allowed: 7 });
  });

  it("of requests without a key are one group for each code", async () => {
    const before = (await kept(null)).total;
    await inTurns(150, () => parts.ledger.deny(denial(null, "vault_key_missing")));
    expect((await kept(null)).total - before).toBe(150);
  });

  it("are in the chain, which finds a count that was changed, taken back, removed or made up", async () => {
    const key = await createKey();
    for (let round = 0; round < 2; round++)
      await inTurns(150, () => parts.ledger.deny(denial(key, "endpoint_not_allowed")));
    const isSound = async () => (await verifyAudit(store.control, ANY_SIGNATURE)).isSound;
    expect(await isSound()).toBe(true);
    const [row] = await store.control.query(
      "SELECT * FROM denial_counts WHERE vault_key_id = $1 AND counted > 0 ORDER BY counted DESC LIMIT 1",
      [key.vaultKeyId],
    );
    const id = row?.["id"] as string;
    for (const forgery of [
      "counted = counted - 1",
      "agent_id = 'somebody_else'",
      "last_seq = last_seq - 1",
      "last_seq = NULL, counted = 0",
    ]) {
      await store.control.query(`UPDATE denial_counts SET ${forgery} WHERE id = $1`, [id]);
      expect([forgery, await isSound()]).toEqual([forgery, false]);
      await store.control.query(
        "UPDATE denial_counts SET counted = $2, agent_id = $3, last_seq = $4 WHERE id = $1",
        [id, String(row?.["counted"]), row?.["agent_id"], String(row?.["last_seq"])],
      );
      expect(await isSound()).toBe(true);
    }
    await store.control.query(
      `INSERT INTO denial_counts (epoch, minute, code, recorded, counted, last_at, last_seq, replica)
       VALUES ($1, now() - interval '1 hour', 'made_up', 100, 5, now(), 1, 'x')`,
      [parts.replica.epoch],
    );
    expect(await isSound()).toBe(false);
    await store.control.query("DELETE FROM denial_counts WHERE code = 'made_up'");
    await store.control.query("DELETE FROM denial_counts WHERE id = $1", [id]);
    const finding = await verifyAudit(store.control, ANY_SIGNATURE);
    expect(finding.firstProblem?.problem).toBe(`the count of denials ${id} is missing`);
  });

  // One process has no connection to break.
  if (hasFaults)
    it("are counted once when the answer to a flush is lost, and when the flush comes late", testLoss);

  async function testLoss(): Promise<void> {
    const { faults } = store;
    if (faults === null) expect.fail("this store has no connection to break");
    const key = await createKey();
    await inTurns(150, () => parts.ledger.deny(denial(key, "endpoint_not_allowed")));
    const flood = () =>
      Promise.allSettled(
        Array.from({ length: 50 }, () => parts.ledger.deny(denial(key, "endpoint_not_allowed"))),
      );
    faults.loseNextAnswer();
    await flood();
    const arrive = faults.delayNextOperation();
    await flood();
    await arrive();
    await flood();
    await vi.waitFor(async () => expect((await kept(key.vaultKeyId)).total).toBe(300), EVENTUALLY);
    // Nothing more comes after that.
    await flood();
    expect((await kept(key.vaultKeyId)).total).toBe(350);
  }
}
