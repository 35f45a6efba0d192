import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import pg from "pg";
import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codeOf, expectRefusal, type Front, newKey, openFront, rowOf } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { CANARY_SECRET, stripeClient } from "../support/crew.ts";
import { POSTGRES_URL } from "../support/empty-database.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** What every flush of the ledger holds in part, and a revocation as a whole. */
const LEDGER_BARRIER = 7_301_001;

let fake: FakeStripe;
let front: Front;
/** The vendor itself, past the proxy: what the account's owner does elsewhere. */
let outside: Stripe;

beforeAll(async () => {
  fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  front = await openFront(fake.url);
  outside = stripeClient(fake.url, CANARY_SECRET);
}, 120_000);
afterAll(async () => {
  await front.close();
  await fake.close();
});

/** An agent with its own key on the one secret that all share. */
async function newAgent(dailyUsd: number, endpoints: readonly string[] = ["* /v1/**"]) {
  const { id, vaultKey } = await newKey(front, { daily_usd_cap: dailyUsd, allowed_endpoints: endpoints });
  const headers = [`Authorization: Bearer ${vaultKey}`, FORM];
  return {
    id,
    vaultKey,
    stripe: stripeClient(front.server.dataUrl, vaultKey, { maxNetworkRetries: 0 }),
    ask: async (line: string, body = "", more: readonly string[] = []) =>
      (await sendRaw(front.server.dataUrl, requestText(line, [...headers, ...more], body))).answers[0],
    used: async () => {
      const { budgets } = await front.admin.vaultKeys.get(id);
      return Number(budgets.find(({ unit }) => unit === "usd")?.used);
    },
    rows: async () => (await front.admin.calls.list({ vault_key_id: id, limit: 1_000 })).data,
  };
}

const captured = () => (fake.money()["usd"]?.captured ?? 0) / 100;
const refunded = () => (fake.money()["usd"]?.refunded ?? 0) / 100;
const codesOf = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map((result) => (result.status === "fulfilled" ? "ok" : (result.reason as { code?: string }).code));

describe("between the look-up of a price and the reservation", () => {
  /** Holds back the read that prices a refund until `meanwhile` has run, and gives what became of the refund. */
  async function refundWhile(agent: Awaited<ReturnType<typeof newAgent>>, meanwhile: () => Promise<unknown>) {
    const { id } = await outside.charges.create({ amount: 1000, currency: "usd", source: "tok_visa" });
    const before = fake.requests.length;
    fake.failNext({ kind: "delay", ms: 1_500, match: { method: "GET", pathPrefix: `/v1/charges/${id}` } });
    const refund = agent.ask("POST /v1/refunds", `charge=${id}`);
    await vi.waitUntil(() => fake.requests.length > before, { timeout: 10_000 });
    await meanwhile();
    const answer = await refund;
    const seen = fake.requests.slice(before).map(({ method, url }) => `${method} ${url}`);
    // Once more when the policy changed meanwhile; the refund itself never leaves.
    expect(new Set(seen)).toEqual(new Set([`GET /v1/charges/${id}`]));
    return answer;
  }

  test("a revocation wins", async () => {
    const agent = await newAgent(100, ["POST /v1/refunds"]);
    const answer = await refundWhile(agent, () => front.admin.vaultKeys.revoke(agent.id));
    expect(codeOf(answer)).toBe("vault_key_revoked");
    expect(await rowOf(front, answer)).toMatchObject({ state: "denied", denial_code: "vault_key_revoked" });
  });

  test("a narrower policy wins", async () => {
    const agent = await newAgent(100, ["POST /v1/refunds"]);
    const answer = await refundWhile(agent, () =>
      front.admin.vaultKeys.update(agent.id, {
        policy: { vendor: "stripe", allowed_endpoints: ["GET /v1/balance"], daily_usd_cap: 100 },
      }),
    );
    expect(codeOf(answer)).toBe("endpoint_not_allowed");
    await expectRefusal(front, answer);
  });

  test("a lower cap wins", async () => {
    const agent = await newAgent(100, ["POST /v1/refunds"]);
    const answer = await refundWhile(agent, () =>
      front.admin.vaultKeys.update(agent.id, {
        policy: { vendor: "stripe", allowed_endpoints: ["POST /v1/refunds"], daily_usd_cap: 9.99 },
      }),
    );
    expect(codeOf(answer)).toBe("daily_cap_exceeded");
    expect(await agent.used()).toBe(0);
  });

  test("the kill switch wins", async () => {
    const agent = await newAgent(100, ["POST /v1/refunds"]);
    const answer = await refundWhile(agent, () =>
      front.admin.killSwitch.set({ engaged: true, reason: "test" }),
    );
    await front.admin.killSwitch.set({ engaged: false });
    expect(codeOf(answer)).toBe("kill_switch_engaged");
  });
});

