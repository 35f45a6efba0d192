import { once } from "node:events";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import type Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, storeSecret } from "../support/crew.ts";
import type { EmptyDatabase } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { createSelfSigned } from "./self-signed.ts";
import { errorOf, expectRefusal } from "./slice/refusals.ts";
import { ANY_BACKEND, createAgent, type LastingOptions, lastingOptions, removeLedger } from "./stage.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const MOCK_URL = process.env["KEYBRAKE_STRIPE_MOCK_URL"];
const REQUESTS_A_MONTH = 2;

let database: EmptyDatabase | null;
let options: LastingOptions;

beforeAll(async () => {
  database = await ANY_BACKEND.createDatabase();
  options = await lastingOptions(database);
}, 120_000);
afterAll(() => removeLedger(options, database));

/** A server for one suite, on the ledger of this file, with another vendor behind it than the suite before. */
function useServer(
  readStripeUrl: () => string,
  env: Readonly<Record<string, string>> = {},
): () => TestServer {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startTestServer({ ...options, stripeUrl: readStripeUrl(), env });
    await storeSecret(server.admin);
  }, 120_000);
  afterAll(() => server?.stop({ keepData: true }));
  return () => {
    if (server === undefined) throw new Error("the server is not up");
    return server;
  };
}

describe("a server with a monthly limit and without a rate table", () => {
  let fake: FakeStripe;
  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
  });
  afterAll(() => fake.close());
  const open = useServer(() => fake.url, { KEYBRAKE_MONTHLY_REQUEST_LIMIT: String(REQUESTS_A_MONTH) });

  test.each(["jpy", "kwd", "eur"])("%s has no price, so it is refused and not sent", async (currency) => {
    const agent = await createAgent(open());
    const error = await errorOf(agent.stripe.paymentIntents.create({ ...CHARGE, currency }));
    expectRefusal(error, "StripePermissionError", "unpriced");
    expect(error.message).toContain("rate table");
    expect(await agent.books()).toEqual([["POST /v1/payment_intents", "unpriced"]]);
    expect(fake.requests).toEqual([]);
  });

  test("past the installation's limit every key is refused until the month is over", async () => {
    const first = await createAgent(open());
    const second = await createAgent(open());
    for (let made = 0; made < REQUESTS_A_MONTH; made++) await first.stripe.paymentIntents.create(CHARGE);
    for (const agent of [first, second]) {
      const error = await errorOf(agent.stripe.paymentIntents.create(CHARGE));
      expectRefusal(error, "StripeRateLimitError", "monthly_request_limit");
      expect(Number(error.headers?.["retry-after"])).toBeGreaterThan(0);
    }
    expect(fake.requests).toHaveLength(REQUESTS_A_MONTH);
    expect(await second.rows()).toHaveLength(1);
  });
});

/** Nothing was sent, and that is proven: every attempt is released, and the budget is untouched. */
async function expectNothingSent(server: TestServer, reason: RegExp): Promise<void> {
  const agent = await createAgent(server);
  const error = await errorOf(agent.stripe.paymentIntents.create(CHARGE));
  expectRefusal(error, "StripeAPIError", "vendor_unreachable");
  expect(error.message).toMatch(reason);
  expectRefusal(await errorOf(agent.once.customers.list()), "StripeAPIError", "vendor_unreachable");
  const refund = await errorOf(agent.once.refunds.create({ charge: "ch_3unknown" }));
  expectRefusal(refund, "StripeAPIError", "vendor_unreachable");
  const rows = await agent.rows();
  expect(rows.length).toBeGreaterThanOrEqual(4);
  for (const row of rows)
    expect(row).toMatchObject({ state: "released", cost_usd: "0.00", status_code: null });
  expect(await agent.used()).toBe("0.00");
}

// A11, bad certificate.
describe("a vendor with a certificate that nobody trusts", () => {
  let vendor: https.Server;
  const arrived: string[] = [];
  beforeAll(async () => {
    vendor = https.createServer(createSelfSigned(), (request, response) => {
      arrived.push(request.url ?? "");
      response.end("{}");
    });
    vendor.listen(0, "127.0.0.1");
    await once(vendor, "listening");
  });
  afterAll(() => {
    vendor.closeAllConnections();
    vendor.close();
  });
  const open = useServer(() => `https://127.0.0.1:${(vendor.address() as AddressInfo).port}`);

  test("A11: gets no byte of a request, and everything is released", async () => {
    await expectNothingSent(open(), /SELF_SIGNED/);
    expect(arrived).toEqual([]);
  });
});

