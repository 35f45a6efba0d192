import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, pay } from "./sdk.ts";

describe("a charge", () => {
  it("from a token is paid at once and found again", async () => {
    const { sandbox, stripe } = await openSandbox();
    const charge = await stripe.charges.create({ amount: 1_200, currency: "usd", source: "tok_visa" });
    expect(charge).toMatchObject({
      object: "charge",
      amount: 1_200,
      amount_captured: 1_200,
      amount_refunded: 0,
      captured: true,
      paid: true,
      refunded: false,
      status: "succeeded",
      source: { object: "card", brand: "Visa", last4: "4242" },
    });
    expect(charge.id).toMatch(/^ch_\w{24}$/);
    const found = await stripe.charges.retrieve(charge.id, { expand: ["balance_transaction"] });
    expect(found.balance_transaction).toMatchObject({ amount: 1_200, fee: 65, net: 1_135, type: "charge" });
    expect(sandbox.money()).toEqual({ usd: { captured: 1_200, refunded: 0, transferred: 0, paidOut: 0 } });
  });

  it("with capture=false is only held until it is captured", async () => {
    const { sandbox, stripe } = await openSandbox();
    const held = await stripe.charges.create({
      amount: 800,
      currency: "usd",
      source: "tok_visa",
      capture: false,
    });
    expect(held).toMatchObject({ captured: false, amount_captured: 0, paid: true });
    expect(sandbox.money()).toEqual({});
    expect(await errorOf(stripe.charges.capture(held.id, { amount: 900 }))).toMatchObject({
      param: "amount",
    });
    const captured = await stripe.charges.capture(held.id, { amount: 500 });
    expect(captured).toMatchObject({ captured: true, amount_captured: 500 });
    expect(await errorOf(stripe.charges.capture(held.id))).toMatchObject({ code: "charge_already_captured" });
    expect(sandbox.money()["usd"]?.captured).toBe(500);
  });

  it("of an intent that is captured through the charge completes the intent", async () => {
    const { stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 800,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    await stripe.charges.capture(String(held.latest_charge), { amount: 300 });
    expect(await stripe.paymentIntents.retrieve(held.id)).toMatchObject({
      status: "succeeded",
      amount_received: 300,
    });
  });

  it("needs a source or a customer with a card", async () => {
    const { stripe } = await openSandbox();
    expect(await errorOf(stripe.charges.create({ amount: 500, currency: "usd" }))).toMatchObject({
      code: "parameter_missing",
    });
    const bare = await stripe.customers.create();
    expect(
      await errorOf(stripe.charges.create({ amount: 500, currency: "usd", customer: bare.id })),
    ).toMatchObject({ code: "missing" });
    const withCard = await stripe.customers.create({ source: "tok_amex" });
    const charge = await stripe.charges.create({ amount: 500, currency: "usd", customer: withCard.id });
    expect(charge).toMatchObject({ customer: withCard.id, source: { brand: "Amex" } });
  });

  it("is updated, listed by its intent and searched", async () => {
    const { stripe } = await openSandbox();
    await stripe.charges.create({ amount: 700, currency: "usd", source: "tok_visa" });
    const intent = await pay(stripe, 900);
    const listed = await stripe.charges.list({
      payment_intent: intent.id,
      expand: ["data.balance_transaction"],
    });
    expect(listed.data).toMatchObject([{ amount: 900, balance_transaction: { amount: 900 } }]);
    const id = listed.data[0]?.id ?? "";
    const updated = await stripe.charges.update(id, {
      description: "noted",
      metadata: { a: "1" },
      fraud_details: { user_report: "safe" },
    });
    expect(updated).toMatchObject({
      description: "noted",
      metadata: { a: "1" },
      fraud_details: { user_report: "safe" },
    });
    const found = await stripe.charges.search({ query: "metadata['a']:'1'" });
    expect(found.data.map((charge) => charge.id)).toEqual([id]);
  });
});
