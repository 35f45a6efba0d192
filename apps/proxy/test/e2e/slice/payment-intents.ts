import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { pathsOf, type Stage } from "../stage.ts";

const CARD = { currency: "usd", payment_method: "pm_card_visa" } as const;
const MANUAL = { ...CARD, capture_method: "manual" } as const;

const CREATE = "POST /v1/payment_intents";
const UPDATE = "POST /v1/payment_intents/{intent}";
const CONFIRM = "POST /v1/payment_intents/{intent}/confirm";
const CAPTURE = "POST /v1/payment_intents/{intent}/capture";
const INCREMENT = "POST /v1/payment_intents/{intent}/increment_authorization";
const CANCEL = "POST /v1/payment_intents/{intent}/cancel";
const RETRIEVE = "GET /v1/payment_intents/{intent}";

/** What an intent costs over its life: its exposure counts once, and what can no longer move comes back. */
export function describePaymentIntents(open: () => Stage): void {
  describe("payment intents", () => {
    test("a charge is one settled row that says what, whom, how much and under which request of the vendor", async () => {
      const stage = open();
      const customer = await stage.direct.customers.create({ name: "Ada" });
      const billing = await stage.agent();
      const sent = stage.watch();
      const intent = await billing.stripe.paymentIntents.create({
        ...CARD,
        amount: 1500,
        customer: customer.id,
        confirm: true,
      });
      expect(intent).toMatchObject({ status: "succeeded", amount_received: 1500 });
      const [row, ...others] = await billing.rows();
      expect(others).toEqual([]);
      expect(row).toMatchObject({
        state: "settled",
        verdict: "allow",
        vault_key_id: billing.id,
        agent_id: billing.agentId,
        vendor: "stripe",
        method: "POST",
        path: "/v1/payment_intents",
        endpoint: CREATE,
        status_code: 200,
        amount: 1500,
        currency: "usd",
        direction: "in",
        reserved_usd: "15.00",
        cost_usd: "15.00",
        budget_used_after_usd: "15.00",
        customer_id: customer.id,
        vendor_object_id: intent.id,
        vendor_request_id: sent()[0]?.requestId,
        overrun_usd: null,
      });
      expect(intent.lastResponse.requestId).toBe(row?.vendor_request_id);
      expect(intent.lastResponse.headers["keybrake-call-id"]).toBe(row?.id);
      expect(await billing.used()).toBe("15.00");
    });

    test("create, confirm and capture count the same money once, and nothing is looked up for it", async () => {
      const stage = open();
      const billing = await stage.agent();
      const sent = stage.watch();
      const capturedBefore = stage.captured;
      const { id } = await billing.stripe.paymentIntents.create({ ...MANUAL, amount: 5000 });
      await billing.stripe.paymentIntents.confirm(id);
      const captured = await billing.stripe.paymentIntents.capture(id);
      expect(captured.amount_received).toBe(5000);
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "50.00", "50.00"],
        [CONFIRM, "settled", "0.00", "0.00"],
        [CAPTURE, "settled", "0.00", "0.00"],
      ]);
      expect(await billing.used()).toBe("50.00");
      expect(stage.captured - capturedBefore).toBe(5000);
      const path = `/v1/payment_intents/${id}`;
      expect(pathsOf(sent())).toEqual([CREATE, `POST ${path}/confirm`, `POST ${path}/capture`]);
    });

    test("a partial capture gives the rest back", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.paymentIntents.create({ ...MANUAL, amount: 5000, confirm: true });
      expect(await billing.used()).toBe("50.00");
      await billing.stripe.paymentIntents.capture(id, { amount_to_capture: 3000 });
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "50.00", "50.00"],
        [CAPTURE, "settled", "0.00", "-20.00"],
      ]);
      expect(await billing.used()).toBe("30.00");
    });

    test("a cancellation gives everything back, to the agent that had created the intent", async () => {
      const stage = open();
      const billing = await stage.agent();
      const supervisor = await stage.agent();
      const { id } = await billing.stripe.paymentIntents.create({ ...MANUAL, amount: 5000, confirm: true });
      await supervisor.stripe.paymentIntents.cancel(id);
      expect(await supervisor.books()).toEqual([[CANCEL, "settled", "0.00", "-50.00"]]);
      expect(await billing.used()).toBe("0.00");
      expect(await supervisor.used()).toBe("0.00");
    });

    test("an update costs what it adds; a lower amount comes back once no more can move", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.paymentIntents.create({ ...CARD, amount: 2000 });
      await billing.stripe.paymentIntents.update(id, { amount: 3500 });
      expect(await billing.used()).toBe("35.00");
      await billing.stripe.paymentIntents.update(id, { amount: 1000 });
      expect(await billing.used()).toBe("35.00");
      const paid = await billing.stripe.paymentIntents.confirm(id);
      expect(paid.amount_received).toBe(1000);
      await billing.stripe.paymentIntents.update(id, { description: "paid" });
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "20.00", "20.00"],
        [UPDATE, "settled", "15.00", "15.00"],
        [UPDATE, "settled", "0.00", "0.00"],
        [CONFIRM, "settled", "0.00", "-25.00"],
        [UPDATE, "settled", "0.00", "0.00"],
      ]);
      expect(await billing.used()).toBe("10.00");
    });

    test("an increment costs the difference, and beyond the cap it never leaves", async () => {
      const stage = open();
      const billing = await stage.agent({ policy: { daily_usd_cap: 100 } });
      const { id } = await billing.stripe.paymentIntents.create({ ...MANUAL, amount: 5000, confirm: true });
      const raised = await billing.stripe.paymentIntents.incrementAuthorization(id, { amount: 8000 });
      expect(raised.amount_capturable).toBe(8000);
      const sent = stage.watch();
      await expect(
        billing.stripe.paymentIntents.incrementAuthorization(id, { amount: 12_000 }),
      ).rejects.toMatchObject({ statusCode: 429, code: "daily_cap_exceeded" });
      expect(sent()).toEqual([]);
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "50.00", "50.00"],
        [INCREMENT, "settled", "30.00", "30.00"],
        [INCREMENT, "daily_cap_exceeded"],
      ]);
      expect(await billing.used()).toBe("80.00");
    });

    test("a declined card is the SDK's card error, and what was held for it is released", async () => {
      const billing = await open().agent();
      const declined = billing.stripe.paymentIntents.create({
        amount: 1500,
        currency: "usd",
        payment_method: "pm_card_chargeDeclined",
        confirm: true,
      });
      await expect(declined).rejects.toBeInstanceOf(Stripe.errors.StripeCardError);
      await expect(declined).rejects.toMatchObject({ code: "card_declined", statusCode: 402 });
      const [row, ...others] = await billing.rows();
      expect(others).toEqual([]);
      expect(row).toMatchObject({
        state: "released",
        status_code: 402,
        reserved_usd: "15.00",
        cost_usd: "0.00",
      });
      expect(await billing.used()).toBe("0.00");
    });

    test("an intent whose confirmation was declined stays counted until it is canceled", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.paymentIntents.create({ amount: 1500, currency: "usd" });
      await expect(
        billing.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_chargeDeclined" }),
      ).rejects.toMatchObject({ code: "card_declined" });
      expect(await billing.used()).toBe("15.00");
      await billing.stripe.paymentIntents.cancel(id);
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "15.00", "15.00"],
        [CONFIRM, "released", "0.00", "0.00"],
        [CANCEL, "settled", "0.00", "-15.00"],
      ]);
      expect(await billing.used()).toBe("0.00");
    });

    test("an intent that somebody else made is looked up, audited as a read, and counted in full", async () => {
      const stage = open();
      const foreign = await stage.direct.paymentIntents.create({ ...CARD, amount: 4200 });
      const billing = await stage.agent({ policy: { allowed_endpoints: ["payment_intents.confirm"] } });
      const sent = stage.watch();
      await billing.stripe.paymentIntents.confirm(foreign.id);
      expect(pathsOf(sent())).toEqual([
        `GET /v1/payment_intents/${foreign.id}`,
        `POST /v1/payment_intents/${foreign.id}/confirm`,
      ]);
      expect(await billing.books()).toEqual([
        [CONFIRM, "settled", "42.00", "42.00"],
        [RETRIEVE, "settled", "0.00", "0.00"],
      ]);
      const [confirm, lookup] = await billing.rows();
      expect(lookup?.metadata).toMatchObject({ keybrake_price_of: confirm?.id });
      expect(await billing.used()).toBe("42.00");
    });

    test("retrieve, list, auto-paging and search are free, and their queries arrive as they were", async () => {
      const stage = open();
      const billing = await stage.agent();
      const order = billing.agentId;
      const ids: string[] = [];
      for (const amount of [100, 200, 300]) {
        const { id } = await billing.stripe.paymentIntents.create({
          ...CARD,
          amount,
          confirm: true,
          metadata: { order },
        });
        ids.unshift(id);
      }
      const sent = stage.watch();
      const one = await billing.stripe.paymentIntents.retrieve(ids[0] ?? "", { expand: ["latest_charge"] });
      expect(one.latest_charge).toMatchObject({ object: "charge", amount: 300 });
      const listed: string[] = [];
      for await (const intent of billing.stripe.paymentIntents.list({ limit: 2 })) {
        listed.push(intent.id);
        if (listed.length === ids.length) break;
      }
      expect(listed).toEqual(ids);
      const found = await billing.stripe.paymentIntents.search({
        query: `metadata['order']:'${order}'`,
        limit: 10,
      });
      expect(found.data.map(({ id }) => id)).toEqual(ids);
      expect(sent().map(({ url }) => decodeURIComponent(url))).toEqual([
        `/v1/payment_intents/${ids[0]}?expand[0]=latest_charge`,
        "/v1/payment_intents?limit=2",
        `/v1/payment_intents?limit=2&starting_after=${ids[1]}`,
        `/v1/payment_intents/search?query=metadata['order']:'${order}'&limit=10`,
      ]);
      const reads = (await billing.books()).slice(3);
      expect(reads.map(([endpoint]) => endpoint)).toEqual([
        RETRIEVE,
        "GET /v1/payment_intents",
        "GET /v1/payment_intents",
        "GET /v1/payment_intents/search",
      ]);
      expect(
        reads.every(([, state, reserved, cost]) => `${state} ${reserved} ${cost}` === "settled 0.00 0.00"),
      ).toBe(true);
      expect(await billing.used()).toBe("6.00");
    });
  });
}