// A11, DNS failure; the label is too long for any resolver to ask somebody else about it.
describe("a vendor whose name does not resolve", () => {
  const open = useServer(() => `http://${"x".repeat(64)}.invalid`);

  test("A11: everything is released", async () => {
    await expectNothingSent(open(), /ENOTFOUND|EAI_/);
  });
});

/** Every call of the first slice. Stateless as stripe-mock is, any id will do. */
const SLICE: Readonly<Record<string, (stripe: Stripe) => Promise<{ object: string }>>> = {
  "payment_intents.create": (stripe) => stripe.paymentIntents.create(CHARGE),
  "payment_intents.update": (stripe) => stripe.paymentIntents.update("pi_1", { amount: 1500 }),
  "payment_intents.confirm": (stripe) => stripe.paymentIntents.confirm("pi_1"),
  "payment_intents.capture": (stripe) => stripe.paymentIntents.capture("pi_1"),
  "payment_intents.increment_authorization": (stripe) =>
    stripe.paymentIntents.incrementAuthorization("pi_1", { amount: 3000 }),
  "payment_intents.cancel": (stripe) => stripe.paymentIntents.cancel("pi_1"),
  "payment_intents.retrieve": (stripe) => stripe.paymentIntents.retrieve("pi_1"),
  "payment_intents.list": (stripe) => stripe.paymentIntents.list({ limit: 1 }),
  "payment_intents.search": (stripe) => stripe.paymentIntents.search({ query: "amount>1000" }),
  "charges.create": (stripe) => stripe.charges.create({ amount: 1500, currency: "usd", source: "tok_visa" }),
  "charges.update": (stripe) => stripe.charges.update("ch_1", { description: "order 7" }),
  "charges.capture": (stripe) => stripe.charges.capture("ch_1"),
  "charges.retrieve": (stripe) => stripe.charges.retrieve("ch_1"),
  "refunds.create with an amount": (stripe) => stripe.refunds.create({ charge: "ch_1", amount: 50 }),
  "refunds.create by intent": (stripe) => stripe.refunds.create({ payment_intent: "pi_1", amount: 50 }),
  "refunds.update": (stripe) => stripe.refunds.update("re_1", { metadata: { ticket: "12" } }),
  "refunds.cancel": (stripe) => stripe.refunds.cancel("re_1"),
  "transfers.create": (stripe) =>
    stripe.transfers.create({ amount: 400, currency: "usd", destination: "acct_1" }),
  "transfers.update": (stripe) => stripe.transfers.update("tr_1", { description: "October" }),
  "payouts.create": (stripe) => stripe.payouts.create({ amount: 400, currency: "usd" }),
  "payouts.update": (stripe) => stripe.payouts.update("po_1", { metadata: { week: "47" } }),
  "payouts.cancel": (stripe) => stripe.payouts.cancel("po_1"),
  "customers.create": (stripe) => stripe.customers.create({ name: "Ada" }),
  "customers.update": (stripe) => stripe.customers.update("cus_1", { name: "Ada L." }),
  "customers.retrieve": (stripe) => stripe.customers.retrieve("cus_1"),
  "customers.list": (stripe) => stripe.customers.list(),
  "customers.search": (stripe) => stripe.customers.search({ query: "email:'ada@example.com'" }),
  "customers.delete": (stripe) => stripe.customers.del("cus_1"),
};

// Stripe's own mock checks every parameter against Stripe's published description of its API.
describe("stripe-mock behind the server", () => {
  if (MOCK_URL === undefined) {
    test("takes every call of the slice", (context) => {
      if (["1", "true"].includes(process.env["CI"] ?? ""))
        throw new Error("KEYBRAKE_STRIPE_MOCK_URL is not set");
      context.skip("KEYBRAKE_STRIPE_MOCK_URL is not set");
    });
    return;
  }
  const open = useServer(() => MOCK_URL);

  // A key for each: what stateless answers add up to is not the point.
  test.each(Object.entries(SLICE))("%s passes", async (_name, call) => {
    const policy = { stripe: { account: "acct_1" } };
    const agent = await createAgent(open(), { policy, crewRunId: "run-1" });
    expect(await call(agent.once)).toMatchObject({ object: expect.any(String) });
    const rows = await agent.rows();
    expect(rows[0]).toMatchObject({ state: "settled", status_code: 200, crew_run_id: "run-1" });
  });
});
