import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { openPgliteStore, openPostgresStore, type SqlStore } from "./sql-store.ts";

const KEYS = 500;
/** Calls of one flush, each with two caps of its key. */
const CALLS = 20;
/** Rows that a flush may touch for one call: its key, secret, budgets, windows and own rows. */
const ROWS_PER_CALL = 40;
/** The counters run on over transactions of one connection. */
const READ_SO_FAR =
  "(SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables)";

describe("a flush on PGlite", () => testReads(openPgliteStore));
if (DATABASE_URL === undefined) skipSuite("a flush on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describe("a flush on PostgreSQL", () => testReads(openPostgresStore));

/** A plan that scans is fast on the day it is made and ruins every call a month later. */
function testReads(open: () => Promise<SqlStore>): void {
  let store: SqlStore;
  let epoch: bigint;
  const keys: Record<string, unknown>[] = [];

  beforeAll(async () => {
    store = await open();
    const [replica] = await store.control.query(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('reads', '0', now() + interval '1 hour') RETURNING epoch",
    );
    epoch = replica?.["epoch"] as bigint;
    const [secret] = await store.control.query(
      "INSERT INTO secrets (name, vendor, envelope) VALUES ('reads', 'stripe', 'x') RETURNING id",
    );
    const budgets = JSON.stringify([
      { window: "daily", unit: "usd", limit: "1000000000" },
      { window: "daily", unit: "calls", limit: "1000000" },
    ]);
    for (let index = 0; index < KEYS; index++) {
      const [key] = await store.control.query(
        "SELECT id, secret_id FROM create_vault_key(sha256($1::text::bytea), 'x', NULL, $1, NULL, $2, 'stripe', '{}', $3::jsonb, NULL, NULL)",
        [`reads-${index}`, secret?.["id"], budgets],
      );
      keys.push({ ...key, agent_id: `reads-${index}` });
    }
  }, 120_000);
  afterAll(() => store.close());

  function callsOf(round: number): Record<string, unknown>[] {
    return keys.slice(round * CALLS, (round + 1) * CALLS).map((key, index) => ({
      i: index + 1,
      kind: "reserve",
      id: randomUUID(),
      vault_key_id: key["id"],
      secret_id: key["secret_id"],
      agent_id: key["agent_id"],
      policy_version: 1,
      vendor: "stripe",
      method: "POST",
      path: "/v1/payment_intents",
      accounted: true,
      hold_micros: "10",
      idempotency_key: randomUUID(),
      fingerprint: "body",
      deadline_ms: 60_000,
      metadata: {},
    }));
  }

  it("touches the rows of its own calls, however many keys and calls there are", async () => {
    // Plans are made by the first flush, on tables that are still empty, and kept.
    for (let round = 0; round < KEYS / CALLS; round++) {
      const calls = callsOf(round);
      const settles = calls.map(({ i, id, secret_id }) => ({
        ...{ i, id, secret_id, kind: "settle", state: "settled", cost_micros: "10", status_code: 200 },
        ...{ exposure_id: `pi_${String(id)}`, exposure_amount: "10", exposure_final: false, currency: "usd" },
      }));
      const denials = calls.map(({ i, vault_key_id }) => ({
        ...{ i, id: randomUUID(), kind: "deny", vault_key_id, method: "POST", path: "/v1/refunds" },
        ...{ denial_code: "endpoint_not_allowed", metadata: {} },
      }));
      for (const batch of [calls, settles, denials]) {
        const [read] = await store.transact([
          [`SELECT set_config('reads.before', ${READ_SO_FAR}::text, false)`, []],
          [
            "SELECT result FROM ledger_flush($1, $2::jsonb, NULL, '{}', '{}', '{}')",
            [epoch, JSON.stringify(batch)],
          ],
          [`SELECT ${READ_SO_FAR} - current_setting('reads.before')::numeric AS rows`, []],
        ]);
        expect(Number(read?.["rows"])).toBeLessThan(CALLS * ROWS_PER_CALL);
      }
    }
  }, 120_000);
}
