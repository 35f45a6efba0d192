import { randomBytes } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Redis } from "ioredis";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codeOf, expectRefusal, type Front, newKey, openFront } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { hasRedis, openPrivateRedis, type PrivateRedis } from "./private-redis.ts";

const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
const HAS_ALL = POSTGRES_URL !== undefined && hasRedis();

describe("requests_per_minute without Redis", () => {
  let fake: FakeStripe;
  let front: Front;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    front = await openFront(fake.url);
  }, 120_000);
  afterAll(async () => {
    await front.close();
    await fake.close();
  });

  test("as many as allowed pass, then it is 429 with a short wait, a row, and no request", async () => {
    const { vaultKey } = await newKey(front, { requests_per_minute: 5 });
    const other = await newKey(front, { requests_per_minute: 5 });
    const read = async (key: string) =>
      (await sendRaw(front.server.dataUrl, requestText("GET /v1/balance", [`Authorization: Bearer ${key}`])))
        .answers[0];
    for (let count = 0; count < 5; count++) expect((await read(vaultKey))?.status).toBe(200);
    for (let count = 0; count < 3; count++) {
      const answer = await read(vaultKey);
      expect([answer?.status, codeOf(answer)]).toEqual([429, "rate_limited"]);
      const seconds = Number(answer?.headers.get("retry-after"));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(await expectRefusal(front, answer)).toBe("rate_limited");
    }
    // One agent's haste is not another's.
    expect((await read(other.vaultKey))?.status).toBe(200);
    expect(fake.requests).toHaveLength(6);
  });
});

describe.skipIf(!HAS_ALL)("requests_per_minute with Redis, two replicas", () => {
  let fake: FakeStripe;
  let database: EmptyDatabase;
  let redis: PrivateRedis;
  let servers: TestServer[];
  let pools: Pool[];

  beforeAll(async () => {
    [fake, database, redis] = await Promise.all([
      openFakeStripe({ secretKeys: [CANARY_SECRET] }),
      createEmptyDatabase(),
      openPrivateRedis(),
    ]);
    const shared = {
      stripeUrl: fake.url,
      databaseUrl: database.url,
      redisUrl: redis.url,
      masterKey: randomBytes(32).toString("base64"),
      adminToken: randomBytes(24).toString("hex"),
    };
    servers = await Promise.all([startTestServer(shared), startTestServer(shared)]);
    pools = servers.map((server) => new Pool(server.dataUrl, { connections: 8 }));
    if (servers[0] !== undefined) await storeSecret(servers[0].admin);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.destroy()));
    await Promise.all(servers.map((server) => server.stop()));
    await redis.close();
    await Promise.all([fake.close(), database.drop()]);
  });

  const issue = (policy: Readonly<Record<string, unknown>>) =>
    issueKey((servers[0] as TestServer).admin, "hasty_agent", {
      allowed_endpoints: ["* /v1/**"],
      expires_in: "1h",
      ...policy,
    });

  async function ask(replica: number, vaultKey: string, body: string | null): Promise<number> {
    const answer = await (pools[replica] as Pool).request({
      method: body === null ? "GET" : "POST",
      path: body === null ? "/v1/balance" : "/v1/payment_intents",
      headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    await answer.body.dump();
    return answer.statusCode;
  }

  test("the limit is one for all replicas, and Redis holds nothing that is secret", async () => {
    const client = new Redis(redis.url);
    try {
      // Each replica counts for itself until its connection stands: wait until a count of each has arrived.
      for (const replica of [0, 1]) {
        await vi.waitUntil(
          async () => {
            const { id, vaultKey } = await issue({ requests_per_minute: 100 });
            await ask(replica, vaultKey, null);
            return (await client.keys(`*${id}*`)).length > 0;
          },
          { timeout: 15_000, interval: 100 },
        );
      }
      const { vaultKey } = await issue({ requests_per_minute: 10 });
      const statuses: number[] = [];
      for (let count = 0; count < 24; count++) statuses.push(await ask(count % 2, vaultKey, null));
      expect(statuses.filter((status) => status === 200)).toHaveLength(10);
      expect(statuses.slice(10).every((status) => status === 429)).toBe(true);
      const keys = await client.keys("*");
      const values = await Promise.all(keys.map((key) => client.get(key)));
      expect(JSON.stringify([keys, values])).not.toMatch(/vault_|sk_test/);
    } finally {
      client.disconnect();
    }
  }, 60_000);

  test("A5: Redis killed, emptied, restored from an old dump under load: exactly the cap is spent", async () => {
    const capCalls = 120;
    await redis.dump();
    const { id, vaultKey } = await issue({ daily_usd_cap: capCalls * 10, requests_per_minute: 1_000_000 });
    const before = fake.requests.length;
    const statuses = new Map<number, number>();
    let done = 0;
    const attempt = async (replica: number) => {
      while (done < 400) {
        done++;
        const status = await ask(replica, vaultKey, CHARGE);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const load = [0, 1].flatMap((replica) => Array.from({ length: 8 }, () => attempt(replica)));
    for (const share of [40, 80, 110]) {
      await vi.waitUntil(() => done >= share, { timeout: 30_000, interval: 2 });
      await redis.kill();
      await redis.start({ fromDump: share === 80 });
    }
    await Promise.all(load);
    expect(statuses.get(200)).toBe(capCalls);
    expect([...statuses.keys()].sort()).toEqual([200, 429]);
    expect(fake.requests.length - before).toBe(capCalls);
    const [sums] = await database.query(
      "SELECT sum(cost_usd)::int AS cost, count(*) FILTER (WHERE denial_code <> 'daily_cap_exceeded')::int AS other FROM calls WHERE vault_key_id = $1",
      [id],
    );
    expect(sums).toEqual({ cost: capCalls * 10, other: 0 });
  }, 60_000);

  test("with Redis gone each replica lets through its share, and no agent sees an error", async () => {
    await redis.kill();
    for (const replica of [0, 1]) {
      // A replica learns within seconds that it is not alone.
      await vi.waitFor(
        async () => {
          const { vaultKey } = await issue({ requests_per_minute: 10 });
          const statuses: number[] = [];
          for (let count = 0; count < 15; count++) statuses.push(await ask(replica, vaultKey, null));
          expect(statuses).toEqual([...Array(5).fill(200), ...Array(10).fill(429)]);
        },
        { timeout: 15_000, interval: 200 },
      );
    }
  }, 60_000);
});

test("these ran with PostgreSQL and Redis", (context) => {
  if (HAS_ALL) return;
  if (["1", "true"].includes(process.env["CI"] ?? ""))
    throw new Error("KEYBRAKE_TEST_DATABASE_URL or redis-server is missing");
  context.skip("KEYBRAKE_TEST_DATABASE_URL or redis-server is missing");
});
