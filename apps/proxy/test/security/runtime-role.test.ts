import { randomBytes } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { attemptStart } from "../lifecycle/start-attempt.ts";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { createTestDatabase, DATABASE_URL, skipSuite, type TestDatabase } from "../support/databases.ts";
import { createEmptyDatabase } from "../support/empty-database.ts";
import { startTestServer } from "../support/server.ts";

const FORBIDDEN = "42501";
const AUDIT_TABLES = ["calls", "audit_chain", "admin_events", "audit_tombstones"];

if (DATABASE_URL === undefined) skipSuite("the runtime role", "KEYBRAKE_TEST_DATABASE_URL");
else {
  describe("the role that a server runs under", () => testRole());
  describe("a server under such a role", () => testServer());
}

/** That it can still do its work, the ledger's contract suite and the control plane's tests show: they run under it. */
function testRole(): void {
  let database: TestDatabase;
  let role: pg.Client;
  let owner: pg.Client;
  let month: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    role = new pg.Client({ connectionString: database.runtimeUrl });
    owner = new pg.Client({ connectionString: database.url });
    await Promise.all([role.connect(), owner.connect()]);
    const { rows } = await owner.query("SELECT min(inhrelid::regclass::text) AS month FROM pg_inherits");
    month = rows[0]?.["month"] as string;
  });
  afterAll(async () => {
    await Promise.all([role.end(), owner.end()]);
    await database.drop();
  });

  const codeOf = (statement: string) =>
    role.query(statement).then(
      () => "it was done",
      (error: { code?: string }) => error.code,
    );

  it.each([...AUDIT_TABLES, "a month of calls"])(
    "C6: cannot change %s, nor its shape, nor take it away",
    async (name) => {
      const table = name === "a month of calls" ? month : name;
      const column = ["audit_chain", "audit_tombstones"].includes(table) ? "written_at" : "replica";
      const target = table === "audit_tombstones" ? "partition_name" : column;
      for (const statement of [
        `UPDATE ${table} SET ${target} = ${target}`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
        ...(table === "admin_events" ? [] : [`INSERT INTO ${table} DEFAULT VALUES`]),
        `ALTER TABLE ${table} ADD COLUMN more text`,
        `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
        `ALTER TABLE ${table} OWNER TO CURRENT_USER`,
        `CREATE RULE quiet AS ON INSERT TO ${table} DO INSTEAD NOTHING`,
        `DROP TABLE ${table}`,
      ])
        expect([statement, await codeOf(statement)]).toEqual([statement, FORBIDDEN]);
    },
  );

  it.each([
    "UPDATE budget_windows SET settled = 0",
    "UPDATE budgets SET limit_amount = 9",
    "UPDATE vault_keys SET status = 'active'",
    "UPDATE installation SET kill_switch_engaged = false",
    "UPDATE reservations SET hold_micros = 0",
    "DELETE FROM reservations",
    "DELETE FROM secrets",
    "UPDATE admin_tokens SET role = 'admin'",
    "UPDATE replicas SET name = 'x'",
    "UPDATE schema_migrations SET sha256 = ''",
    "CREATE TABLE mine (x int)",
    "CREATE FUNCTION usd(x text) RETURNS numeric LANGUAGE sql AS 'SELECT 0.0'",
    "ALTER FUNCTION ledger_day() RENAME TO other",
    "SELECT grant_runtime(current_user::text)",
    "SET session_replication_role = replica",
    "COPY calls TO PROGRAM 'cat'",
  ])("is refused: %s", async (statement) => {
    expect(await codeOf(statement)).toBe(FORBIDDEN);
  });

  it("cannot put a table of its own in front of one that a function uses", async () => {
    await role.query("CREATE TEMP TABLE installation AS SELECT * FROM public.installation");
    onTestFinished(async () => void (await role.query("DROP TABLE pg_temp.installation")));
    await role.query("SET search_path = pg_temp, public");
    await role.query("SELECT public.set_kill_switch(true, 'really')");
    await role.query("RESET search_path");
    const { rows } = await owner.query("SELECT kill_switch_reason AS reason FROM installation");
    expect(rows).toEqual([{ reason: "really" }]);
    await role.query("SELECT set_kill_switch(false, NULL)");
  });

  it("drops no month that is not over, whatever it says about it", async () => {
    const drop = (name: string) =>
      `SELECT drop_month('${name}', now() + interval '1 year', 0, '{}', '\\x00')`;
    expect(await codeOf(drop(month))).toBe("KB005");
    expect(await codeOf(drop("calls_1999_01"))).toBe("42P01");
    expect(await codeOf(drop("secrets"))).toBe("KB005");
  });

  it("adds entries to the admin trail at the database's time and with a link, and in no other way", async () => {
    const { rows: replicas } = await role.query(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('r', '0', now() + interval '1 minute') RETURNING epoch",
    );
    const epoch = replicas[0]?.["epoch"] as string;
    await role.query(
      `INSERT INTO admin_events (at, epoch, replica, action, outcome) VALUES ('2020-01-01', $1, 'another', 'forged', 'done')`,
      [epoch],
    );
    const { rows } = await owner.query(
      `SELECT e.at > now() - interval '1 minute' AS is_now, e.replica, a.kinds FROM admin_events e
       JOIN audit_chain a ON e.id = ANY (a.call_ids) WHERE e.epoch = $1`,
      [epoch],
    );
    expect(rows).toEqual([{ is_now: true, replica: "r", kinds: ["admin"] }]);
    const dead =
      "INSERT INTO admin_events (at, epoch, replica, action, outcome) VALUES (now(), 9, '', 'x', 'done')";
    expect(await codeOf(dead)).toBe("KB001");
  });
}

function testServer(): void {
  const masterKey = randomBytes(32).toString("base64");
  let fake: FakeStripe;
  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  });
  afterAll(() => fake.close());

  /** The URL of an empty database under a role that can only log in. */
  async function openEmpty() {
    const database = await createEmptyDatabase();
    const name = `keybrake_role_${randomBytes(6).toString("hex")}`;
    await database.query(`CREATE ROLE ${name} LOGIN PASSWORD '${name}'`);
    onTestFinished(async () => {
      await database.query(`DROP OWNED BY ${name}`);
      await database.query(`DROP ROLE ${name}`);
      await database.drop();
    });
    const url = new URL(database.url);
    url.username = name;
    url.password = name;
    return { ownerUrl: database.url, runtimeUrl: url.href, name };
  }

  it("is migrated by the owner, serves calls and operators, and starts again without the owner", async () => {
    const { ownerUrl, runtimeUrl } = await openEmpty();
    const shared = { stripeUrl: fake.url, databaseUrl: runtimeUrl, masterKey };
    const first = await startTestServer({ ...shared, env: { KEYBRAKE_DATABASE_OWNER_URL: ownerUrl } });
    onTestFinished(() => first.kill());
    await storeSecret(first.admin);
    const { vaultKey } = await issueKey(first.admin, "agent", {
      allowed_endpoints: ["POST /v1/payment_intents"],
      daily_usd_cap: 10,
    });
    const stripe = stripeClient(first.dataUrl, vaultKey);
    expect((await stripe.paymentIntents.create({ amount: 500, currency: "usd" })).amount).toBe(500);
    expect((await first.admin.calls.list()).data).toMatchObject([{ state: "settled" }]);
    expect(await first.admin.audit.verify()).toMatchObject({ ok: true });
    expect((await first.admin.sql.query("SELECT count(*) AS n FROM calls")).rows).toEqual([{ n: 1 }]);
    expect((await first.admin.agents.revoke("agent")).revoked).toBe(1);
    expect(first.output()).not.toMatch(/owns the audit log|background work failed/);
    expect(await first.stop()).toBe(0);
    const second = await startTestServer(shared);
    onTestFinished(() => second.kill());
    expect((await second.admin.calls.list()).data).toHaveLength(1);
    expect(await second.stop()).toBe(0);
  });

  it("says what is missing, when it may not migrate, and when the role is not there", async () => {
    const { ownerUrl, runtimeUrl, name } = await openEmpty();
    const settings = { KEYBRAKE_MASTER_KEY: masterKey, KEYBRAKE_DATABASE_URL: runtimeUrl };
    const refused = await attemptStart(settings);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining("KEYBRAKE_DATABASE_OWNER_URL"),
    ]);
    const absent = runtimeUrl.replaceAll(name, "keybrake_nobody");
    const migration = { KEYBRAKE_DATABASE_URL: absent, KEYBRAKE_DATABASE_OWNER_URL: ownerUrl };
    const stranger = await attemptStart(migration, ["migrate"]);
    expect(stranger).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('CREATE ROLE "keybrake_nobody"'),
    });
    const migrated = await attemptStart({ ...migration, KEYBRAKE_DATABASE_URL: runtimeUrl }, ["migrate"]);
    expect([migrated.code, migrated.stdout]).toEqual([0, "the schema is up to date\n"]);
    const server = await startTestServer({ databaseUrl: runtimeUrl, masterKey });
    onTestFinished(() => server.kill());
    expect(await server.stop()).toBe(0);
  });

  it("is told so when its role owns the tables", async () => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const server = await startTestServer({ databaseUrl: database.url, masterKey });
    onTestFinished(() => server.kill());
    expect(server.output()).toContain("owns the audit log's tables and could change them");
    expect(await server.stop()).toBe(0);
  });
}
