import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Pool } from "undici";
import { describe, expect, type TestContext, test, vi } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
const DRAIN_MS_MAX = 30_000;

interface Scene {
  readonly fake: FakeStripe;
  readonly database: EmptyDatabase;
  readonly server: TestServer;
  readonly vaultKey: string;
  /** Starts another server in the place of this one. */
  restart(): Promise<TestServer>;
}

async function openScene(onFinished: TestContext["onTestFinished"]): Promise<Scene> {
  const fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  onFinished(() => fake.close());
  const database = await createEmptyDatabase();
  onFinished(() => database.drop());
  const settings = {
    stripeUrl: fake.url,
    databaseUrl: database.url,
    masterKey: randomBytes(32).toString("base64"),
    adminToken: randomBytes(24).toString("hex"),
  };
  const start = async () => {
    const server = await startTestServer(settings);
    onFinished(() => server.kill());
    return server;
  };
  const server = await start();
  await storeSecret(server.admin);
  const policy = { daily_usd_cap: 100_000, allowed_endpoints: ["* /v1/**"], expires_in: "1h" };
  const { vaultKey } = await issueKey(server.admin, "busy_agent", policy);
  return { fake, database, server, vaultKey, restart: start };
}

/** One call on one connection of its own; what came of it, or that the connection ended. */
async function charge(pool: Pool, vaultKey: string): Promise<{ status: number; callId: string } | null> {
  try {
    const answer = await pool.request({
      method: "POST",
      path: "/v1/payment_intents",
      headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/x-www-form-urlencoded" },
      body: CHARGE,
    });
    await answer.body.dump();
    return { status: answer.statusCode, callId: String(answer.headers["keybrake-call-id"]) };
  } catch {
    return null;
  }
}

async function statesOf(database: EmptyDatabase): Promise<Record<string, number>> {
  const rows = await database.query("SELECT state, count(*)::int AS count FROM calls GROUP BY state");
  return Object.fromEntries(rows.map(({ state, count }) => [String(state), Number(count)]));
}

/** Three charges that the vendor made, and will never answer. */
async function hang({ fake, server, vaultKey }: Scene): Promise<{ calls: ReturnType<typeof charge>[] }> {
  fake.failNext({ kind: "hang_after", count: 3 });
  const pool = new Pool(server.dataUrl, { connections: 3 });
  const calls = Array.from({ length: 3 }, () => charge(pool, vaultKey));
  await vi.waitUntil(() => fake.requests.length === 3, { timeout: 10_000 });
  return { calls };
}

async function expectHeld(database: EmptyDatabase): Promise<void> {
  expect(await statesOf(database)).toEqual({ unknown: 3 });
  const [held] = await database.query(
    "SELECT sum(hold_micros)::int AS held, (SELECT w.reserved::int FROM budget_windows w) AS reserved FROM reservations",
  );
  expect(held).toEqual({ held: 30_000_000, reserved: 30_000_000 });
}

if (POSTGRES_URL === undefined) skipSuite("SIGTERM", "KEYBRAKE_TEST_DATABASE_URL");

describe.skipIf(POSTGRES_URL === undefined)("R4: SIGTERM", () => {
  test.concurrent("R4: under load every call that was begun is answered and recorded, and the end comes soon", async (context) => {
    const { fake, database, server, vaultKey } = await openScene(context.onTestFinished);
    const pools = Array.from(
      { length: 16 },
      () => new Pool(server.dataUrl, { connections: 1, pipelining: 1 }),
    );
    const answered: { status: number; callId: string }[] = [];
    const load = pools.map(async (pool) => {
      // A call that finds nobody ends this caller: the server is gone.
      for (let result = await charge(pool, vaultKey); result !== null; result = await charge(pool, vaultKey))
        answered.push(result);
    });
    await vi.waitUntil(() => answered.length >= 100, { timeout: 20_000, interval: 5 });
    const exited = server.stop();
    // A process group is signaled more than once; only the first counts.
    for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) server.process.kill(signal);
    const startedAt = performance.now();
    expect(await exited).toBe(0);
    // Callers that never pause must not hold it up until the last resort, after 25 seconds.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await Promise.all(load);
    await Promise.all(pools.map((pool) => pool.destroy()));
    const states = await statesOf(database);
    expect(states["reserved"]).toBeUndefined();
    expect(states["unknown"]).toBeUndefined();
    const succeeded = answered.filter(({ status }) => status === 200);
    expect(new Set(answered.map(({ status }) => status))).toEqual(
      new Set(answered.length === succeeded.length ? [200] : [200, 503]),
    );
    // Every charge that the vendor made is in the books, and every one that an agent was told of.
    expect(states["settled"]).toBe(fake.requests.length);
    const settled = await database.query("SELECT id::text AS id FROM calls WHERE state = 'settled'");
    // … and no agent was cut off before it was told.
    expect(settled.map(({ id }) => String(id)).sort()).toEqual(succeeded.map(({ callId }) => callId).sort());
  }, 90_000);

  test.concurrent("R4: with a vendor that never answers it ends in thirty seconds, and what hung is unknown, not forgotten", async (context) => {
    const scene = await openScene(context.onTestFinished);
    const { calls } = await hang(scene);
    const startedAt = performance.now();
    expect(await scene.server.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(DRAIN_MS_MAX);
    for (const result of await Promise.all(calls)) expect([502, 504, undefined]).toContain(result?.status);
    await expectHeld(scene.database);
  }, 90_000);

  test.concurrent("a second signal ends a drain at once, and the next server books what hung as unknown", async (context) => {
    const scene = await openScene(context.onTestFinished);
    const { database, restart, server } = scene;
    const { calls } = await hang(scene);
    // Signaled again and again, because those of the first second are taken for one; left alone it would take 25 seconds.
    await vi.waitUntil(
      () => {
        server.process.kill("SIGTERM");
        return server.process.exitCode !== null;
      },
      { timeout: 10_000, interval: 200 },
    );
    expect(server.process.exitCode).toBe(128 + constants.signals.SIGTERM);
    expect(await Promise.all(calls)).toEqual([null, null, null]);
    expect(await statesOf(database)).toEqual({ reserved: 3 });
    await restart();
    await vi.waitUntil(async () => (await statesOf(database))["unknown"] === 3, {
      timeout: 40_000,
      interval: 200,
    });
    await expectHeld(database);
  }, 90_000);
});
