import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdminClient } from "@keybrake/client";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { createTestDataDir, skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";

const POLICY = { allowed_endpoints: ["POST /v1/payment_intents"], daily_usd_cap: 1000, expires_in: "1h" };
const REASON = "the backup of last night was restored; the calls since were compared with Stripe";

let fake: FakeStripe;
beforeAll(async () => {
  fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
});
afterAll(() => fake.close());

/** One charge, without an SDK that would try again; its status and code. */
async function charge(server: TestServer, vaultKey: string): Promise<readonly [number, string | null]> {
  const response = await fetch(`${server.dataUrl}/v1/payment_intents`, {
    method: "POST",
    headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/x-www-form-urlencoded" },
    body: "amount=100&currency=usd&payment_method=pm_card_visa&confirm=true",
  });
  const body = (await response.json()) as { error?: { code?: string } };
  return [response.status, body.error?.code ?? null];
}

/** Starts a server that is ended with the test, whatever becomes of it. */
async function start(options: ServerOptions): Promise<TestServer> {
  const server = await startTestServer({ stripeUrl: fake.url, ...options });
  onTestFinished(() => server.kill());
  return server;
}

/** Nothing goes out, and everybody who asks is told why. */
async function expectFrozen(server: TestServer, vaultKey: string): Promise<void> {
  const before = fake.requests.length;
  expect(await charge(server, vaultKey)).toEqual([503, "history_lost"]);
  expect(fake.requests).toHaveLength(before);
  expect((await fetch(`${server.adminUrl}/readyz`)).status).toBe(503);
  expect(await server.admin.audit.history()).toMatchObject({ is_lost: true });
  expect(await server.admin.audit.verify()).toMatchObject({
    ok: false,
    first_problem: { problem: "history was lost here, and no operator has accepted that" },
  });
}

/** An operator may not, an admin may; from then on calls are decided, and the log says what happened. */
async function accept(server: TestServer): Promise<void> {
  const { token } = await server.admin.adminTokens.create({ name: "night shift", role: "operator" });
  const operator = createAdminClient({ baseUrl: server.adminUrl, token });
  const body = { reason: REASON };
  await expect(operator.audit.acceptHistory(body)).rejects.toMatchObject({ code: "role_not_sufficient" });
  const accepted = await server.admin.audit.acceptHistory(body);
  expect(accepted).toMatchObject({ is_lost: false });
  expect(accepted.gaps.at(-1)).toMatchObject({ accepted_by: "bootstrap", reason: REASON });
  await expect(server.admin.audit.acceptHistory(body)).rejects.toMatchObject({ code: "history_intact" });
  const [entry] = (await server.admin.adminEvents.list({ action: "history.accept", outcome: "done" })).data;
  expect(entry).toMatchObject({ token_name: "bootstrap", details: { reason: REASON } });
}

if (POSTGRES_URL === undefined) skipSuite("lost history on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");

describe.skipIf(POSTGRES_URL === undefined)("a PostgreSQL that has lost history", () => {
  const secrets = {
    masterKey: randomBytes(32).toString("base64"),
    adminToken: randomBytes(24).toString("hex"),
  };

  async function onServer(...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: POSTGRES_URL });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }
  const nameOf = (url: string) => new URL(url).pathname.slice(1);

  /** A database as it is now, under another name. Nobody may be connected to it. */
  async function copyOf(url: string): Promise<string> {
    const name = `${nameOf(url)}_backup`;
    await onServer(`CREATE DATABASE ${name} TEMPLATE ${nameOf(url)}`);
    onTestFinished(() => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    const copy = new URL(url);
    copy.pathname = `/${name}`;
    return copy.href;
  }

  test("C3: an older backup stops everything, though only a revocation is missing, until an admin accepts it", async () => {
    const database = await createEmptyDatabase();
    onTestFinished(() => database.drop());
    const dataDir = mkdtempSync(join(tmpdir(), "keybrake-history-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const first = await start({ ...secrets, dataDir, databaseUrl: database.url });
    await storeSecret(first.admin);
    const { id, vaultKey } = await issueKey(first.admin, "agent", POLICY);
    expect(await charge(first, vaultKey)).toEqual([200, null]);
    await first.stop({ keepData: true });
    await onServer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${nameOf(database.url)}'`,
    );
    const backup = await copyOf(database.url);
    const second = await start({ ...secrets, dataDir, databaseUrl: database.url });
    await second.admin.vaultKeys.revoke(id);
    await second.stop({ keepData: true });

    // In the backup the key is active again: exactly the key that somebody had a reason to revoke.
    const third = await start({ ...secrets, dataDir, databaseUrl: backup });
    await expectFrozen(third, vaultKey);
    expect(third.output()).toContain("the database has lost history");
    await accept(third);
    expect(await charge(third, vaultKey)).toEqual([200, null]);
    expect(await third.admin.audit.verify()).toMatchObject({ ok: true, gaps: 1 });
    await third.stop({ keepData: true });
    const fourth = await start({ ...secrets, dataDir, databaseUrl: backup });
    expect(await charge(fourth, vaultKey)).toEqual([200, null]);
    expect(await fourth.admin.audit.verify()).toMatchObject({ ok: true, gaps: 1, first_problem: null });

    // The marker is signed: nobody can accept a loss in the database alone, nor change what was said about it.
    const client = new pg.Client({ connectionString: backup });
    await client.connect();
    await client.query("UPDATE history_gaps SET reason = 'nothing happened'");
    await client.end();
    expect((await fourth.admin.audit.verify()).first_problem?.problem).toBe(
      "the accepted gap 1 in history has no valid signature",
    );
  }, 120_000);

  test("C3: a failover under two running replicas stops both, and one acceptance lets both go on", async () => {
    const database = await createEmptyDatabase();
    onTestFinished(() => database.drop());
    const shared = { ...secrets, databaseUrl: database.url };
    const seed = await start(shared);
    await storeSecret(seed.admin);
    const { vaultKey } = await issueKey(seed.admin, "agent", POLICY);
    await seed.stop();
    const live = nameOf(database.url);
    const disconnect = (name: string) =>
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`;
    await onServer(disconnect(live));
    const backup = nameOf(await copyOf(database.url));
    const [one, other] = [await start(shared), await start(shared)];
    expect(await charge(one, vaultKey)).toEqual([200, null]);
    expect(await charge(other, vaultKey)).toEqual([200, null]);
    const sent = fake.requests.length;
    // What a failover to a replica that lags behind does: the same address, and an earlier state.
    await onServer(
      `ALTER DATABASE ${live} ALLOW_CONNECTIONS false`,
      disconnect(live),
      `ALTER DATABASE ${live} RENAME TO ${live}_gone`,
      `ALTER DATABASE ${backup} RENAME TO ${live}`,
    );
    onTestFinished(() => onServer(`DROP DATABASE IF EXISTS ${live}_gone WITH (FORCE)`));
    for (const server of [one, other]) {
      // While it connects anew it says that the ledger is away; not one call gets through in between.
      await expect.poll(() => charge(server, vaultKey), { timeout: 20_000 }).toEqual([503, "history_lost"]);
      await expectFrozen(server, vaultKey);
    }
    expect(fake.requests).toHaveLength(sent);
    await accept(one);
    for (const server of [one, other])
      await expect.poll(() => charge(server, vaultKey), { timeout: 20_000 }).toEqual([200, null]);
    expect(await other.admin.audit.verify()).toMatchObject({ ok: true, gaps: 1 });
  }, 120_000);
});

describe("an embedded database that has lost history", () => {
  /** A server that has made a call, been copied by `backUp`, and made another one; then it has stopped. */
  async function prepare(options: ServerOptions, backUp: (dataDir: string) => void) {
    const { path: dataDir, remove } = await createTestDataDir();
    onTestFinished(remove);
    const first = await start({ ...options, dataDir });
    await storeSecret(first.admin);
    const { vaultKey } = await issueKey(first.admin, "agent", POLICY);
    expect(await charge(first, vaultKey)).toEqual([200, null]);
    await first.stop({ keepData: true });
    backUp(dataDir);
    const second = await start({ ...options, dataDir });
    expect(await charge(second, vaultKey)).toEqual([200, null]);
    await second.stop({ keepData: true });
    return { dataDir, vaultKey };
  }
  function replace(from: string, to: string): void {
    rmSync(to, { recursive: true });
    cpSync(from, to, { recursive: true });
  }

  test("C3: its files of an earlier day, beside what the replica wrote down, stop everything", async () => {
    const kept = mkdtempSync(join(tmpdir(), "keybrake-kept-"));
    onTestFinished(() => rmSync(kept, { recursive: true, force: true }));
    const adminToken = randomBytes(24).toString("hex");
    const { dataDir, vaultKey } = await prepare({ adminToken }, (from) =>
      cpSync(join(from, "pgdata"), join(kept, "pgdata"), { recursive: true }),
    );
    replace(join(kept, "pgdata"), join(dataDir, "pgdata"));
    const server = await start({ adminToken, dataDir });
    await expectFrozen(server, vaultKey);
    await accept(server);
    expect(await charge(server, vaultKey)).toEqual([200, null]);
    expect(await server.admin.audit.verify()).toMatchObject({ ok: true, gaps: 1, first_problem: null });
  }, 120_000);

  test("C3: a whole data directory of an earlier day is found out by checkpoints that are kept elsewhere", async () => {
    const kept = mkdtempSync(join(tmpdir(), "keybrake-kept-"));
    onTestFinished(() => rmSync(kept, { recursive: true, force: true }));
    const env = { KEYBRAKE_CHECKPOINT_FILE: join(kept, "checkpoints.ndjson") };
    const options = { adminToken: randomBytes(24).toString("hex"), env };
    const { dataDir, vaultKey } = await prepare(options, (from) =>
      cpSync(from, join(kept, "data"), { recursive: true }),
    );
    replace(join(kept, "data"), dataDir);
    await expectFrozen(await start({ ...options, dataDir }), vaultKey);
  }, 120_000);
});
