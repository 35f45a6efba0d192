import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, pay } from "./sdk.ts";

describe("refunds", () => {
  it("add up to the charge and never beyond it", async () => {
    const { sandbox, stripe } = await openSandbox();
    const intent = await pay(stripe, 1_000);
    const charge = String(intent.latest_charge);
    const first = await stripe.refunds.create({ charge, amount: 300, reason: "requested_by_customer" });
    expect(first).toMatchObject({
      object: "refund",
      amount: 300,
      charge,
      currency: "usd",
      payment_intent: intent.id,
      reason: "requested_by_customer",
      status: "succeeded",
    });
    expect(first.id).toMatch(/^re_\w{24}$/);
    const tooMuch = await errorOf(stripe.refunds.create({ charge, amount: 701 }));
    expect(tooMuch).toMatchObject({ statusCode: 400, param: "amount" });
    expect(tooMuch.message).toContain("($7.01) is greater than unrefunded amount on charge ($7.00)");
    // Without an amount: all that is left.
    const rest = await stripe.refunds.create({ payment_intent: intent.id });
    expect(rest.amount).toBe(700);
    expect(await errorOf(stripe.refunds.create({ charge }))).toMatchObject({
      code: "charge_already_refunded",
    });
    const refunded = await stripe.charges.retrieve(charge, { expand: ["refunds"] });
    expect(refunded).toMatchObject({ amount_refunded: 1_000, refunded: true });
    expect(refunded.refunds?.data.map(({ id }) => id)).toEqual([rest.id, first.id]);
    expect(sandbox.money()).toEqual({
      usd: { captured: 1_000, refunded: 1_000, transferred: 0, paidOut: 0 },
    });
  });

  it("of a partly captured payment stop at what was captured", async () => {
    const { stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 1_000,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    expect(await errorOf(stripe.refunds.create({ payment_intent: held.id }))).toMatchObject({
      statusCode: 400,
    });
    await stripe.paymentIntents.capture(held.id, { amount_to_capture: 400 });
    expect((await stripe.refunds.create({ payment_intent: held.id })).amount).toBe(400);
  });

  it("of a held charge release it without moving money", async () => {
    const { sandbox, stripe } = await openSandbox();
    const held = await stripe.charges.create({
      amount: 500,
      currency: "usd",
      source: "tok_visa",
      capture: false,
    });
    expect(await stripe.refunds.create({ charge: held.id })).toMatchObject({
      amount: 500,
      balance_transaction: null,
    });
    expect(sandbox.money()).toEqual({});
    expect(await errorOf(stripe.charges.capture(held.id))).toMatchObject({ code: "charge_already_refunded" });
  });

  it("need something that was paid", async () => {
    const { stripe } = await openSandbox();
    expect(await errorOf(stripe.refunds.create({}))).toMatchObject({ code: "parameter_missing" });
    expect(await errorOf(stripe.refunds.create({ charge: "ch_missing" }))).toMatchObject({
      statusCode: 404,
      code: "resource_missing",
      param: "charge",
    });
    const open = await stripe.paymentIntents.create({ amount: 500, currency: "usd" });
    expect(await errorOf(stripe.refunds.create({ payment_intent: open.id }))).toMatchObject({
      statusCode: 400,
    });
    const [one, two] = [await pay(stripe, 500), await pay(stripe, 500)];
    expect(
      await errorOf(stripe.refunds.create({ charge: String(one.latest_charge), payment_intent: two.id })),
    ).toMatchObject({ param: "charge" });
  });

  it("are retrieved, updated and listed by charge", async () => {
    const { stripe } = await openSandbox();
    const [one, two] = [await pay(stripe, 500), await pay(stripe, 600)];
    const refund = await stripe.refunds.create({ payment_intent: one.id, amount: 100 });
    await stripe.refunds.create({ payment_intent: two.id, amount: 200 });
    await stripe.refunds.update(refund.id, { metadata: { why: "late" } });
    expect((await stripe.refunds.retrieve(refund.id)).metadata).toEqual({ why: "late" });
    const listed = await stripe.refunds.list({ payment_intent: one.id, expand: ["data.charge"] });
    expect(listed.data).toMatchObject([{ id: refund.id, charge: { amount_refunded: 100 } }]);
  });

  it("from a customer's balance wait for the customer and can be canceled, others cannot", async () => {
    const { sandbox, stripe } = await openSandbox();
    const customer = await stripe.customers.create();
    const refund = await stripe.refunds.create({
      origin: "customer_balance",
      customer: customer.id,
      amount: 400,
      currency: "eur",
      instructions_email: "a@example.com",
    });
    expect(refund).toMatchObject({ status: "requires_action", charge: null, currency: "eur" });
    expect(sandbox.money()["eur"]?.refunded).toBe(400);
    expect((await stripe.refunds.cancel(refund.id)).status).toBe("canceled");
    expect(sandbox.money()["eur"]?.refunded).toBe(0);
    const paid = await pay(stripe, 500);
    const done = await stripe.refunds.create({ payment_intent: paid.id });
    expect(await errorOf(stripe.refunds.cancel(done.id))).toMatchObject({ statusCode: 400 });
  });

  it("to Stripe's pending-refund card stay pending", async () => {
    const { stripe } = await openSandbox();
    const intent = await stripe.paymentIntents.create({
      amount: 500,
      currency: "usd",
      confirm: true,
      payment_method: "pm_card_pendingRefund",
    });
    expect((await stripe.refunds.create({ payment_intent: intent.id })).status).toBe("pending");
  });
});
