import { randomBytes } from "node:crypto";
import { createAgentClient, KeybrakeApiError } from "@keybrake/client";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { codeOf, type Front, newKey, openFront, rowOf } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, stripeClient } from "../support/crew.ts";
import { startTestServer } from "../support/server.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const CHARGE = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
type Phase = "before" | "braking" | "braked" | "releasing" | "after";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

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
beforeEach(() => fake.clearRequests());

async function ask(vaultKey: string, line: string, body = "", more: readonly string[] = []) {
  const headers = [`Authorization: Bearer ${vaultKey}`, ...(body === "" ? [] : [FORM]), ...more];
  return (await sendRaw(front.server.dataUrl, requestText(line, headers, body))).answers[0];
}

const pay = (vaultKey: string) => ask(vaultKey, "POST /v1/payment_intents", CHARGE);

describe("the kill switch", () => {
  test("stops every key and every kind of call, tells its name, and is lifted", async () => {
    const outside = stripeClient(fake.url, CANARY_SECRET);
    const { id: charge } = await outside.charges.create({
      amount: 1000,
      currency: "usd",
      source: "tok_visa",
    });
    const [first, second] = [await newKey(front), await newKey(front)];
    fake.clearRequests();
    const set = await front.admin.killSwitch.set({ engaged: true, reason: "somebody refunds everybody" });
    expect(set).toMatchObject({ engaged: true, reason: "somebody refunds everybody" });
    for (const { vaultKey } of [first, second]) {
      const answers = [
        await pay(vaultKey),
        await ask(vaultKey, "GET /v1/balance"),
        await ask(vaultKey, "POST /v1/refunds", `charge=${charge}`),
        await ask(vaultKey, "POST /v1/customers", "name=x", ["Idempotency-Key: same"]),
      ];
      for (const answer of answers) {
        expect([answer?.status, codeOf(answer)]).toEqual([503, "kill_switch_engaged"]);
        expect(await rowOf(front, answer)).toMatchObject({
          state: "denied",
          denial_code: "kill_switch_engaged",
        });
      }
    }
    expect(fake.requests).toEqual([]);
    // Who is braked may still ask why.
    expect((await ask(first.vaultKey, "GET /keybrake/v1/me"))?.status).toBe(200);
    await front.admin.killSwitch.set({ engaged: false });
    for (const { vaultKey } of [first, second]) expect((await pay(vaultKey))?.status).toBe(200);
    expect(fake.requests).toHaveLength(2);
  });

  test("under load, no call that begins after the brake is sent, and every one after its release is", async () => {
    const { vaultKey } = await newKey(front, { daily_usd_cap: 1_000_000 });
    let phase: Phase = "before";
    const statuses: Record<Phase, (number | undefined)[]> = {
      before: [],
      braking: [],
      braked: [],
      releasing: [],
      after: [],
    };
    const caller = async () => {
      while (statuses.after.length < 50) {
        const begun: Phase = phase;
        const answer = await pay(vaultKey);
        // What is under way while the switch moves may go either way.
        if (phase === begun) statuses[begun].push(answer?.status);
      }
    };
    const until = (count: () => number) =>
      vi.waitUntil(() => count() >= 50, { timeout: 20_000, interval: 2 });
    const load = Array.from({ length: 8 }, caller);
    await until(() => statuses.before.length);
    phase = "braking";
    await front.admin.killSwitch.set({ engaged: true });
    phase = "braked";
    const atBrake = fake.requests.length;
    await until(() => statuses.braked.length);
    const whileBraked = fake.requests.length;
    phase = "releasing";
    await front.admin.killSwitch.set({ engaged: false });
    phase = "after";
    await Promise.all(load);
    expect(new Set(statuses.before)).toEqual(new Set([200]));
    expect(new Set(statuses.braked)).toEqual(new Set([503]));
    expect(new Set(statuses.after)).toEqual(new Set([200]));
    // At most what each caller had begun before.
    expect(whileBraked - atBrake).toBeLessThanOrEqual(8);
    expect(fake.requests.length).toBeGreaterThanOrEqual(whileBraked + 50);
  }, 60_000);
});

