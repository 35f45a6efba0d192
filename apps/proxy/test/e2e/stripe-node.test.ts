import { type FakeStripe, openFakeStripe } from "@keybrake/sandbox";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

describe("stripe-node through the embedded server", () => {
  let fake: FakeStripe;
  let server: TestServer;
  let billing: Stripe;
  let refunds: Stripe;

  beforeAll(async () => {
    fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    server = await startTestServer({ stripeUrl: fake.url });
    await storeSecret(server.admin);
    const charge = await issueKey(server.admin, "billing_agent", {
      daily_usd_cap: 10000,
      allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
      expires_in: "24h",
    });
    const refund = await issueKey(server.admin, "refund_agent", {
      daily_usd_cap: 2000,
      allowed_endpoints: ["POST /v1/refunds"],
      expires_in: "8h",
    });
    billing = stripeClient(server.dataUrl, charge.vaultKey);
    refunds = stripeClient(server.dataUrl, refund.vaultKey);
  });

  afterAll(async () => {
    await server.stop();
    await fake.close();
  });

  test("the billing agent charges, under the real credential and with its label", async () => {
    const intent = await billing.paymentIntents.create({
      amount: 1500,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    expect(intent.status).toBe("succeeded");
    const sent = fake.requests.at(-1);
    expect(sent?.headers["authorization"]).toBe(`Bearer ${CANARY_SECRET}`);
    expect(intent.metadata).toMatchObject({ agent_id: "billing_agent" });
  });

  test("the billing agent may not refund: the SDK raises its permission error and nothing goes out", async () => {
    const before = fake.requests.length;
    const refusal = billing.refunds.create({ charge: "ch_1" });
    await expect(refusal).rejects.toBeInstanceOf(Stripe.errors.StripePermissionError);
    await expect(refusal).rejects.toMatchObject({ code: "endpoint_not_allowed" });
    expect(fake.requests.length).toBe(before);
  });

  test("the refund agent refunds what the billing agent charged, and cannot charge", async () => {
    const intent = await billing.paymentIntents.create({
      amount: 2000,
      currency: "usd",
      payment_method: "pm_card_visa",
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    const refund = await refunds.refunds.create({ payment_intent: intent.id, amount: 500 });
    expect(refund.amount).toBe(500);
    const rest = await refunds.refunds.create({ payment_intent: intent.id });
    expect(rest.amount).toBe(1500);
    await expect(refunds.paymentIntents.create({ amount: 100, currency: "usd" })).rejects.toMatchObject({
      code: "endpoint_not_allowed",
    });
  });
});