describe("refunds", () => {
  test("twenty full refunds of one charge at once give back no more than the charge", async () => {
    const agent = await newAgent(1_000, ["POST /v1/refunds"]);
    const { id } = await outside.charges.create({ amount: 2500, currency: "usd", source: "tok_visa" });
    const before = refunded();
    await Promise.allSettled(Array.from({ length: 20 }, () => agent.stripe.refunds.create({ charge: id })));
    expect(refunded() - before).toBe(25);
    expect(await agent.used()).toBe(25);
  });

  test("a refund is priced at what is left, and never from what was remembered of the charge", async () => {
    const agent = await newAgent(1_000);
    const { id } = await agent.stripe.charges.create({ amount: 5000, currency: "usd", source: "tok_visa" });
    await outside.refunds.create({ charge: id, amount: 3000 });
    await agent.stripe.refunds.create({ charge: id });
    const [refund] = (await agent.rows()).filter(({ endpoint }) => endpoint === "POST /v1/refunds");
    expect(refund).toMatchObject({ state: "settled", reserved_usd: "20.00", cost_usd: "20.00" });
  });

  test.each([
    "origin=customer_balance&currency=jpy&amount=5000",
    "origin=customer_balance&currency=usd&amount=1",
    "payment_intent=pi_other&amount=1",
    "refund_application_fee=true&amount=1",
  ])("a refund of a charge is not made cheaper by `%s`", async (more) => {
    const agent = await newAgent(1_000, ["POST /v1/refunds"]);
    const { id } = await outside.charges.create({ amount: 5000, currency: "usd", source: "tok_visa" });
    const before = refunded();
    await agent.ask("POST /v1/refunds", `charge=${id}&${more}`);
    expect(await agent.used()).toBeGreaterThanOrEqual(refunded() - before);
    const rows = await agent.rows();
    expect(rows.filter(({ overrun_usd }) => overrun_usd !== null)).toEqual([]);
  });
});

