import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { generateVaultKey } from "@keybrake/core";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { findPostgres, openPrivatePostgres, type PrivatePostgres } from "./private-postgres.ts";

const PROGRAMS = findPostgres();
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
/** The promise is one second; the rest is what a busy test machine adds. */
const REFUSED_WITHIN_MS = 1_500;
const BACK_WITHIN_MS = 5_000;
const KILLS = 3;
const CAP_CALLS = 300;

interface Said {
  readonly status: number;
  readonly code: string | null;
  readonly callId: string;
  readonly tookMs: number;
}

describe.skipIf(PROGRAMS === null)("without its PostgreSQL", () => {
  let postgres: PrivatePostgres;
  let fake: FakeStripe;
  let server: TestServer;
  let pool: Pool;
  /** A charge at the vendor that a refund can name, and one that the ledger has counted. */
  let objects: { charge: string; intent: string };
  let keyOf: Record<"busy" | "idle" | "narrow", { id: string; vaultKey: string }>;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    postgres = await openPrivatePostgres(PROGRAMS ?? "");
    const masterKey = randomBytes(32).toString("base64");
    server = await startTestServer({ stripeUrl: fake.url, databaseUrl: postgres.url, masterKey });
    await storeSecret(server.admin);
    pool = new Pool(server.dataUrl, { connections: 16 });
    const issue = (agentId: string, endpoints: string[]) =>
      issueKey(server.admin, agentId, {
        daily_usd_cap: CAP_CALLS * 10,
        allowed_endpoints: endpoints,
        expires_in: "1h",
      });
    keyOf = {
      busy: await issue("busy_agent", ["* /v1/**"]),
      idle: await issue("idle_agent", ["* /v1/**"]),
      narrow: await issue("narrow_agent", ["GET /v1/balance"]),
    };
    const charge = await ask("POST", "/v1/charges", "amount=1000&currency=usd&source=tok_visa");
    const intent = await ask(
      "POST",
      "/v1/payment_intents",
      "amount=1000&currency=usd&payment_method=pm_card_visa",
    );
    objects = { charge: charge.id ?? "", intent: intent.id ?? "" };
  }, 120_000);
  afterAll(async () => {
    // First of all, because nothing else ends it when a server did not start.
    await postgres.close();
    await pool.destroy();
    await server.kill();
    await fake.close();
  });

  async function ask(
    method: "GET" | "POST",
    path: string,
    body: string | null = null,
    vaultKey = keyOf.busy.vaultKey,
  ): Promise<Said & { id: string | undefined }> {
    const startedAt = performance.now();
    const headers = { authorization: `Bearer ${vaultKey}`, ...(body === null ? {} : FORM) };
    const answer = await pool.request({ method, path, headers, body });
    const text = await answer.body.text();
    const tookMs = performance.now() - startedAt;
    const parsed = JSON.parse(text) as { id?: string; error?: { code?: string } };
    const callId = String(answer.headers["keybrake-call-id"]);
    return { status: answer.statusCode, code: parsed.error?.code ?? null, callId, tookMs, id: parsed.id };
  }

  /** Every way in which a call needs the ledger. */
  const everyWay = (): Record<string, Promise<Said>> => ({
    "a charge": ask("POST", "/v1/payment_intents", CHARGE),
    "a read": ask("GET", "/v1/balance"),
    "a refund that is priced at the vendor": ask("POST", "/v1/refunds", `charge=${objects.charge}`),
    "a refund in a remembered currency": ask("POST", "/v1/refunds", `charge=${objects.charge}&amount=100`),
    "a confirmation that is priced from memory": ask(
      "POST",
      `/v1/payment_intents/${objects.intent}/confirm`,
      "",
    ),
    "a refusal by policy": ask("POST", "/v1/transfers", "amount=1&currency=usd", keyOf.narrow.vaultKey),
    "a key that is not remembered": ask("GET", "/v1/balance", null, keyOf.idle.vaultKey),
    "an unknown key": ask("GET", "/v1/balance", null, generateVaultKey("nobody")),
    "a mistyped key": ask("GET", "/v1/balance", null, `${keyOf.busy.vaultKey.slice(0, -1)}!`),
    "what a key may": ask("GET", "/keybrake/v1/me"),
  });

  async function expectNothingHeld(): Promise<void> {
    await vi.waitUntil(
      async () => {
        const [row] = await postgres.query(
          "SELECT count(*)::int AS open FROM calls WHERE state = 'reserved'",
        );
        return row?.["open"] === 0;
      },
      { timeout: 30_000, interval: 250 },
    );
    const [sums] = await postgres.query(
      `SELECT (SELECT coalesce(sum(w.reserved), 0)::text FROM budget_windows w) AS reserved,
         (SELECT coalesce(sum(r.hold_micros), 0)::text FROM reservations r) AS held`,
    );
    expect(sums).toMatchObject({ reserved: sums?.["held"] });
    expect(await server.admin.audit.verify()).toMatchObject({ ok: true });
  }

  /** Every call is refused in time, and no request leaves for the vendor. */
  async function expectRefusedEveryWay(): Promise<void> {
    const before = fake.requests.length;
    const said = await Promise.all(
      Object.entries(everyWay()).map(async ([what, answer]) => {
        const { status, code, tookMs } = await answer;
        return { what, status, code, isInTime: tookMs < REFUSED_WITHIN_MS };
      }),
    );
    const refused = { status: 503, code: "ledger_unavailable", isInTime: true };
    expect(said).toEqual(said.map(({ what }) => ({ what, ...refused })));
    expect(fake.requests.length).toBe(before);
  }

  /** It serves again soon, and what was refused meanwhile is neither sent after all nor held. */
  async function expectBack(before: number): Promise<void> {
    await vi.waitUntil(async () => (await ask("GET", "/v1/balance")).status === 200, {
      timeout: BACK_WITHIN_MS,
      interval: 50,
    });
    await expectNothingHeld();
    expect(fake.requests.slice(before).map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /v1/balance",
    ]);
  }

  const probe = async (target: string) => (await fetch(server.adminUrl + target)).status;

  test("C1: a database that hangs, even for longer than a lease: 503 in time, nothing at the vendor, and soon back", async () => {
    expect((await ask("GET", "/v1/balance")).status).toBe(200);
    const before = fake.requests.length;
    postgres.freeze();
    await expectRefusedEveryWay();
    await vi.waitUntil(async () => (await probe("/readyz")) === 503, { timeout: 20_000, interval: 100 });
    expect(await probe("/healthz")).toBe(200);
    await expectRefusedEveryWay();
    postgres.thaw();
    await expectBack(before);
  }, 60_000);

  test("C1: a database that is gone: the same", async () => {
    expect((await ask("GET", "/v1/balance")).status).toBe(200);
    const before = fake.requests.length;
    await postgres.kill();
    for (let round = 0; round < 2; round++) await expectRefusedEveryWay();
    expect(await probe("/healthz")).toBe(200);
    await postgres.start();
    await expectBack(before);
  }, 60_000);

  test("A4: kill -9 of PostgreSQL under load: no acknowledged row is missing, and the cap holds", async () => {
    const { id, vaultKey } = await issueKey(server.admin, "loaded_agent", {
      daily_usd_cap: CAP_CALLS * 10,
      allowed_endpoints: ["POST /v1/payment_intents"],
      expires_in: "1h",
    });
    const before = fake.requests.length;
    const acknowledged: string[] = [];
    const statuses = new Set<number>();
    let isRunning = true;
    const caller = async () => {
      while (isRunning) {
        const { status, callId } = await ask("POST", "/v1/payment_intents", CHARGE, vaultKey);
        statuses.add(status);
        if (status === 200) acknowledged.push(callId);
        else await delay(20);
      }
    };
    const load = Array.from({ length: 8 }, caller);
    for (let kill = 1; kill <= KILLS; kill++) {
      const target = acknowledged.length + 20;
      await vi.waitUntil(() => acknowledged.length >= Math.min(target, CAP_CALLS - 20), {
        timeout: 20_000,
        interval: 5,
      });
      await postgres.kill();
      await postgres.start();
    }
    await vi.waitUntil(
      async () => (await ask("POST", "/v1/payment_intents", CHARGE, vaultKey)).status === 429,
      {
        timeout: 30_000,
        interval: 5,
      },
    );
    isRunning = false;
    await Promise.all(load);
    await expectNothingHeld();
    expect([...statuses].filter((status) => ![200, 429, 502, 503].includes(status))).toEqual([]);
    const rows = await postgres.query(
      "SELECT id::text AS id, state, vendor_object_id, cost_usd::float8 AS cost, reserved_usd::float8 AS held FROM calls WHERE vault_key_id = $1 AND verdict = 'allow'",
      [id],
    );
    const settled = new Set(rows.filter(({ state }) => state === "settled").map((row) => row["id"]));
    expect(acknowledged.filter((callId) => !settled.has(callId))).toEqual([]);
    const worst = rows.map(({ state, cost, held }) => Number(state === "unknown" ? held : cost));
    const sum = worst.reduce((total, one) => total + one, 0);
    expect(sum).toBeLessThanOrEqual(CAP_CALLS * 10);
    // Every charge that was made is settled, or unknown with its worst case held.
    const open = rows.filter(({ state }) => state === "unknown").length;
    expect(settled.size + open).toBeGreaterThanOrEqual(fake.requests.length - before);
    expect((fake.requests.length - before) * 10).toBeLessThanOrEqual(sum);
    const [window] = await postgres.query(
      `SELECT (w.reserved + w.settled)::text AS used, w.overrun::text AS overrun FROM budget_windows w JOIN budgets b ON b.id = w.budget_id
       WHERE b.scope = 'vault_key' AND b.scope_value = $1`,
      [id],
    );
    expect(window).toEqual({ used: String(sum * 1_000_000), overrun: "0" });
  }, 120_000);
});

test("these ran on a PostgreSQL that may be killed", (context) => {
  if (PROGRAMS !== null) return;
  if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error("PostgreSQL is not installed");
  context.skip("PostgreSQL is not installed");
});
