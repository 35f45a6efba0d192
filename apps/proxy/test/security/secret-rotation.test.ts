import { randomBytes } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueKey } from "../support/crew.ts";
import { skipSuite } from "../support/databases.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const ROTATIONS = 5;
const WORKERS_EACH = 6;
const CALLS_BETWEEN = 40;
const VALUES = Array.from({ length: ROTATIONS + 1 }, (_, version) => `sk_test_canary_version_${version}`);

if (POSTGRES_URL === undefined) skipSuite("rotation of a secret under load", "KEYBRAKE_TEST_DATABASE_URL");

describe.skipIf(POSTGRES_URL === undefined)("a secret that is rotated under load, on two replicas", () => {
  let fake: FakeStripe;
  let database: EmptyDatabase;
  let servers: readonly TestServer[];

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: VALUES });
    database = await createEmptyDatabase();
    const shared = {
      stripeUrl: fake.url,
      databaseUrl: database.url,
      masterKey: randomBytes(32).toString("base64"),
      adminToken: randomBytes(24).toString("hex"),
    };
    servers = await Promise.all([startTestServer(shared), startTestServer(shared)]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await fake.close();
    await database.drop();
  });

  /** Which version of the value each request from this one on was sent with. */
  const versionsSince = (index: number) =>
    fake.requests.slice(index).map(({ headers }) => {
      const value = /^Bearer (\S+)$/.exec(String(headers["authorization"]))?.[1] ?? "";
      return VALUES.indexOf(value);
    });

  it("fails no call, and once a rotation has returned no call is decided for the old value", async () => {
    const admin = (servers[0] as TestServer).admin;
    await admin.secrets.create({ name: "stripe-test", vendor: "stripe", value: VALUES[0] ?? "" });
    const { vaultKey } = await issueKey(admin, "agent", {
      allowed_endpoints: ["POST /v1/customers", "GET /v1/balance"],
    });
    const statuses = new Map<number, number>();
    const open = new Set<Promise<void>>();
    let isOver = false;
    const call = async (pool: Pool, isRead: boolean) => {
      const headers = {
        authorization: `Bearer ${vaultKey}`,
        "content-type": "application/x-www-form-urlencoded",
      };
      const answer = isRead
        ? await pool.request({ method: "GET", path: "/v1/balance", headers })
        : await pool.request({ method: "POST", path: "/v1/customers", headers, body: "name=x" });
      await answer.body.dump();
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
    };
    const work = async (pool: Pool, isRead: boolean) => {
      while (!isOver) {
        const calling = call(pool, isRead);
        open.add(calling);
        await calling.finally(() => open.delete(calling));
      }
    };
    const pools = servers.map(({ dataUrl }) => new Pool(dataUrl, { connections: WORKERS_EACH }));
    const workers = pools.flatMap((pool) =>
      Array.from({ length: WORKERS_EACH }, (_, index) => work(pool, index % 2 === 0)),
    );
    const reach = (count: number) =>
      expect.poll(() => fake.requests.length, { timeout: 20_000 }).toBeGreaterThan(count);
    try {
      for (let version = 1; version <= ROTATIONS; version++) {
        await reach(fake.requests.length + CALLS_BETWEEN);
        await admin.secrets.rotate("stripe-test", { value: VALUES[version] ?? "" });
        // What was on its way may have been decided before; whoever revokes the old value at the vendor waits for that.
        await Promise.all(open);
        const since = fake.requests.length;
        await reach(since + CALLS_BETWEEN);
        expect(new Set(versionsSince(since))).toEqual(new Set([version]));
      }
    } finally {
      isOver = true;
      await Promise.all(workers);
      await Promise.all(pools.map((pool) => pool.close()));
    }
    expect([...statuses.keys()]).toEqual([200]);
    // Both kinds of call and every version were there.
    expect(new Set(versionsSince(0))).toEqual(new Set(VALUES.keys()));
    expect(new Set(fake.requests.map(({ method }) => method))).toEqual(new Set(["GET", "POST"]));
  }, 60_000);
});