describe("two vault keys on one secret", () => {
  test("what one has created counts once, and whoever raises it pays for the rest", async () => {
    const [first, second] = [await newAgent(50), await newAgent(10)];
    const before = captured();
    const { id } = await first.stripe.paymentIntents.create({
      amount: 5000,
      currency: "usd",
      payment_method: "pm_card_visa",
    });
    await expect(second.stripe.paymentIntents.update(id, { amount: 6001 })).rejects.toMatchObject({
      code: "daily_cap_exceeded",
    });
    await second.stripe.paymentIntents.update(id, { amount: 6000 });
    await second.stripe.paymentIntents.confirm(id);
    expect(captured() - before).toBe(60);
    expect([await first.used(), await second.used()]).toEqual([50, 10]);
  });

  test("lowering and raising again gains nothing", async () => {
    const [first, second] = [await newAgent(50), await newAgent(10)];
    const before = captured();
    const { id } = await first.stripe.paymentIntents.create({
      amount: 5000,
      currency: "usd",
      payment_method: "pm_card_visa",
    });
    await second.stripe.paymentIntents.update(id, { amount: 100 });
    await Promise.allSettled([
      first.stripe.paymentIntents.update(id, { amount: 5000 }),
      second.stripe.paymentIntents.update(id, { amount: 6000 }),
    ]);
    await Promise.allSettled([first, second].map((agent) => agent.stripe.paymentIntents.confirm(id)));
    expect(captured() - before).toBeLessThanOrEqual((await first.used()) + (await second.used()));
    expect(await first.used()).toBeLessThanOrEqual(50);
    expect(await second.used()).toBeLessThanOrEqual(10);
  });

  test("many raise and confirm at once: what is captured is what is counted", async () => {
    const agents = await Promise.all(Array.from({ length: 4 }, () => newAgent(100)));
    const before = captured();
    const { id } = await (agents[0] as (typeof agents)[number]).stripe.paymentIntents.create({
      amount: 1000,
      currency: "usd",
      payment_method: "pm_card_visa",
    });
    await Promise.allSettled(
      agents.flatMap((agent, index) => [
        agent.stripe.paymentIntents.update(id, { amount: 2000 + index * 1000 }),
        agent.stripe.paymentIntents.confirm(id),
      ]),
    );
    const used = await Promise.all(agents.map((agent) => agent.used()));
    expect(captured() - before).toBeLessThanOrEqual(used.reduce((sum, one) => sum + one, 0));
    for (const one of used) expect(one).toBeLessThanOrEqual(100);
  });

  test("the same Idempotency-Key is two keys, and neither reads the other's answer", async () => {
    const [first, second] = [await newAgent(50), await newAgent(50)];
    const same = { idempotencyKey: `order-${randomUUID()}` };
    const mine = await first.stripe.customers.create({ name: "mine" }, same);
    const other = await second.stripe.customers.create({ name: "mine" }, same);
    expect(other.id).not.toBe(mine.id);
    expect((await first.stripe.customers.create({ name: "mine" }, same)).id).toBe(mine.id);
  });

  test("an object raised outside is charged as it is, and ends the key that was fooled", async () => {
    const agent = await newAgent(100);
    const { id } = await agent.stripe.paymentIntents.create({
      amount: 1000,
      currency: "usd",
      payment_method: "pm_card_visa",
    });
    await outside.paymentIntents.update(id, { amount: 50_000 });
    const confirmed = await Promise.allSettled([agent.stripe.paymentIntents.confirm(id)]);
    if (codesOf(confirmed)[0] === "ok") {
      const row = (await agent.rows()).find(({ overrun_usd }) => overrun_usd !== null);
      expect(row).toMatchObject({ cost_usd: "490.00", overrun_usd: "490.00" });
      await expect(agent.stripe.balance.retrieve()).rejects.toMatchObject({ code: "vault_key_revoked" });
    } else expect(await agent.used()).toBe(10);
  });
});

describe("idempotency", () => {
  test("a repetition with a query is no repetition, and nothing is sent", async () => {
    const agent = await newAgent(50);
    const key = [`Idempotency-Key: order-${randomUUID()}`];
    const body = "amount=1000&currency=usd";
    expect((await agent.ask("POST /v1/payment_intents", body, key))?.status).toBe(200);
    const before = fake.requests.length;
    const again = await agent.ask("POST /v1/payment_intents?description=other", body, key);
    expect(codeOf(again)).toBe("request_ambiguous");
    expect(fake.requests.length).toBe(before);
  });

  test("an empty Idempotency-Key does not make two calls one", async () => {
    const agent = await newAgent(50);
    const ask = () => agent.ask("POST /v1/payment_intents", "amount=1000&currency=usd", ["Idempotency-Key:"]);
    const answers = [await ask(), await ask()];
    const created = answers.filter((answer) => answer?.status === 200);
    expect(new Set(created.map((answer) => JSON.parse(answer?.body ?? "{}").id)).size).toBe(created.length);
    expect(await agent.used()).toBe(10 * created.length);
  });
});