describe("GET /keybrake/v1/me", () => {
  test("tells an agent what it is, may, has spent and has left, and nothing of its key", async () => {
    const policy = {
      daily_usd_cap: 100,
      total_call_cap: 7,
      allowed_endpoints: ["POST /v1/payment_intents"],
      expires_in: "1h",
    };
    const created = await front.admin.vaultKeys.create({
      agent_id: "billing_agent",
      crew_run_id: "run_7",
      secret: "stripe-test",
      policy: { vendor: "stripe", ...policy },
    });
    await pay(created.vault_key);
    const me = await createAgentClient({ baseUrl: front.server.dataUrl, vaultKey: created.vault_key }).me();
    expect(me).toMatchObject({
      id: created.id,
      agent_id: "billing_agent",
      crew_run_id: "run_7",
      vendor: "stripe",
      status: "active",
      policy: { allowed_endpoints: policy.allowed_endpoints },
      expires_at: created.expires_at,
    });
    const budget = (unit: string) => me.budgets.find((one) => one.unit === unit);
    expect(budget("usd")).toMatchObject({
      window: "daily",
      limit: "100.00",
      used: "10.00",
      remaining: "90.00",
    });
    expect(budget("calls")).toMatchObject({ window: "total", limit: "7", used: "1", remaining: "6" });
    const midnight = new Date(new Date(me.now).setUTCHours(24, 0, 0, 0)).toISOString();
    expect(new Date(budget("usd")?.resets_at ?? "").toISOString()).toBe(midnight);
    const { text } = await sendRaw(
      front.server.dataUrl,
      requestText("GET /keybrake/v1/me", [`Authorization: Bearer ${created.vault_key}`]),
    );
    expect(text).not.toContain(created.vault_key.slice(0, 40));
    expect(text).not.toMatch(/sk_test|key_hash|stripe-test/);
  });

  test("is no call at the vendor, has no row, and its address is nothing else", async () => {
    const { id, vaultKey } = await newKey(front, { allowed_endpoints: ["* /**"] });
    expect((await ask(vaultKey, "GET /keybrake/v1/me"))?.status).toBe(200);
    expect((await front.admin.calls.list({ vault_key_id: id })).data).toEqual([]);
    for (const line of [
      "POST /keybrake/v1/me",
      "DELETE /keybrake/v1/me",
      "GET /keybrake/v1/me/x",
      "GET /keybrake/v1",
      "GET /stripe/keybrake/v1/me",
      "GET /Keybrake/v1/me",
    ]) {
      expect((await ask(vaultKey, line))?.status).toBe(403);
    }
    expect(fake.requests).toEqual([]);
  });

  test("says that a key is revoked or has expired", async () => {
    const revoked = await newKey(front);
    await front.admin.vaultKeys.revoke(revoked.id);
    const expired = await newKey(front, { expires_in: undefined, expires_at: "2026-01-01T00:00:00Z" });
    for (const [{ vaultKey }, status] of [
      [revoked, "revoked"],
      [expired, "expired"],
    ] as const) {
      const me = createAgentClient({ baseUrl: front.server.dataUrl, vaultKey }).me();
      await expect(me).resolves.toMatchObject({ status });
      expect((await pay(vaultKey))?.status).toBe(401);
    }
    const nobody = createAgentClient({
      baseUrl: front.server.dataUrl,
      vaultKey: `${revoked.vaultKey}x`,
    }).me();
    await expect(nobody).rejects.toBeInstanceOf(KeybrakeApiError);
    expect(fake.requests).toEqual([]);
  });
});

test("a key without any cap is as good as any other", async () => {
  const { id, vaultKey } = await newKey(front, { daily_usd_cap: undefined });
  expect((await pay(vaultKey))?.status).toBe(200);
  expect((await ask(vaultKey, "GET /v1/balance"))?.status).toBe(200);
  // An answer does not wait until its cost is booked.
  await vi.waitFor(
    async () => {
      const { data } = await front.admin.calls.list({ vault_key_id: id });
      expect(data.map(({ state }) => state)).toEqual(["settled", "settled"]);
    },
    { timeout: 10_000 },
  );
});

