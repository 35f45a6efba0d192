import { randomBytes } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
const POLICY = { allowed_endpoints: ["POST /v1/payment_intents"], expires_in: "1h" };

/** Sums of one key's audit rows and of its budgets, read from the database itself. */
async function readSums(database: EmptyDatabase, vaultKeyId: string) {
  const [row] = await database.query(
    `SELECT count(*) FILTER (WHERE state = 'settled')::int AS settled, count(*) FILTER (WHERE state = 'denied')::int AS denied,
       count(*) FILTER (WHERE state IN ('reserved', 'unknown'))::int AS open, coalesce(sum(cost_usd), 0)::text AS cost,
       coalesce(sum(reserved_usd) FILTER (WHERE state IN ('reserved', 'unknown')), 0)::text AS held
     FROM calls WHERE vault_key_id = $1`,
    [vaultKeyId],
  );
  const [window] = await database.query(
    `SELECT w.limit_micros::text AS limit, w.reserved::text AS reserved, w.settled::text AS settled, w.overrun::text AS overrun
     FROM budget_windows w JOIN budgets b ON b.id = w.budget_id
     WHERE b.scope = 'vault_key' AND b.scope_value = $1 AND b.unit = 'usd'`,
    [vaultKeyId],
  );
  return { rows: row as Record<string, number | string>, window: window as Record<string, string> };
}

describe("50 parallel ten-dollar charges against a hundred-dollar cap, embedded", () => {
  let fake: FakeStripe;
  let server: TestServer;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    server = await startTestServer({ stripeUrl: fake.url });
    await storeSecret(server.admin);
  });
  afterAll(async () => {
    await server.stop();
    await fake.close();
  });

  test("exactly 10 reach the vendor, the others get the cap's answer, and no SDK tries again", async () => {
    const { vaultKey } = await issueKey(server.admin, "billing_agent", { ...POLICY, daily_usd_cap: 100 });
    const stripe = stripeClient(server.dataUrl, vaultKey);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        stripe.paymentIntents.create({
          amount: 1000,
          currency: "usd",
          payment_method: "pm_card_visa",
          confirm: true,
        }),
      ),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(10);
    expect(fake.requests).toHaveLength(10);
    expect(refused).toHaveLength(40);
    const secondsToMidnight = 86_400 - (Math.floor(Date.now() / 1_000) % 86_400);
    for (const error of refused) {
      expect(error).toMatchObject({ statusCode: 429, code: "daily_cap_exceeded" });
      expect(error.headers["stripe-should-retry"]).toBe("false");
      expect(Math.abs(Number(error.headers["retry-after"]) - secondsToMidnight)).toBeLessThan(60);
    }
    // One row a request: had an SDK retried, there would be more than 50.
    const { data } = await server.admin.calls.list({ agent_id: "billing_agent", limit: 1000 });
    expect(data).toHaveLength(50);
  });
});

