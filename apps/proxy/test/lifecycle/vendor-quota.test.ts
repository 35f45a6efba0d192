import { randomBytes } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AdminClient } from "@keybrake/client";
import { Pool } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CANARY_SECRET } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { hasRedis, openPrivateRedis, type PrivateRedis } from "./private-redis.ts";

/** A vendor that answers reads, notes when each came, and refuses when it is told to. */
interface Vendor {
  readonly url: string;
  readonly seenAtMs: number[];
  refuse: { readonly headers: Readonly<Record<string, string>>; times: number; readonly body: string } | null;
  close(): void;
}

async function openVendor(): Promise<Vendor> {
  const vendor: Omit<Vendor, "url"> = {
    seenAtMs: [],
    refuse: null,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  const answer = (response: ServerResponse, status: number, body: string, headers = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  const server: Server = createServer((request, response) => {
    request.resume();
    vendor.seenAtMs.push(performance.now());
    const refusal = vendor.refuse;
    if (refusal === null || refusal.times <= 0) return void answer(response, 200, '{"object":"balance"}');
    refusal.times--;
    answer(response, 429, refusal.body, refusal.headers);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(vendor, { url: `http://127.0.0.1:${port}` });
}

const RATE_LIMITED = '{"error":{"type":"invalid_request_error","code":"rate_limit","message":"slow down"}}';
const POLICY = {
  vendor: "stripe" as const,
  allowed_endpoints: ["* /v1/**"],
  daily_usd_cap: 10_000,
  expires_in: "1h",
};

let vendor: Vendor;
let database: EmptyDatabase | null;
let servers: TestServer[];
let pools: Pool[];
let redis: PrivateRedis | null;

const admin = () => (servers[0] as TestServer).admin as AdminClient;

async function openServers(count: number): Promise<void> {
  vendor = await openVendor();
  database = POSTGRES_URL === undefined ? null : await createEmptyDatabase();
  const shared = {
    stripeUrl: vendor.url,
    ...(database === null ? {} : { databaseUrl: database.url }),
    ...(redis === null ? {} : { redisUrl: redis.url }),
    masterKey: randomBytes(32).toString("base64"),
    adminToken: randomBytes(24).toString("hex"),
  };
  servers = await Promise.all(Array.from({ length: count }, () => startTestServer(shared)));
  pools = servers.map((server) => new Pool(server.dataUrl, { connections: 128 }));
}

async function closeServers(): Promise<void> {
  await Promise.all(pools.map((pool) => pool.destroy()));
  await Promise.all(servers.map((server) => server.stop()));
  await redis?.close();
  vendor.close();
  await database?.drop();
}

let secrets = 0;

/** A secret of its own, so that no test inherits another's pace, and a key of it for each agent. */
async function crew<const Names extends readonly string[]>(perSecond: number | null, ...agents: Names) {
  const secret = `stripe-${++secrets}`;
  await admin().secrets.create({
    name: secret,
    vendor: "stripe",
    value: CANARY_SECRET,
    ...(perSecond === null ? {} : { requests_per_second: perSecond }),
  });
  const issue = async (agentId: string) => {
    const created = await admin().vaultKeys.create({ agent_id: agentId, secret, policy: POLICY });
    return { id: created.id, vaultKey: created.vault_key };
  };
  return { secret, keys: await Promise.all(agents.map(issue)) };
}

/** One call; its status and its own code, if it has one. */
async function ask(vaultKey: string, options: { replica?: number; post?: string } = {}) {
  const { replica = 0, post } = options;
  const answer = await (pools[replica] as Pool).request({
    method: post === undefined ? "GET" : "POST",
    path: post === undefined ? "/v1/balance" : "/v1/customers",
    headers: {
      authorization: `Bearer ${vaultKey}`,
      ...(post === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    },
    body: post ?? null,
  });
  const body = (await answer.body.json()) as { error?: { code?: string } };
  return { status: answer.statusCode, code: body.error?.code ?? null, headers: answer.headers };
}

function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

describe("the vendor's quota at one replica", () => {
  beforeAll(async () => {
    redis = null;
    await openServers(1);
  }, 120_000);
  afterAll(closeServers);
  beforeEach(() => {
    vendor.refuse = null;
    vendor.seenAtMs.length = 0;
  });

  test("one agent's burst is sent at the secret's pace, and another's read does not wait for it", async () => {
    const { keys } = await crew(25, "hasty_agent", "hasty_agent", "calm_agent");
    const [one, two, calm] = keys.map(({ vaultKey }) => vaultKey) as [string, string, string];
    let answered = 0;
    const burst = [one, two].flatMap((vaultKey) =>
      Array.from({ length: 30 }, async () => {
        const { status } = await ask(vaultKey);
        answered++;
        return status;
      }),
    );
    const startedAtMs = performance.now();
    await vi.waitUntil(() => answered >= 5, { timeout: 10_000, interval: 5 });
    expect((await ask(calm)).status).toBe(200);
    // It had one turn among theirs: most of the burst is still to come.
    expect(answered).toBeLessThan(45);
    expect(new Set(await Promise.all(burst))).toEqual(new Set([200]));
    // 61 calls at 25 a second.
    expect(performance.now() - startedAtMs).toBeGreaterThan(2_000);
  });

  test("a call that waits holds no money, and one whose key is revoked meanwhile is not sent", async () => {
    const { keys } = await crew(1, "waiting_agent");
    const [key] = keys as [{ id: string; vaultKey: string }];
    expect((await ask(key.vaultKey)).status).toBe(200);
    const waiting = [ask(key.vaultKey), ask(key.vaultKey, { post: "name=x" })];
    await vi.waitFor(async () => {
      const text = await (await fetch(`${(servers[0] as TestServer).adminUrl}/metrics`)).text();
      expect(metric(text, 'keybrake_vendor_queue_length{vendor="stripe"}')).toBe(2);
    });
    const rows = await admin().calls.list({ vault_key_id: key.id });
    expect(rows.data.map(({ state }) => state)).toEqual(["settled"]);
    await admin().vaultKeys.revoke(key.id);
    for (const { status, code } of await Promise.all(waiting))
      expect([status, code]).toEqual([401, "vault_key_revoked"]);
    expect(vendor.seenAtMs).toHaveLength(1);
  });

  test("a 429 pauses the queue as long as the vendor asks, and the row says who had used the quota", async () => {
    const { secret, keys } = await crew(1_000, "greedy_agent", "small_agent");
    const [greedy, small] = keys as [{ id: string; vaultKey: string }, { id: string; vaultKey: string }];
    await Promise.all(Array.from({ length: 20 }, () => ask(greedy.vaultKey)));
    vendor.refuse = { times: 1, headers: { "retry-after": "1" }, body: RATE_LIMITED };
    const refused = await ask(small.vaultKey, { post: "name=x" });
    expect([refused.status, refused.code]).toEqual([429, "rate_limit"]);
    const row = await admin().calls.get(String(refused.headers["keybrake-call-id"]));
    expect(row).toMatchObject({
      state: "released",
      throttled_by: {
        calls: { greedy_agent: 20, small_agent: 1 },
        other_calls: 0,
        requests_per_second: 1_000,
        retry_after_seconds: 1,
      },
    });
    const refusedAtMs = vendor.seenAtMs.at(-1) ?? 0;
    expect((await ask(greedy.vaultKey)).status).toBe(200);
    expect((vendor.seenAtMs.at(-1) ?? 0) - refusedAtMs).toBeGreaterThan(950);
    // As docs/auditing.md has it.
    const { rows } = await admin().sql.query(
      `SELECT used.agent, sum(used.calls::integer) AS calls FROM calls c, jsonb_each_text(c.throttled_by -> 'calls') AS used (agent, calls)
       WHERE c.throttled_by IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1`,
    );
    expect(rows).toEqual([{ agent: "greedy_agent", calls: 20 }]);
    const text = await (await fetch(`${(servers[0] as TestServer).adminUrl}/metrics`)).text();
    expect(metric(text, 'keybrake_vendor_throttled_total{vendor="stripe",agent="small_agent"}')).toBe(1);
    expect(metric(text, 'keybrake_vendor_pace_ratio{vendor="stripe"}')).toBeLessThan(1);
    expect(await admin().audit.verify()).toMatchObject({ ok: true });
    expect((await admin().secrets.list()).data.find(({ name }) => name === secret)).toMatchObject({
      requests_per_second: 1_000,
      effective_requests_per_second: 1_000,
    });
  });

  test("a streamed read that is refused for haste is attributed, too; a lock on one object is not", async () => {
    const { keys } = await crew(null, "reading_agent");
    const [{ vaultKey }] = keys as [{ id: string; vaultKey: string }];
    vendor.refuse = { times: 1, headers: {}, body: RATE_LIMITED };
    const refused = await ask(vaultKey);
    await vi.waitFor(async () => {
      const row = await admin().calls.get(String(refused.headers["keybrake-call-id"]));
      expect(row.throttled_by).toMatchObject({ calls: { reading_agent: 1 } });
    });
    vendor.refuse = { times: 1, headers: {}, body: RATE_LIMITED.replace('"rate_limit"', '"lock_timeout"') };
    const locked = await ask(vaultKey, { post: "name=x" });
    expect((await admin().calls.get(String(locked.headers["keybrake-call-id"]))).throttled_by).toBeNull();
  });

  test("the pace of a secret is changed at once, and taken back", async () => {
    const { secret, keys } = await crew(1, "agent");
    const [{ vaultKey }] = keys as [{ id: string; vaultKey: string }];
    expect((await ask(vaultKey)).status).toBe(200);
    const waiting = Array.from({ length: 30 }, () => ask(vaultKey));
    expect(await admin().secrets.update(secret, { requests_per_second: 10_000 })).toMatchObject({
      requests_per_second: 10_000,
    });
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
    // The vendor is a mock, whose limit nobody knows.
    expect(await admin().secrets.update(secret, { requests_per_second: null })).toMatchObject({
      requests_per_second: null,
      effective_requests_per_second: null,
    });
    for (const wrong of [0, -1, 100_001])
      await expect(admin().secrets.update(secret, { requests_per_second: wrong })).rejects.toMatchObject({
        status: 400,
      });
    await expect(admin().secrets.update("nobody", { requests_per_second: 1 })).rejects.toMatchObject({
      status: 404,
    });
  });
});

describe.skipIf(POSTGRES_URL === undefined || !hasRedis())("the vendor's quota at two replicas", () => {
  beforeAll(async () => {
    redis = await openPrivateRedis();
    await openServers(2);
  }, 120_000);
  afterAll(closeServers);
  beforeEach(() => {
    vendor.refuse = null;
    vendor.seenAtMs.length = 0;
  });

  /** Sends so many at each replica at once; returns how long the vendor saw them come. */
  async function pour(vaultKeys: readonly string[], each: number): Promise<number> {
    vendor.seenAtMs.length = 0;
    const answers = await Promise.all(
      vaultKeys.flatMap((vaultKey, replica) =>
        Array.from({ length: each }, () => ask(vaultKey, { replica })),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    return (vendor.seenAtMs.at(-1) ?? 0) - (vendor.seenAtMs[0] ?? 0);
  }

  test("is one quota for both, with Redis, and when it is gone", async () => {
    const { keys } = await crew(40, "agent_one", "agent_two");
    const vaultKeys = keys.map(({ vaultKey }) => vaultKey);
    // 50 calls at 40 a second; if each replica had the whole quota it would take half as long.
    expect(await pour(vaultKeys, 25)).toBeGreaterThan(950);
    await redis?.kill();
    expect(await pour(vaultKeys, 25)).toBeGreaterThan(950);
    await redis?.start();
  });

  test("a 429 at one replica slows the other down", async () => {
    const { keys } = await crew(1_000, "agent_one", "agent_two");
    const [one, two] = keys.map(({ vaultKey }) => vaultKey) as [string, string];
    await pour([one, two], 3);
    vendor.refuse = { times: 1, headers: { "retry-after": "2" }, body: RATE_LIMITED };
    expect((await ask(one, { post: "name=x" })).status).toBe(429);
    const refusedAtMs = vendor.seenAtMs.at(-1) ?? 0;
    await vi.waitFor(async () => {
      const text = await (await fetch(`${(servers[1] as TestServer).adminUrl}/metrics`)).text();
      expect(metric(text, 'keybrake_vendor_pace_ratio{vendor="stripe"}')).toBeLessThan(1);
    });
    expect((await ask(two, { replica: 1 })).status).toBe(200);
    expect((vendor.seenAtMs.at(-1) ?? 0) - refusedAtMs).toBeGreaterThan(1_900);
  });
});

test("these ran with PostgreSQL and Redis", (context) => {
  if (POSTGRES_URL !== undefined && hasRedis()) return;
  if (["1", "true"].includes(process.env["CI"] ?? ""))
    throw new Error("KEYBRAKE_TEST_DATABASE_URL or redis-server is missing");
  context.skip("KEYBRAKE_TEST_DATABASE_URL or redis-server is missing");
});
