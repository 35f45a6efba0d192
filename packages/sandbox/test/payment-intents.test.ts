import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, pay } from "./sdk.ts";

describe("a payment intent", () => {
  it("goes from no payment method over confirmation to paid", async () => {
    const { stripe } = await openSandbox();
    const created = await stripe.paymentIntents.create({ amount: 2_000, currency: "USD" });
    expect(created).toMatchObject({
      object: "payment_intent",
      amount: 2_000,
      amount_capturable: 0,
      amount_received: 0,
      currency: "usd",
      latest_charge: null,
      livemode: false,
      next_action: null,
      status: "requires_payment_method",
    });
    expect(created.id).toMatch(/^pi_\w{24}$/);
    expect(created.client_secret).toMatch(new RegExp(`^${created.id}_secret_\\w+$`));
    const updated = await stripe.paymentIntents.update(created.id, { payment_method: "pm_card_mastercard" });
    expect(updated.status).toBe("requires_confirmation");
    const paid = await stripe.paymentIntents.confirm(created.id, {
      expand: ["latest_charge", "payment_method"],
    });
    expect(paid).toMatchObject({
      status: "succeeded",
      amount_received: 2_000,
      latest_charge: { object: "charge", captured: true, amount_captured: 2_000, payment_intent: created.id },
      payment_method: { object: "payment_method", card: { brand: "mastercard" } },
    });
    expect((await stripe.paymentIntents.retrieve(created.id)).status).toBe("succeeded");
  });

  it("with manual capture waits for its capture and releases what is not captured", async () => {
    const { sandbox, stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 1_000,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    expect(held).toMatchObject({ status: "requires_capture", amount_capturable: 1_000, amount_received: 0 });
    expect(sandbox.money()).toEqual({});
    const tooMuch = await errorOf(stripe.paymentIntents.capture(held.id, { amount_to_capture: 1_001 }));
    expect(tooMuch).toMatchObject({ statusCode: 400, code: "amount_too_large", param: "amount_to_capture" });
    const captured = await stripe.paymentIntents.capture(held.id, {
      amount_to_capture: 600,
      expand: ["latest_charge"],
    });
    expect(captured).toMatchObject({
      status: "succeeded",
      amount_capturable: 0,
      amount_received: 600,
      latest_charge: { amount: 1_000, amount_captured: 600, captured: true },
    });
    expect(sandbox.money()["usd"]?.captured).toBe(600);
    expect(await errorOf(stripe.paymentIntents.capture(held.id))).toMatchObject({
      code: "payment_intent_unexpected_state",
      payment_intent: { id: held.id },
    });
  });

  it("can be captured in parts until the final capture", async () => {
    const { sandbox, stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 1_000,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    const first = await stripe.paymentIntents.capture(held.id, {
      amount_to_capture: 300,
      final_capture: false,
    });
    expect(first).toMatchObject({ status: "requires_capture", amount_capturable: 700, amount_received: 300 });
    const last = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 200 });
    expect(last).toMatchObject({ status: "succeeded", amount_capturable: 0, amount_received: 500 });
    expect(sandbox.money()["usd"]?.captured).toBe(500);
  });

  it("takes a higher authorization and no lower one", async () => {
    const { stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 1_000,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    const raised = await stripe.paymentIntents.incrementAuthorization(held.id, { amount: 1_500 });
    expect(raised).toMatchObject({ amount: 1_500, amount_capturable: 1_500, status: "requires_capture" });
    expect(
      await errorOf(stripe.paymentIntents.incrementAuthorization(held.id, { amount: 1_500 })),
    ).toMatchObject({
      statusCode: 400,
      param: "amount",
    });
    expect((await stripe.paymentIntents.capture(held.id)).amount_received).toBe(1_500);
  });

  it("is canceled with its hold released, and not once it is paid", async () => {
    const { sandbox, stripe } = await openSandbox();
    const held = await stripe.paymentIntents.create({
      amount: 1_000,
      currency: "usd",
      capture_method: "manual",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    const canceled = await stripe.paymentIntents.cancel(held.id, {
      cancellation_reason: "duplicate",
      expand: ["latest_charge"],
    });
    expect(canceled).toMatchObject({
      status: "canceled",
      amount_capturable: 0,
      cancellation_reason: "duplicate",
      canceled_at: expect.any(Number),
      latest_charge: { refunded: true, captured: false },
    });
    expect(sandbox.money()).toEqual({});
    const paid = await pay(stripe, 500);
    expect(await errorOf(stripe.paymentIntents.cancel(paid.id))).toMatchObject({
      statusCode: 400,
      code: "payment_intent_unexpected_state",
    });
    expect(await errorOf(stripe.paymentIntents.confirm(canceled.id))).toMatchObject({
      code: "payment_intent_unexpected_state",
    });
  });

  it("keeps its amount once it is held or paid", async () => {
    const { stripe } = await openSandbox();
    const paid = await pay(stripe, 500);
    expect(await errorOf(stripe.paymentIntents.update(paid.id, { amount: 900 }))).toMatchObject({
      code: "payment_intent_unexpected_state",
    });
    const noted = await stripe.paymentIntents.update(paid.id, {
      metadata: { order: "7" },
      description: "late",
    });
    expect(noted).toMatchObject({ amount: 500, metadata: { order: "7" }, description: "late" });
  });

  it("without a payment method cannot be confirmed", async () => {
    const { sandbox, stripe } = await openSandbox();
    const call = stripe.paymentIntents.create({ amount: 500, currency: "usd", confirm: true });
    expect(await errorOf(call)).toMatchObject({ statusCode: 400, code: "payment_intent_unexpected_state" });
    expect(sandbox.requests.at(-1)?.executed).toBe(false);
  });

  it("charges what amount_to_confirm says", async () => {
    const { sandbox, stripe } = await openSandbox();
    const intent = await stripe.paymentIntents.create({
      amount: 500,
      currency: "usd",
      payment_method: "pm_card_visa",
    });
    await stripe.paymentIntents.confirm(intent.id, { amount_to_confirm: 700 });
    expect(sandbox.money()["usd"]?.captured).toBe(700);
  });
});

describe("payment intents", () => {
  it("are listed newest first, in pages, and filtered", async () => {
    const { stripe } = await openSandbox();
    const customer = await stripe.customers.create();
    const ids: string[] = [];
    for (const amount of [100, 200, 300, 400, 500]) {
      const intent = await stripe.paymentIntents.create({
        amount,
        currency: "usd",
        ...(amount === 200 ? { customer: customer.id } : {}),
      });
      ids.unshift(intent.id);
    }
    const first = await stripe.paymentIntents.list({ limit: 2 });
    expect(first).toMatchObject({ object: "list", has_more: true, url: "/v1/payment_intents" });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const before = await stripe.paymentIntents.list({ limit: 2, ending_before: ids[3] ?? "" });
    expect(before.data.map(({ id }) => id)).toEqual(ids.slice(1, 3));
    expect(before.has_more).toBe(true);
    const all: string[] = [];
    for await (const { id } of stripe.paymentIntents.list({ limit: 2 })) all.push(id);
    expect(all).toEqual(ids);
    const filtered = await stripe.paymentIntents.list({ customer: customer.id });
    expect(filtered.data.map(({ amount }) => amount)).toEqual([200]);
    expect((await stripe.paymentIntents.list({ created: { gt: 4_000_000_000 } })).data).toEqual([]);
    expect(await errorOf(stripe.paymentIntents.list({ starting_after: "pi_missing" }))).toMatchObject({
      code: "resource_missing",
      param: "starting_after",
    });
  });

  it("are found by Stripe's search language", async () => {
    const { stripe } = await openSandbox();
    await pay(stripe, 900);
    await stripe.paymentIntents.create({ amount: 1_500, currency: "eur", metadata: { order: "a'1" } });
    const search = async (query: string): Promise<number[]> =>
      (await stripe.paymentIntents.search({ query })).data.map(({ amount }) => amount);
    expect(await search("status:'succeeded'")).toEqual([900]);
    expect(await search("metadata['order']:\"a'1\"")).toEqual([1_500]);
    expect(await search("-currency:'usd' AND amount>=1000")).toEqual([1_500]);
    expect(await search("currency:'usd' OR currency:'eur'")).toEqual([1_500, 900]);
    expect(await errorOf(stripe.paymentIntents.search({ query: "nonsense" }))).toMatchObject({
      param: "query",
    });
    expect(await errorOf(stripe.paymentIntents.search({ query: "shoe:'9'" }))).toMatchObject({
      param: "query",
    });
  });
});