describe("agents that leave", () => {
  test("a charge whose agent hangs up is finished and booked", async () => {
    const agent = await newAgent(50);
    const before = captured();
    fake.failNext({ kind: "delay", ms: 500, match: { method: "POST", pathPrefix: "/v1/payment_intents" } });
    const body = "amount=1000&currency=usd&payment_method=pm_card_visa&confirm=true";
    const socket = connect(Number(new URL(front.server.dataUrl).port), "127.0.0.1");
    const seen = fake.requests.length;
    socket.write(
      requestText("POST /v1/payment_intents", [`Authorization: Bearer ${agent.vaultKey}`, FORM], body),
    );
    await vi.waitUntil(() => fake.requests.length > seen, { timeout: 10_000 });
    socket.destroy();
    await vi.waitUntil(async () => (await agent.rows())[0]?.state === "settled", { timeout: 10_000 });
    expect(captured() - before).toBe(10);
    expect(await agent.used()).toBe(10);
  });

  // PostgreSQL only: the ledger is held up by a lock that another connection takes.
  test.skipIf(POSTGRES_URL === undefined)(
    "forty reads whose agents leave while the ledger decides take no place for good",
    async () => {
      const agent = await newAgent(50);
      await agent.stripe.balance.retrieve();
      const locker = new pg.Client({ connectionString: front.database?.url });
      await locker.connect();
      await locker.query("BEGIN");
      await locker.query("SELECT pg_advisory_xact_lock($1)", [LEDGER_BARRIER]);
      const text = requestText("GET /v1/balance", [`Authorization: Bearer ${agent.vaultKey}`]);
      const port = Number(new URL(front.server.dataUrl).port);
      const sockets = Array.from({ length: 40 }, () => connect(port, "127.0.0.1"));
      for (const socket of sockets) socket.on("error", () => undefined).write(text);
      await vi.waitUntil(async () => (await inFlight()) >= 32, { timeout: 5_000, interval: 10 });
      for (const socket of sockets) socket.destroy();
      await locker.query("ROLLBACK");
      await locker.end();
      await vi.waitUntil(async () => (await inFlight()) === 0, { timeout: 15_000, interval: 100 });
      await expect(agent.stripe.balance.retrieve()).resolves.toMatchObject({ object: "balance" });
      await vi.waitUntil(async () => (await agent.rows()).every(({ state }) => state !== "reserved"), {
        timeout: 10_000,
      });
    },
    60_000,
  );
});

describe("HEAD", () => {
  test("is a read of its own, with a row, without a body, and only where HEAD is allowed", async () => {
    const agent = await newAgent(50, ["HEAD /v1/balance"]);
    const text = requestText("HEAD /v1/balance", [
      `Authorization: Bearer ${agent.vaultKey}`,
      "Connection: close",
    ]);
    const { text: said } = await sendRaw(front.server.dataUrl, text);
    expect(said).toMatch(/^HTTP\/1\.1 (?:200|404|405) /);
    expect(said.endsWith("\r\n\r\n")).toBe(true);
    expect((await agent.rows()).map(({ method, verdict }) => [method, verdict])).toEqual([["HEAD", "allow"]]);
    expect((await agent.ask("GET /v1/balance"))?.status).toBe(403);
  });
});

describe("C5: what agents write into labels stays one line, and bounded", () => {
  test.each([
    ["a forged log line", "%0a%7B%22level%22%3A60%2C%22msg%22%3A%22fatal%22%7D"],
    ["terminal codes", "%1b%5B31m%1b%5D0%3Bowned%07"],
    ["other line ends", "%E2%80%A8%E2%80%A9%C2%85%0b%0c"],
    ["a right-to-left mark and half an emoji", "%E2%80%AE%F0%9F%98%80"],
    ["40 kB", "x".repeat(40_000)],
  ])("C5: %s", async (_name, value) => {
    const agent = await newAgent(50);
    const answer = await agent.ask(
      "POST /v1/customers",
      `metadata[agent_id]=${value}&metadata[crew_run_id]=${value}&metadata[note]=${value}`,
    );
    const row = await rowOf(front, answer);
    expect(JSON.stringify(row).length).toBeLessThan(10_000);
    expect(JSON.stringify(row)).not.toMatch(/\\u00[01]|\\n|\u2028|\u2029|\u0085/);
    for (const line of front.server
      .output()
      .split("\n")
      .filter((text) => text.startsWith("{")))
      expect(() => JSON.parse(line)).not.toThrow();
    for (const forged of ['"level":60', "\u001b", "owned"])
      expect(front.server.output()).not.toContain(forged);
  });
});

async function inFlight(): Promise<number> {
  const text = await (await fetch(`${front.server.adminUrl}/metrics`)).text();
  return Number(/^keybrake_calls_in_flight (\d+)$/m.exec(text)?.[1]);
}
