import { describe, expect, test } from "vitest";
import { type Agent, pathsOf, type Stage } from "../stage.ts";

const REFUND = "POST /v1/refunds";
const READ_CHARGE = "GET /v1/charges/{charge}";
const READ_INTENT = "GET /v1/payment_intents/{intent}";

/** A refund agent as the crew has it: it may refund, and nothing else. */
function refundAgent(stage: Stage, dailyCap: number): Promise<Agent> {
  return stage.agent({ policy: { daily_usd_cap: dailyCap, allowed_endpoints: ["POST /v1/refunds"] } });
}

/** A paid intent and its charge, made past Keybrake. */
async function payDirectly(stage: Stage, amount: number): Promise<{ intent: string; charge: string }> {
  const { id, latest_charge } = await stage.direct.paymentIntents.create({
    amount,
    currency: "usd",
    payment_method: "pm_card_visa",
    confirm: true,
  });
  return { intent: id, charge: latest_charge as string };
}

/** A refund names no currency, and often no amount: what it would cost is looked up before anything may leave. */
export function describeRefunds(open: () => Stage): void {
  describe("refunds", () => {
    test("with an amount: what is stated is held and counts as money going out", async () => {
      const stage = open();
      const paid = await payDirectly(stage, 5000);
      const refunds = await refundAgent(stage, 2000);
      const byCharge = await refunds.stripe.refunds.create({ charge: paid.charge, amount: 1200 });
      const byIntent = await refunds.stripe.refunds.create({ payment_intent: paid.intent, amount: 300 });
      expect([byCharge.amount, byIntent.amount]).toEqual([1200, 300]);
      expect(await refunds.books()).toEqual([
        [REFUND, "settled", "12.00", "12.00"],
        [READ_CHARGE, "settled", "0.00", "0.00"],
        [REFUND, "settled", "3.00", "3.00"],
        [READ_INTENT, "settled", "0.00", "0.00"],
      ]);
      const row = (await refunds.rows()).find(({ amount }) => amount === 1200);
      expect(row).toMatchObject({ direction: "out", currency: "usd", vendor_object_id: byCharge.id });
      expect(await refunds.used()).toBe("15.00");
    });

    test("of an intent that went through Keybrake, an amount needs no look-up: its currency is known", async () => {
      const stage = open();
      const billing = await stage.agent();
      const { id } = await billing.stripe.paymentIntents.create({
        amount: 2000,
        currency: "usd",
        payment_method: "pm_card_visa",
        confirm: true,
      });
      const refunds = await refundAgent(stage, 2000);
      const sent = stage.watch();
      await refunds.stripe.refunds.create({ payment_intent: id, amount: 500 });
      expect(pathsOf(sent())).toEqual([REFUND]);
      expect(await refunds.books()).toEqual([[REFUND, "settled", "5.00", "5.00"]]);
    });

    test("without an amount, a partly refunded charge of 50.00 reserves exactly what is left", async () => {
      const stage = open();
      const paid = await payDirectly(stage, 5000);
      await stage.direct.refunds.create({ charge: paid.charge, amount: 2000 });
      const refunds = await refundAgent(stage, 30);
      const sent = stage.watch();
      const rest = await refunds.stripe.refunds.create({ charge: paid.charge });
      expect(rest.amount).toBe(3000);
      expect(pathsOf(sent())).toEqual([`GET /v1/charges/${paid.charge}`, REFUND]);
      expect(await refunds.books()).toEqual([
        [REFUND, "settled", "30.00", "30.00"],
        [READ_CHARGE, "settled", "0.00", "0.00"],
      ]);
      expect(await refunds.used()).toBe("30.00");
    });

    test("without an amount and by intent, what is left of its latest charge is reserved", async () => {
      const stage = open();
      const paid = await payDirectly(stage, 5000);
      await stage.direct.refunds.create({ charge: paid.charge, amount: 1 });
      const refunds = await refundAgent(stage, 2000);
      const rest = await refunds.stripe.refunds.create({ payment_intent: paid.intent });
      expect(rest.amount).toBe(4999);
      expect(await refunds.books()).toEqual([
        [REFUND, "settled", "49.99", "49.99"],
        [READ_INTENT, "settled", "0.00", "0.00"],
      ]);
    });

    test("what is left is more than the cap: refused, and nothing but the look-up was sent", async () => {
      const stage = open();
      const paid = await payDirectly(stage, 5000);
      const refunds = await refundAgent(stage, 49.99);
      const sent = stage.watch();
      await expect(refunds.stripe.refunds.create({ charge: paid.charge })).rejects.toMatchObject({
        type: "StripeRateLimitError",
        code: "daily_cap_exceeded",
        statusCode: 429,
      });
      expect(pathsOf(sent())).toEqual([`GET /v1/charges/${paid.charge}`]);
      expect(await refunds.books()).toEqual([
        [REFUND, "daily_cap_exceeded"],
        [READ_CHARGE, "settled", "0.00", "0.00"],
      ]);
      expect(await refunds.used()).toBe("0.00");
    });

    test("of a charge that is refunded already, or that nobody knows, there is no price and no refund", async () => {
      const stage = open();
      const paid = await payDirectly(stage, 1000);
      await stage.direct.refunds.create({ charge: paid.charge });
      const refunds = await refundAgent(stage, 2000);
      const sent = stage.watch();
      for (const charge of [paid.charge, "ch_3nobodyKnowsThisCharge0"]) {
        await expect(refunds.stripe.refunds.create({ charge })).rejects.toMatchObject({
          type: "StripePermissionError",
          code: "unpriced",
        });
      }
      expect(sent().filter(({ method }) => method !== "GET")).toEqual([]);
    });

    // A24: money that came in and went out again was moved twice.
    test("A24: a refund does not give the budget of its charge back", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.paymentIntents.create({
        amount: 1000,
        currency: "usd",
        payment_method: "pm_card_visa",
        confirm: true,
      });
      await billing.stripe.refunds.create({ payment_intent: id });
      expect(await billing.used()).toBe("20.00");
    });

    test("an update and a cancellation are free, and a canceled refund stays counted", async () => {
      const stage = open();
      const customer = await stage.direct.customers.create({ name: "Ada" });
      const refunds = await stage.agent();
      const refund = await refunds.stripe.refunds.create({
        origin: "customer_balance",
        customer: customer.id,
        amount: 700,
        currency: "usd",
        instructions_email: "ada@example.com",
      });
      const updated = await refunds.stripe.refunds.update(refund.id, { metadata: { ticket: "12" } });
      expect(updated.metadata).toMatchObject({ ticket: "12" });
      expect((await refunds.stripe.refunds.cancel(refund.id)).status).toBe("canceled");
      expect(await refunds.books()).toEqual([
        [REFUND, "settled", "7.00", "7.00"],
        ["POST /v1/refunds/{refund}", "settled", "0.00", "0.00"],
        ["POST /v1/refunds/{refund}/cancel", "settled", "0.00", "0.00"],
      ]);
      expect(await refunds.used()).toBe("7.00");
    });
  });
}
