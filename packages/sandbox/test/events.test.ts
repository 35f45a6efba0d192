import { describe, expect, it } from "vitest";
import { openSandbox, pay } from "./sdk.ts";

describe("events", () => {
  // Reconciliation joins audit rows to vendor events by these two.
  it("name the request and the idempotency key that caused them", async () => {
    const { stripe } = await openSandbox();
    const intent = await stripe.paymentIntents.create(
      { amount: 500, currency: "usd", confirm: true, payment_method: "pm_card_visa" },
      { idempotencyKey: "key-1" },
    );
    const events = await stripe.events.list();
    expect(events.data.map(({ type }) => type)).toEqual([
      "payment_intent.succeeded",
      "charge.succeeded",
      "payment_intent.created",
    ]);
    for (const event of events.data) {
      expect(event.request).toEqual({ id: intent.lastResponse.requestId, idempotency_key: "key-1" });
      expect(await stripe.events.retrieve(event.id)).toMatchObject({ id: event.id, object: "event" });
    }
  });

  it("show the object as it was then, whatever became of it", async () => {
    const { stripe } = await openSandbox();
    const intent = await pay(stripe, 500);
    await stripe.refunds.create({ payment_intent: intent.id });
    const created = await stripe.events.list({ type: "payment_intent.created" });
    expect(created.data).toMatchObject([{ data: { object: { status: "requires_confirmation" } } }]);
    const charge = await stripe.events.list({ types: ["charge.succeeded", "charge.refunded"] });
    expect(charge.data).toMatchObject([
      {
        type: "charge.refunded",
        data: { object: { refunded: true }, previous_attributes: { amount_refunded: 0 } },
      },
      { type: "charge.succeeded", data: { object: { refunded: false } } },
    ]);
    const wildcard = await stripe.events.list({ type: "refund.*" });
    expect(wildcard.data.map(({ type }) => type)).toEqual(["refund.created"]);
  });

  it.each([
    ["payouts.create", "payout.created"],
    ["payouts.cancel", "payout.canceled"],
    ["transfers.create", "transfer.created"],
    ["customers.create", "customer.created"],
    ["customers.del", "customer.deleted"],
    ["paymentIntents.cancel", "payment_intent.canceled"],
  ])("of %s is %s", async (operation, type) => {
    const { stripe } = await openSandbox();
    const run: Readonly<Record<string, () => Promise<unknown>>> = {
      "payouts.create": () => stripe.payouts.create({ amount: 1, currency: "usd" }),
      "payouts.cancel": async () =>
        stripe.payouts.cancel((await stripe.payouts.create({ amount: 1, currency: "usd" })).id),
      "transfers.create": () =>
        stripe.transfers.create({ amount: 1, currency: "usd", destination: "acct_1" }),
      "customers.create": () => stripe.customers.create(),
      "customers.del": async () => stripe.customers.del((await stripe.customers.create()).id),
      "paymentIntents.cancel": async () =>
        stripe.paymentIntents.cancel(
          (await stripe.paymentIntents.create({ amount: 500, currency: "usd" })).id,
        ),
    };
    await run[operation]?.();
    expect((await stripe.events.list()).data[0]?.type).toBe(type);
  });
});