describe.skipIf(POSTGRES_URL === undefined)("three proxies on one PostgreSQL", () => {
  let fake: FakeStripe;
  let database: EmptyDatabase;
  let servers: TestServer[];

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    database = await createEmptyDatabase();
    const shared = {
      stripeUrl: fake.url,
      databaseUrl: database.url,
      masterKey: randomBytes(32).toString("base64"),
      adminToken: randomBytes(24).toString("hex"),
    };
    servers = await Promise.all([startTestServer(shared), startTestServer(shared), startTestServer(shared)]);
    await storeSecret(servers[0]?.admin as never);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await fake.close();
    await database.drop();
  });

  // A1: 3 replicas × 64 in flight, one hot key, a cap for exactly 500 calls.
  test("A1: of 5,000 attempts exactly the 500 that fit reach the vendor", async () => {
    const { id, vaultKey } = await issueKey(servers[0]?.admin as never, "hot_agent", {
      ...POLICY,
      daily_usd_cap: 5000,
    });
    const before = fake.requests.length;
    const statuses = new Map<number, number>();
    const pools = servers.map((server) => new Pool(server.dataUrl, { connections: 64 }));
    let left = 5_000;
    const attempt = async (pool: Pool) => {
      while (left-- > 0) {
        const answer = await pool.request({
          method: "POST",
          path: "/v1/payment_intents",
          headers: {
            authorization: `Bearer ${vaultKey}`,
            "content-type": "application/x-www-form-urlencoded",
          },
          body: CHARGE,
        });
        await answer.body.dump();
        // On a busy machine the ledger may not answer in time: that is no decision, and the agent asks again.
        if (answer.statusCode === 503) left++;
        else statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
      }
    };
    await Promise.all(pools.flatMap((pool) => Array.from({ length: 64 }, () => attempt(pool))));
    await Promise.all(pools.map((pool) => pool.close()));
    expect(Object.fromEntries(statuses)).toEqual({ 200: 500, 429: 4500 });
    expect(fake.requests.length - before).toBe(500);
    const { rows, window } = await readSums(database, id);
    expect(rows).toEqual({ settled: 500, denied: 4500, open: 0, cost: "5000.000000", held: "0" });
    expect(window).toEqual({ limit: "5000000000", reserved: "0", settled: "5000000000", overrun: "0" });
  }, 120_000);

  test("a revoked key authorizes nothing more on any replica, and the others go on", async () => {
    const admin = servers[0]?.admin as NonNullable<TestServer["admin"]>;
    const doomed = await issueKey(admin, "doomed_agent", { ...POLICY, daily_usd_cap: 1_000_000 });
    const steady = await issueKey(admin, "steady_agent", { ...POLICY, daily_usd_cap: 1_000_000 });
    const pools = servers.map((server) => new Pool(server.dataUrl, { connections: 16 }));
    let isRunning = true;
    const results: { key: string; status: number; startedAt: number }[] = [];
    const run = async (pool: Pool, vaultKey: string, key: string) => {
      while (isRunning) {
        const startedAt = performance.now();
        const answer = await pool.request({
          method: "POST",
          path: "/v1/payment_intents",
          headers: {
            authorization: `Bearer ${vaultKey}`,
            "content-type": "application/x-www-form-urlencoded",
          },
          body: CHARGE,
        });
        await answer.body.dump();
        results.push({ key, status: answer.statusCode, startedAt });
      }
    };
    const load = pools.flatMap((pool) =>
      Array.from({ length: 8 }, () => [
        run(pool, doomed.vaultKey, "doomed"),
        run(pool, steady.vaultKey, "steady"),
      ]).flat(),
    );
    while (results.filter(({ key, status }) => key === "doomed" && status === 200).length < 100) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await admin.vaultKeys.revoke(doomed.id, { reason: "leaked" });
    const revokedAt = performance.now();
    const [row] = await database.query(
      "SELECT revoked_at, clock_timestamp() AS now FROM vault_keys WHERE id = $1",
      [doomed.id],
    );
    const steadyBefore = results.filter(({ key, status }) => key === "steady" && status === 200).length;
    while (
      results.filter(({ key, status }) => key === "steady" && status === 200).length <
      steadyBefore + 200
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    isRunning = false;
    await Promise.all(load);
    await Promise.all(pools.map((pool) => pool.close()));
    const late = results.filter(({ key, startedAt }) => key === "doomed" && startedAt > revokedAt);
    expect(late.length).toBeGreaterThan(0);
    expect(late.every(({ status }) => status === 401)).toBe(true);
    expect(results.filter(({ key, status }) => key === "steady" && status !== 200)).toEqual([]);
    // What was decided is in the rows: none was allowed after the revocation's own transaction had ended.
    const [after] = await database.query(
      "SELECT count(*)::int AS allowed FROM calls WHERE vault_key_id = $1 AND verdict = 'allow' AND requested_at > $2",
      [doomed.id, row?.["now"]],
    );
    expect(after).toEqual({ allowed: 0 });
  }, 120_000);
});
