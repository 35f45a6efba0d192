import { randomBytes } from "node:crypto";
import { SQL_ROWS_MAX } from "@keybrake/client/contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, requireBackends, type TestDatabases } from "./backends.ts";
import { openStage, type Stage, writeCalls } from "./stage.ts";

requireBackends();

/** Each would change something, hold something up, or show what must not be shown. */
const REFUSED = [
  "",
  ";",
  "-- nothing",
  "INSERT INTO installation DEFAULT VALUES",
  "UPDATE vault_keys SET status = 'active'",
  "DELETE FROM calls",
  "TRUNCATE calls",
  "DROP TABLE calls",
  "COPY calls TO '/tmp/calls'",
  "COPY calls TO PROGRAM 'id'",
  "DO $$ BEGIN PERFORM 1; END $$",
  "SET statement_timeout = 0",
  "SET ROLE postgres",
  "CALL something()",
  "EXPLAIN ANALYZE SELECT 1",
  "LISTEN keybrake_changes",
  "LOCK TABLE calls",
  "BEGIN",
  "SELECT 1; SELECT 2",
  "SELECT 1; DELETE FROM calls",
  "SELECT 1; -- a comment\n DELETE FROM calls; --",
  "SELECT 1) AS q; DELETE FROM calls; --",
  "SELECT 1) AS q LIMIT 1 --",
  "SELECT 1) AS q UNION SELECT * FROM (SELECT 2",
  "SELECT 1) /*",
  "SELECT 1 /* ) */ /* /* */",
  "SELECT ')' || $x$ ( $x$ ) AS q --",
  "WITH gone AS (DELETE FROM calls RETURNING id) SELECT * FROM gone",
  "WITH added AS (INSERT INTO replicas (name, version, lease_until) VALUES ('x', 'y', now()) RETURNING epoch) SELECT * FROM added",
  "SELECT * INTO stolen FROM calls",
  "SELECT * FROM calls FOR UPDATE",
  "SELECT * FROM (SELECT * FROM budget_windows FOR SHARE) b",
  "SELECT pg_sleep(5)",
  "SELECT pg_catalog.pg_sleep(5)",
  'SELECT "pg_sleep"(5)',
  "SELECT pg_sleep /* hidden */ (5)",
  "SELECT pg_sleep -- hidden\n (5)",
  'SELECT U&"\\0070g_sleep"(5)',
  "SELECT set_config('transaction_read_only', 'off', true)",
  "SELECT pg_advisory_lock(7301001)",
  "SELECT pg_notify('keybrake_changes', '{}')",
  "SELECT set_kill_switch(true, 'by query')",
  "SELECT revoke_vault_keys('agent_id', 'a', 'by query')",
  "SELECT * FROM revoke_vault_keys('agent_id', 'a', 'by query')",
  "SELECT delete_budget(1)",
  "SELECT pg_read_file('/etc/passwd')",
  "SELECT pg_ls_dir('.')",
  "SELECT lo_import('/etc/passwd')",
  "SELECT pg_terminate_backend(1)",
  "SELECT current_setting('data_directory')",
  "SELECT nextval('budgets_id_seq')",
  "SELECT query_to_xml('SELECT * FROM secrets', true, false, '')",
  "SELECT table_to_xml('secrets', true, false, '')",
  "SELECT repeat('x', 1000000000)",
  "SELECT * FROM pg_authid",
  "SELECT * FROM pg_stats",
  "SELECT * FROM pg_catalog.pg_statistic",
  "SELECT * FROM information_schema.tables",
  "SELECT * FROM install_keys",
  "SELECT * FROM public.install_keys",
  "SELECT name FROM install_keys",
  "SELECT count(*) FROM install_keys",
  "SELECT 1 FROM calls WHERE EXISTS (SELECT 1 FROM install_keys)",
  "SELECT * FROM idempotency_keys",
  "SELECT * FROM schema_migrations",
  "SELECT envelope FROM secrets",
  "SELECT secrets.envelope FROM secrets",
  "SELECT envelope FROM public.secrets",
  "SELECT * FROM public.secrets",
  'SELECT * FROM "public"."secrets"',
  "SELECT * FROM public.secrets AS keybrake_secrets",
  'SELECT * FROM public.secrets AS "keybrake_secrets"',
  "SELECT * FROM keybrake_secrets",
  "SELECT key_hash FROM vault_keys",
  "SELECT v.key_hash FROM ONLY vault_keys v",
  "SELECT key_hash FROM ONLY (vault_keys)",
  "SELECT key_hash FROM public.vault_keys",
  "SELECT key_hash FROM public.vault_keys WHERE key_hash IS NOT NULL",
  "SELECT count(DISTINCT key_hash) FROM public . vault_keys",
  "SELECT * FROM /**/ public /**/ . /**/ vault_keys",
  "WITH vault_keys AS (SELECT * FROM public.vault_keys) SELECT * FROM vault_keys",
  "TABLE public.vault_keys",
  "SELECT $1",
  "SELECT 'it\\'s'",
  "SELECT 1\u0000",
];

