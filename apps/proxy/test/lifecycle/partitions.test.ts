import { randomBytes } from "node:crypto";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";

// What a month finds for which nobody made a partition: this one is taken away instead of waiting for the next.
describe.skipIf(POSTGRES_URL === undefined)("C7: a month without a partition", () => {
  let database: EmptyDatabase;
  let fake: FakeStripe;
  let server: TestServer;
  let vaultKey: string;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    database = await createEmptyDatabase();
    const masterKey = randomBytes(32).toString("base64");
    server = await startTestServer({ stripeUrl: fake.url, databaseUrl: database.url, masterKey });
    await storeSecret(server.admin);
    const policy = { daily_usd_cap: 25, allowed_endpoints: ["POST /v1/payment_intents"] };
    ({ vaultKey } = await issueKey(server.admin, "early_agent", policy));
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await fake?.close();
    await database?.drop();
  });

  async function call(path: string, body: string): Promise<{ status: number; code: string | null }> {
    const answer = await request(server.dataUrl + path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${vaultKey}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body,
    });
    const { error } = (await answer.body.json()) as { error?: { code?: string } };
    return { status: answer.statusCode, code: error?.code ?? null };
  }

  test("C7: refuses every call, says so, and holds nothing; once it is there, calls pass", async () => {
    const [month] = await database.query("SELECT 'calls_' || to_char(ledger_day(), 'YYYY_MM') AS name");
    await database.query(`DROP TABLE ${month?.["name"]}`);
    const closed = { status: 503, code: "ledger_unavailable" };
    expect(await call("/v1/payment_intents", CHARGE)).toEqual(closed);
    expect(await call("/v1/transfers", "amount=1&currency=usd&destination=acct_1")).toEqual(closed);
    expect(fake.requests).toEqual([]);
    expect(await database.query("SELECT 1 FROM reservations")).toEqual([]);
    // No partition for whatever has none of its own: rows would fall into it unseen.
    expect(
      await database.query(
        "SELECT 1 FROM pg_class WHERE pg_get_expr(relpartbound, oid) = 'DEFAULT' AND relispartition",
      ),
    ).toEqual([]);
    expect(server.output()).toMatch(/"what":"flush the ledger","code":"23514"/);
    const metrics = await (await request(`${server.adminUrl}/metrics`)).body.text();
    expect(metrics).toMatch(/keybrake_background_errors_total\{what="flush the ledger"\} [1-9]/);

    await database.query("SELECT ensure_partitions(0)");
    // Two calls of ten fit into twenty-five dollars: what was refused took nothing of it.
    for (const status of [200, 200, 429])
      expect((await call("/v1/payment_intents", CHARGE)).status).toBe(status);
  });
});
