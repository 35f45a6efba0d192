import { randomBytes, randomUUID } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const OLD_CALLS = 20;

if (POSTGRES_URL === undefined) skipSuite("retention", "KEYBRAKE_TEST_DATABASE_URL");

// PostgreSQL only: the old month is made by the database's owner, which nobody is of an embedded one.
describe.skipIf(POSTGRES_URL === undefined)("retention", () => {
  let fake: FakeStripe;
  let database: EmptyDatabase;
  let server: TestServer;
  let oldPartition: string;
  let newCall: string;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    database = await createEmptyDatabase();
    const shared = {
      stripeUrl: fake.url,
      databaseUrl: database.url,
      masterKey: randomBytes(32).toString("base64"),
      adminToken: randomBytes(24).toString("hex"),
    };
    server = await startTestServer({ ...shared, env: { KEYBRAKE_RETENTION_DAYS: "3660" } });
    await storeSecret(server.admin);
    const { vaultKey } = await issueKey(server.admin, "agent", {
      allowed_endpoints: ["GET /v1/balance"],
      expires_in: "1h",
    });
    await stripeClient(server.dataUrl, vaultKey).balance.retrieve();
    ({ oldPartition, newCall } = await writeOldMonth(database));
    // A log with an old month in it is sound, before anything is removed.
    expect(await server.admin.audit.verify()).toMatchObject({ ok: true });
    await server.stop();
    server = await startTestServer({ ...shared, env: { KEYBRAKE_RETENTION_DAYS: "30" } });
  }, 120_000);
  afterAll(async () => {
    await server.stop();
    await fake.close();
    await database.drop();
  });

  const partitions = async () =>
    (
      await database.query(
        "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'calls'::regclass",
      )
    ).map(({ name }) => String(name));

  test("the month that ended long ago is gone, this one and the next are there", async () => {
    const names = await partitions();
    expect(names).not.toContain(oldPartition);
    const now = new Date();
    for (const ahead of [0, 1]) {
      const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead))
        .toISOString()
        .slice(0, 7);
      expect(names).toContain(`calls_${month.replace("-", "_")}`);
    }
    await expect(server.admin.calls.get(newCall)).resolves.toMatchObject({ id: newCall });
    const { data } = await server.admin.calls.list({ agent_id: "old_agent", limit: 100 });
    expect(data.map(({ id }) => id)).toEqual([newCall]);
  });

  test("a signed tombstone says what was removed, and the log verifies past it", async () => {
    const tombstones = await database.query(
      "SELECT partition_name, calls_removed::int AS removed, octet_length(signature) AS signature FROM audit_tombstones",
    );
    expect(tombstones).toEqual([{ partition_name: oldPartition, removed: OLD_CALLS, signature: 64 }]);
    expect(await server.admin.audit.verify()).toMatchObject({ ok: true, first_problem: null });
  });

  test.each([
    ["its count is changed", "UPDATE audit_tombstones SET calls_removed = calls_removed + 1"],
    ["its instant is changed", "UPDATE audit_tombstones SET calls_before = calls_before + interval '1 day'"],
    ["its name is changed", "UPDATE audit_tombstones SET partition_name = 'calls_2025_12'"],
    [
      "a head is changed",
      "UPDATE audit_tombstones SET heads = jsonb_set(heads, ARRAY[(SELECT min(k) FROM jsonb_object_keys(heads) k), 'hash'], '\"00\"')",
    ],
    ["its heads are emptied", "UPDATE audit_tombstones SET heads = '{}'"],
    ["its signature is another's", "UPDATE audit_tombstones SET signature = sha256('x') || sha256('y')"],
    ["it is removed", "DELETE FROM audit_tombstones"],
    ["a call that it left is removed", "DELETE FROM calls WHERE agent_id = 'old_agent'"],
  ])("verification fails when %s", async (_how, tampering) => {
    await database.query("CREATE TABLE kept_tombstones AS SELECT * FROM audit_tombstones");
    await database.query("CREATE TABLE kept_calls AS SELECT * FROM calls WHERE agent_id = 'old_agent'");
    await database.query(tampering);
    const report = await server.admin.audit.verify();
    await database.query("DELETE FROM audit_tombstones");
    await database.query(
      "INSERT INTO audit_tombstones OVERRIDING SYSTEM VALUE SELECT * FROM kept_tombstones",
    );
    await database.query("DELETE FROM calls WHERE agent_id = 'old_agent'");
    await database.query("INSERT INTO calls SELECT * FROM kept_calls");
    await database.query("DROP TABLE kept_tombstones, kept_calls");
    expect(report.ok).toBe(false);
    expect(await server.admin.audit.verify()).toMatchObject({ ok: true });
  });
});

/**
 * Writes a month of half a year ago as a replica of then would have: rows, and a chain whose first link stands in that
 * month and whose second in this one. Gives the old partition's name and the call of now.
 */
async function writeOldMonth(database: EmptyDatabase): Promise<{ oldPartition: string; newCall: string }> {
  const now = new Date();
  const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 6));
  const next = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 5));
  const oldPartition = `calls_${first.toISOString().slice(0, 7).replace("-", "_")}`;
  await database.query(
    `CREATE TABLE ${oldPartition} PARTITION OF calls FOR VALUES FROM ('${first.toISOString()}') TO ('${next.toISOString()}')`,
  );
  const [replica] = await database.query(
    "INSERT INTO replicas (name, version, lease_until, stopped_at) VALUES ('old', '0', now(), now()) RETURNING epoch::text AS epoch",
  );
  const oldIds = Array.from({ length: OLD_CALLS }, () => randomUUID());
  const newCall = randomUUID();
  await writeLink(database, String(replica?.["epoch"]), oldIds, new Date(first.getTime() + 86_400_000));
  // Older than the minute that verification leaves out of its counts.
  await writeLink(database, String(replica?.["epoch"]), [newCall], new Date(now.getTime() - 120_000));
  return { oldPartition, newCall };
}

async function writeLink(
  database: EmptyDatabase,
  epoch: string,
  ids: readonly string[],
  at: Date,
): Promise<void> {
  await database.query(
    `INSERT INTO calls (id, requested_at, completed_at, state, verdict, denial_code, method, path, agent_id, replica)
     SELECT id, $2, $2, 'denied', 'deny', 'endpoint_not_allowed', 'GET', '/v1/balance', 'old_agent', 'old' FROM unnest($1::uuid[]) AS id`,
    [ids, at],
  );
  await database.query(
    `SELECT append_link($1, $3, array_agg(e.id), array_agg($3::timestamptz), array_agg(e.what), array_agg(e.digest)) FROM (
       SELECT c.id, 'decision' AS what, decision_digest(c) AS digest FROM calls c WHERE c.id = ANY ($2)
       UNION ALL SELECT c.id, 'outcome', outcome_digest(c) FROM calls c WHERE c.id = ANY ($2)) e`,
    [epoch, ids, at],
  );
}