describe.each(BACKENDS)("read-only SQL on $name", ({ open, name }) => {
  let databases: TestDatabases;
  let stage: Stage;
  let vaultKeyId: string;
  let vaultKeyHash: string;
  const isPostgres = name === "PostgreSQL";

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
    const secret = await stage.admin.secrets.create({
      name: "main",
      vendor: "stripe",
      value: "sk_test_12345678",
    });
    const policy = { vendor: "stripe", daily_usd_cap: 100 } as const;
    const key = await stage.admin.vaultKeys.create({ agent_id: "billing_agent", secret: "main", policy });
    vaultKeyId = key.id;
    const [row] = await stage.database.query("SELECT encode(key_hash, 'hex') AS hash FROM vault_keys");
    vaultKeyHash = row?.["hash"] as string;
    const call = { vaultKeyId: key.id, secretId: secret.id, metadata: { agent_id: "billing_agent" } };
    await writeCalls(stage, [
      { ...call, costUsd: 1.25 },
      { ...call, costUsd: 0.000_001 },
    ]);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  const run = (query: string) => stage.admin.sql.query(query);

  /** Everything that a statement could change, as one text. */
  async function fingerprint(): Promise<string> {
    const [row] = await stage.database.query(
      `SELECT concat((SELECT jsonb_agg(to_jsonb(c) ORDER BY id) FROM calls c), (SELECT to_jsonb(i) FROM installation i),
         (SELECT jsonb_agg(to_jsonb(v) ORDER BY id) FROM vault_keys v), (SELECT jsonb_agg(to_jsonb(b) ORDER BY id) FROM budgets b),
         (SELECT jsonb_agg(to_jsonb(r) ORDER BY epoch) FROM replicas r),
         (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), (SELECT count(*) FROM pg_class WHERE relkind = 'r')) AS all_of_it`,
    );
    return row?.["all_of_it"] as string;
  }

  it("runs the contract's query word for word", async () => {
    const { columns, rows, truncated } = await run(
      "SELECT * FROM calls WHERE metadata->>'agent_id' = 'billing_agent'",
    );
    expect(rows).toHaveLength(2);
    expect(columns).toContain("cost_usd");
    expect(rows.map((row) => row["cost_usd"]).sort()).toEqual(["0.000001", "1.250000"]);
    expect(rows[0]?.["metadata"]).toEqual({ agent_id: "billing_agent" });
    expect(truncated).toBe(false);
  });

  it.each([
    ["SELECT 1 AS one, 'a;b' AS two -- the end", [{ one: 1, two: "a;b" }]],
    [
      "SELECT 9007199254740993 AS large, 0.10 AS exact, NULL AS nothing, ARRAY[1, 2] AS list;",
      [{ large: "9007199254740993", exact: "0.10", nothing: null, list: [1, 2] }],
    ],
    [
      "SELECT date_trunc('day', '2026-03-01T12:00:00Z'::timestamptz AT TIME ZONE 'UTC')::date AS day ;;",
      [{ day: "2026-03-01" }],
    ],
    [
      "WITH t (a, b) AS (VALUES (1, 2)), u AS MATERIALIZED (SELECT a + b AS c FROM t) SELECT c FROM u",
      [{ c: 3 }],
    ],
    ["VALUES (1), (2) ORDER BY 1 DESC", [{ column1: 2 }, { column1: 1 }]],
    ["(SELECT 1 AS a) UNION (SELECT 1)", [{ a: 1 }]],
    ["SELECT x.a FROM unnest(ARRAY[3, 4]) AS x (a) WHERE x.a IN (4)", [{ a: 4 }]],
    ["SELECT E'it\\'s' AS a, $q$it's$q$ AS b, 'it''s' AS c", [{ a: "it's", b: "it's", c: "it's" }]],
    [
      "SELECT count(*) FILTER (WHERE cost_usd > 1) AS dear, sum(cost_usd) AS total FROM calls",
      [{ dear: 1, total: "1.250001" }],
    ],
    [
      "SELECT v.agent_id, s.name FROM vault_keys v JOIN secrets s ON s.id = v.secret_id",
      [{ agent_id: "billing_agent", name: "main" }],
    ],
    ["TABLE secrets LIMIT 0", []],
  ])("runs `%s`", async (query, rows) => {
    expect((await run(query)).rows).toEqual(rows);
  });

  it("names the columns even when there is no row", async () => {
    expect(await run("SELECT id, agent_id FROM calls WHERE false")).toEqual({
      columns: ["id", "agent_id"],
      rows: [],
      truncated: false,
    });
    expect((await run("SELECT NULL AS a")).rows).toEqual([{ a: null }]);
  });

  it("reads every table of the ledger but the keys'", async () => {
    const tables = [
      "calls",
      "audit_chain",
      "audit_tombstones",
      "budgets",
      "budget_windows",
      "reservations",
      "exposures",
      "credits",
      "replicas",
      "installation",
      "alerts",
      "alert_deliveries",
    ];
    for (const table of tables) await run(`SELECT * FROM ${table}`);
    const { columns } = await run("SELECT * FROM vault_keys");
    expect(columns).toContain("agent_id");
    expect(columns).not.toContain("key_hash");
    expect((await run("SELECT * FROM secrets")).columns).not.toContain("envelope");
    const everything = await run("SELECT v, s, to_jsonb(v) AS w FROM vault_keys v, secrets s");
    expect(JSON.stringify(everything)).toContain(vaultKeyId);
    expect(JSON.stringify(everything)).not.toContain(vaultKeyHash);
  });

  it("refuses everything that is more than reading, and nothing has changed after it", async () => {
    const before = await fingerprint();
    for (const query of REFUSED) {
      const outcome = await run(query).then(
        (result) => ({ code: "answered", result }),
        (error: { code: string; status: number }) => ({ code: error.code, status: error.status }),
      );
      expect({ query, code: outcome.code }).toEqual({
        query,
        code: expect.stringMatching(/^(?:query_refused|query_failed|invalid_request)$/),
      });
    }
    expect(await fingerprint()).toBe(before);
  });

  it("turns the transaction read-only, in case a function should slip through", async () => {
    // A function with an allowed name that writes, found before PostgreSQL's own by its exact argument type.
    await stage.database.query(
      `CREATE FUNCTION starts_with(a uuid, b text) RETURNS boolean LANGUAGE plpgsql AS $$
       BEGIN UPDATE installation SET kill_switch_engaged = true; RETURN true; END $$`,
    );
    const attempt = run("SELECT starts_with(id, 'x') FROM vault_keys");
    await expect(attempt).rejects.toMatchObject({
      code: "query_failed",
      detail: expect.stringContaining("read-only transaction"),
    });
    await stage.database.query("DROP FUNCTION starts_with(uuid, text)");
    expect((await stage.admin.killSwitch.get()).engaged).toBe(false);
  });

  it("passes on what the database says about a wrong query", async () => {
    const attempt = run("SELECT no_such_column FROM calls");
    await expect(attempt).rejects.toMatchObject({
      status: 422,
      code: "query_failed",
      detail: expect.stringContaining("no_such_column"),
    });
  });

  it("answers with a bounded number of rows and says that there were more", async () => {
    const digits = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))";
    const { rows, truncated } = await run(
      `SELECT a.column1 FROM ${digits} a, ${digits} b, ${digits} c, ${digits} d, (VALUES (0),(1)) e`,
    );
    expect([rows.length, truncated]).toEqual([SQL_ROWS_MAX, true]);
  });

  it("answers with a bounded number of bytes", async () => {
    const text = randomBytes(5_000).toString("hex");
    const wide = `SELECT concat(${Array.from({ length: 90 }, () => "a.t").join(", ")}) FROM (SELECT '${text}' AS t) a,
      (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15),(16),(17),(18),(19)) b`;
    await expect(run(wide)).rejects.toMatchObject({
      code: "query_refused",
      detail: expect.stringContaining("16 MiB"),
    });
  });

  it("cannot hold up the embedded database, nor PostgreSQL beyond its timeout", async () => {
    const endless =
      "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t";
    const series = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b";
    const rows = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))";
    const product = `SELECT count(*) FROM ${Array.from({ length: 12 }, (_, index) => `${rows} t${index}`).join(", ")}`;
    const refusal = isPostgres
      ? { status: 503, code: "ledger_unavailable" }
      : { status: 422, code: "query_refused" };
    for (const query of isPostgres ? [endless] : [endless, series, product])
      await expect(run(query)).rejects.toMatchObject(refusal);
  });

  it("runs two queries at a time and sends the third away", async () => {
    const rows = "(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9))";
    const slow = `SELECT count(*) FROM ${Array.from({ length: 6 }, (_, index) => `${rows} t${index}`).join(", ")}`;
    const outcomes = await Promise.allSettled([run(slow), run(slow), run(slow)]);
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { status: 503, code: "overloaded" } }]);
    expect((await run(slow)).rows).toEqual([{ count: 1_000_000 }]);
  });
});