describe("Keybrake-Call-Id", () => {
  test("stands on every answer, and names the row of the call", async () => {
    const { vaultKey } = await newKey(front, { daily_usd_cap: 50 });
    const limited = await newKey(front, { daily_usd_cap: 5 });
    const faulty = async (kind: Parameters<FakeStripe["failNext"]>[0]["kind"], line: string, body = "") => {
      fake.failNext({ kind } as Parameters<FakeStripe["failNext"]>[0]);
      return ask(vaultKey, line, body);
    };
    const answers = {
      "a success": await pay(vaultKey),
      "a read": await ask(vaultKey, "GET /v1/balance"),
      "a refusal by policy": await ask(vaultKey, "POST /v1/webhook_endpoints", "url=x"),
      "a cap": await pay(limited.vaultKey),
      "an ambiguous request": await ask(vaultKey, "POST /v1/payment_intents", "amount=1&amount=2"),
      "a malformed one": await ask(vaultKey, "GET /v1//balance"),
      "one that is too large": await ask(vaultKey, "POST /v1/customers", `x=${"y".repeat(70_000)}`),
      "no key": await ask("nothing", "GET /v1/balance"),
      "a vendor's own refusal": await ask(vaultKey, "GET /v1/charges/ch_none"),
      "a declined card": await faulty("declined", "POST /v1/payment_intents", CHARGE),
      "a vendor that fails": await faulty("error_500_after", "POST /v1/payment_intents", CHARGE),
      "a vendor that hangs up": await faulty("reset_before", "POST /v1/payment_intents", CHARGE),
      "a read that breaks": await faulty("reset_before", "GET /v1/balance"),
      "an echoed credential": await faulty("echo_authorization", "POST /v1/customers", "name=x"),
    };
    for (const [what, answer] of Object.entries(answers)) {
      const callId = answer?.headers.get("keybrake-call-id") ?? "";
      expect([what, callId]).toEqual([what, expect.stringMatching(UUID)]);
      await expect(front.admin.calls.get(callId)).resolves.toMatchObject({ id: callId });
    }
    const me = await ask(vaultKey, "GET /keybrake/v1/me");
    expect(me?.headers.get("keybrake-call-id")).toMatch(UUID);
  });
});

describe("KEYBRAKE_MONTHLY_REQUEST_LIMIT", () => {
  test("ends with a 429 for everybody, counts no refusal, and can be raised", async () => {
    const shared = { stripeUrl: fake.url, masterKey: randomBytes(32).toString("base64") };
    const limited = await openFront(fake.url, { ...shared, env: { KEYBRAKE_MONTHLY_REQUEST_LIMIT: "5" } });
    onTestFinished(() => limited.close());
    const keys = [await newKey(limited), await newKey(limited)];
    const at = async (vaultKey: string | undefined, line: string, body = "") => {
      const headers = [`Authorization: Bearer ${vaultKey}`, ...(body === "" ? [] : [FORM])];
      return (await sendRaw(limited.server.dataUrl, requestText(line, headers, body))).answers[0];
    };
    const [first, second] = keys.map(({ vaultKey }) => vaultKey);
    const passed = [
      await at(first, "POST /v1/payment_intents", CHARGE),
      await at(first, "GET /v1/balance"),
      await at(second, "GET /v1/balance"),
    ];
    // Refusals: they are no proxied requests.
    for (let count = 0; count < 5; count++) await at(first, "POST /v1/webhook_endpoints", "url=x");
    passed.push(await at(second, "POST /v1/customers", "name=x"), await at(first, "GET /v1/balance"));
    expect(passed.map((answer) => answer?.status)).toEqual([200, 200, 200, 200, 200]);
    for (const [key, line, body] of [
      [first, "POST /v1/payment_intents", CHARGE],
      [second, "GET /v1/balance", ""],
    ] as const) {
      const answer = await at(key, line, body);
      expect([answer?.status, codeOf(answer)]).toEqual([429, "monthly_request_limit"]);
      const seconds = Number(answer?.headers.get("retry-after"));
      const now = new Date();
      const nextMonth = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
      expect(Math.abs(seconds - (nextMonth - now.getTime()) / 1_000)).toBeLessThan(60);
      expect(await rowOf(limited, answer)).toMatchObject({ denial_code: "monthly_request_limit" });
    }
    expect(fake.requests).toHaveLength(5);
    await limited.server.stop({ keepData: true });
    const raised = await startTestServer({
      ...shared,
      dataDir: limited.server.dataDir,
      adminToken: limited.server.adminToken,
      ...(limited.database === null ? {} : { databaseUrl: limited.database.url }),
      env: { KEYBRAKE_MONTHLY_REQUEST_LIMIT: "6" },
    });
    onTestFinished(async () => void (await raised.stop()));
    const statuses: (number | undefined)[] = [];
    for (let count = 0; count < 2; count++) {
      const request = requestText("GET /v1/balance", [`Authorization: Bearer ${first}`]);
      statuses.push((await sendRaw(raised.dataUrl, request)).answers[0]?.status);
    }
    expect(statuses).toEqual([200, 429]);
    expect(fake.requests).toHaveLength(6);
  }, 60_000);
});
