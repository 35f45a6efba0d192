import { randomBytes, randomInt } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import fc from "fast-check";
import { Pool, request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { inBatches } from "../support/in-batches.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";

const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
/** How many random loads are tried. */
const SEEDS = 200;
const CENTS_PER_DOLLAR = 100;
const POLICY = { allowed_endpoints: ["POST /v1/payment_intents"], expires_in: "1h" };

/** Sums of one key's audit rows and of its budgets, read from the database itself. */
async function readSums(database: EmptyDatabase, vaultKeyId: string) {
  const [row] = await database.query(
    `SELECT count(*) FILTER (WHERE state = 'settled')::int AS settled,
       count(*) FILTER (WHERE state = 'denied')::int
         + (SELECT coalesce(sum(counted), 0)::int FROM denial_counts WHERE vault_key_id = $1) AS denied,
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
  let shared: ServerOptions;

  const adminOf = () => (servers[0] as TestServer).admin;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    database = await createEmptyDatabase();
    shared = {
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

  /** Charges some cents through one of the replicas until it is decided; says whether it was allowed. */
  async function charge(replica: number, vaultKey: string, cents: number): Promise<boolean> {
    const server = servers[replica % servers.length];
    while (true) {
      const answer = await request(`${server?.dataUrl}/v1/payment_intents`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${vaultKey}`,
          "content-type": "application/x-www-form-urlencoded",
        },
        body: CHARGE.replace("1000", String(cents)),
      });
      await answer.body.dump();
      if (answer.statusCode !== 503) return answer.statusCode === 200;
    }
  }

  test("A2: random amounts never pass the cap, and what is left of it is less than the smallest that was refused", async () => {
    const cents = fc.oneof(fc.integer({ min: 50, max: 999 }), fc.integer({ min: 1_000, max: 9_999 }));
    const load = fc.record({
      capDollars: fc.integer({ min: 20, max: 200 }),
      amounts: fc.array(cents, { minLength: 8, maxLength: 16 }),
    });
    const seed = randomInt(2 ** 31);
    const seenCents = () =>
      fake.requests
        .map(({ body }) => Number(new URLSearchParams(body).get("amount")))
        .reduce((total, amount) => total + amount, 0);
    const before = seenCents();
    const outcomes = await inBatches(fc.sample(load, { numRuns: SEEDS, seed }), async (tried) => {
      const { capDollars, amounts } = tried;
      const { id, vaultKey } = await issueKey(adminOf(), "random_agent", {
        ...POLICY,
        daily_usd_cap: capDollars,
      });
      const allowed = await Promise.all(amounts.map((amount, index) => charge(index, vaultKey, amount)));
      const refused = amounts.filter((_amount, index) => !allowed[index]);
      const passed = amounts.filter((_amount, index) => allowed[index]);
      return { tried, id, passed, leastRefused: Math.min(...refused) };
    });
    const sums = await database.query(
      `SELECT vault_key_id AS id, (sum(cost_usd) * 100)::int AS cents FROM calls WHERE agent_id = 'random_agent' GROUP BY 1`,
    );
    const centsOf = new Map(sums.map((row) => [row["id"], row["cents"]]));
    let refusals = 0;
    for (const { tried, id, passed, leastRefused } of outcomes) {
      const why = `seed ${seed}: ${JSON.stringify(tried)}`;
      const sum = passed.reduce((total, amount) => total + amount, 0);
      expect(centsOf.get(id) ?? 0, why).toBe(sum);
      const left = tried.capDollars * CENTS_PER_DOLLAR - sum;
      expect(left, why).toBeGreaterThanOrEqual(0);
      expect(left, why).toBeLessThan(leastRefused);
      if (leastRefused < Number.POSITIVE_INFINITY) refusals++;
    }
    // A load that fits says nothing.
    expect(refusals).toBeGreaterThan(SEEDS / 4);
    const captured = outcomes.flatMap(({ passed }) => passed).reduce((total, amount) => total + amount, 0);
    expect(seenCents() - before).toBe(captured);
  }, 120_000);

  test("C4: every replica's links have no gap, and each continues the one before", async () => {
    const links = await database.query(
      `SELECT epoch::int, seq::int, prev_hash, hash, lag(hash) OVER (PARTITION BY epoch ORDER BY seq) AS previous
       FROM audit_chain ORDER BY epoch, seq`,
    );
    const epochs = new Map<unknown, number>();
    for (const { epoch, seq, prev_hash, previous } of links) {
      expect(seq).toBe((epochs.get(epoch) ?? 0) + 1);
      if (seq !== 1) expect(prev_hash).toEqual(previous);
      epochs.set(epoch, Number(seq));
    }
    expect(epochs.size).toBeGreaterThanOrEqual(3);
    for (const length of epochs.values()) expect(length).toBeGreaterThan(10);
    expect(await adminOf().audit.verify()).toMatchObject({ ok: true });
  });

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

  test("R6: while a newer version has migrated, the old ones go on under one cap, and none of them starts again", async () => {
    const { vaultKey } = await issueKey(adminOf(), "upgrade_agent", { ...POLICY, daily_usd_cap: 200 });
    const before = fake.requests.length;
    const attempts = Array.from({ length: 60 }, (_, index) => charge(index, vaultKey, 1_000));
    // What a newer version's start does: its migration adds what this one does not know of.
    await database.query("ALTER TABLE calls ADD COLUMN of_tomorrow text");
    const [newest] = await database.query(
      "INSERT INTO schema_migrations (number, name, sha256) SELECT max(number) + 1, 'of_tomorrow', '' FROM schema_migrations RETURNING number",
    );
    await database.query(
      "UPDATE replicas SET version = '99.0.0' WHERE epoch = (SELECT min(epoch) FROM replicas)",
    );
    attempts.push(...Array.from({ length: 60 }, (_, index) => charge(index, vaultKey, 1_000)));
    expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(20);
    expect(fake.requests.length - before).toBe(20);
    await expect(startTestServer(shared)).rejects.toThrow(
      `the database has migration ${newest?.["number"]} and this version of Keybrake knows`,
    );
    expect(await adminOf().audit.verify()).toMatchObject({ ok: true });
  }, 60_000);
});
