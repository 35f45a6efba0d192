import { describe, expect, it } from "vitest";
import { customerWithCard, monthlyPrice, openInvoice } from "./money-objects.ts";
import { errorOf, openSandbox } from "./sdk.ts";

async function openStage() {
  const { sandbox, stripe } = await openSandbox();
  return { sandbox, stripe, stage: { stripe, seed: () => "" } };
}

describe("an invoice", () => {
  it("adds up amounts, prices and price data times quantity, and charges the sum once", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const customer = await customerWithCard(stage);
    const product = (await stripe.products.create({ name: "Widget" })).id;
    const price = (await stripe.prices.create({ currency: "usd", unit_amount: 250, product })).id;
    const { id = "" } = await stripe.invoices.create({ customer, currency: "usd" });
    await stripe.invoiceItems.create({ customer, invoice: id, pricing: { price }, quantity: 3 });
    await stripe.invoiceItems.create({
      customer,
      invoice: id,
      price_data: { currency: "usd", product, unit_amount_decimal: "10.5" as never },
      quantity: 3,
    });
    const draft = await stripe.invoices.addLines(id, { lines: [{ amount: 100, description: "work" }] });
    // 3 x 250, 3 x 10.5 rounded half up, and 100.
    expect(draft).toMatchObject({ amount_due: 882, total: 882, status: "draft", customer });
    const paid = await stripe.invoices.pay(id);
    expect(paid).toMatchObject({ status: "paid", amount_paid: 882, amount_remaining: 0 });
    expect(sandbox.money()["usd"]?.captured).toBe(882);
    expect(await errorOf(stripe.invoices.pay(id))).toMatchObject({ statusCode: 400 });
    expect((await stripe.invoices.list({ customer, status: "paid" })).data).toHaveLength(1);
    expect((await stripe.charges.list({ customer })).data).toMatchObject([{ amount: 882 }]);
  });

  it("paid out of band charges nothing; a void one cannot be paid", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const invoice = await stripe.invoices.pay(await openInvoice(stage), { paid_out_of_band: true });
    expect(invoice).toMatchObject({ status: "paid", amount_paid: 0, amount_remaining: 0 });
    const other = await openInvoice(stage);
    expect(await stripe.invoices.voidInvoice(other)).toMatchObject({ status: "void" });
    expect(await errorOf(stripe.invoices.pay(other))).toMatchObject({ statusCode: 400 });
    const third = await openInvoice(stage);
    expect(await stripe.invoices.markUncollectible(third)).toMatchObject({ status: "uncollectible" });
    expect(sandbox.money()).toEqual({});
  });

  it("of a card that declines stays open and answers 402", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const id = await openInvoice(stage);
    const call = stripe.invoices.pay(id, { payment_method: "pm_card_chargeDeclined" });
    expect(await errorOf(call)).toMatchObject({ statusCode: 402, code: "card_declined" });
    expect(await stripe.invoices.retrieve(id)).toMatchObject({ status: "open", attempt_count: 1 });
    expect(sandbox.money()).toEqual({});
  });

  it("replays under its idempotency key and pays once", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const id = await openInvoice(stage);
    sandbox.failNext({
      kind: "error_500_after",
      match: { method: "POST", pathPrefix: `/v1/invoices/${id}` },
    });
    expect(await errorOf(stripe.invoices.pay(id, {}, { idempotencyKey: "k" }))).toMatchObject({
      statusCode: 500,
    });
    expect(await errorOf(stripe.invoices.pay(id, {}, { idempotencyKey: "k" }))).toMatchObject({
      statusCode: 500,
    });
    expect(sandbox.money()["usd"]?.captured).toBe(1_000);
    const [event] = (await stripe.events.list({ type: "invoice.paid" })).data;
    expect(event?.request).toMatchObject({ idempotency_key: "k", id: expect.stringMatching(/^req_/) });
  });

  it("has a preview that keeps nothing and takes the customer's credit off", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const customer = await customerWithCard(stage);
    await stripe.customers.createBalanceTransaction(customer, { amount: -300, currency: "usd" });
    const price = await monthlyPrice(stage);
    const preview = await stripe.invoices.createPreview({
      customer,
      invoice_items: [{ amount: 200, currency: "usd" }],
      subscription_details: { items: [{ price, quantity: 2 }] },
    });
    expect(preview).toMatchObject({ total: 1_200, amount_due: 900, amount_remaining: 900 });
    expect((await stripe.invoices.list()).data).toEqual([]);
    expect(sandbox.requests.find(({ url }) => url.includes("create_preview"))?.executed).toBe(false);
  });
});

describe("a credit note", () => {
  it("lowers an open invoice, and refunds a paid one", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const invoice = await openInvoice(stage);
    expect(await stripe.creditNotes.preview({ invoice, amount: 400 })).toMatchObject({ amount: 400 });
    const note = await stripe.creditNotes.create({ invoice, amount: 400 });
    expect(await stripe.invoices.retrieve(invoice)).toMatchObject({ amount_remaining: 600 });
    await stripe.creditNotes.voidCreditNote(note.id);
    await stripe.invoices.pay(invoice);
    const refund = await stripe.creditNotes.create({ invoice, amount: 250, refund_amount: 250 });
    expect(refund).toMatchObject({ amount: 250, post_payment_amount: 250, status: "issued" });
    expect(sandbox.money()["usd"]).toMatchObject({ captured: 1_000, refunded: 250 });
    const tooMuch = stripe.creditNotes.create({ invoice, amount: 751, refund_amount: 751 });
    expect(await errorOf(tooMuch)).toMatchObject({ param: "amount" });
    expect(await errorOf(stripe.creditNotes.create({ invoice, amount: 100 }))).toMatchObject({
      statusCode: 400,
    });
  });
});

describe("a subscription", () => {
  it("bills its first period and what becomes dearer, and ends when canceled", async () => {
    const { sandbox, stripe, stage } = await openStage();
    const customer = await customerWithCard(stage);
    const price = await monthlyPrice(stage);
    const made = await stripe.subscriptions.create({
      customer,
      items: [{ price, quantity: 2 }],
      expand: ["latest_invoice"],
    });
    expect(made).toMatchObject({ status: "active", customer, latest_invoice: { amount_paid: 1_000 } });
    const item = made.items.data[0]?.id ?? "";
    await stripe.subscriptionItems.update(item, { quantity: 3 });
    expect(sandbox.money()["usd"]?.captured).toBe(1_500);
    expect((await stripe.subscriptions.retrieve(made.id)).items.data).toMatchObject([
      { id: item, quantity: 3 },
    ]);
    expect(await stripe.subscriptions.cancel(made.id)).toMatchObject({ status: "canceled" });
    expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
    expect((await stripe.subscriptions.list({ customer, status: "all" })).data).toHaveLength(1);
  });

  it("is refused without a card, and incomplete with one that declines", async () => {
    const { stripe, stage } = await openStage();
    const items = [{ price: await monthlyPrice(stage) }];
    const bare = (await stripe.customers.create()).id;
    expect(await errorOf(stripe.subscriptions.create({ customer: bare, items }))).toMatchObject({
      code: "resource_missing",
    });
    const poor = (await stripe.customers.create({ source: "tok_chargeDeclined" })).id;
    expect(await stripe.subscriptions.create({ customer: poor, items })).toMatchObject({
      status: "incomplete",
    });
    const strict = stripe.subscriptions.create({
      customer: poor,
      items,
      payment_behavior: "error_if_incomplete",
    });
    expect(await errorOf(strict)).toMatchObject({ statusCode: 402 });
  });
});

describe("what is for sale", () => {
  it("adds up in a checkout session, which can expire, and in a quote, which becomes an invoice", async () => {
    const { stripe, stage } = await openStage();
    const customer = await customerWithCard(stage);
    const product = (await stripe.products.create({ name: "Widget", id: "widget" })).id;
    expect(product).toBe("widget");
    const price = (await stripe.prices.create({ currency: "usd", unit_amount: 250, product })).id;
    const line_items = [
      { price, quantity: 2 },
      { price_data: { currency: "usd", unit_amount: 99, product }, quantity: 1 },
    ];
    const session = await stripe.checkout.sessions.create({
      mode: "payment",
      success_url: "https://x.test",
      line_items,
    });
    expect(session).toMatchObject({ amount_total: 599, status: "open", currency: "usd" });
    expect((await stripe.checkout.sessions.listLineItems(session.id)).data).toHaveLength(2);
    const expanded = await stripe.checkout.sessions.retrieve(session.id, { expand: ["line_items"] });
    expect(expanded.line_items?.data).toHaveLength(2);
    expect(await stripe.checkout.sessions.expire(session.id)).toMatchObject({ status: "expired" });
    const quote = await stripe.quotes.create({ customer, line_items });
    expect(quote.amount_total).toBe(599);
    await stripe.quotes.finalizeQuote(quote.id);
    const accepted = await stripe.quotes.accept(quote.id, { expand: ["invoice"] });
    expect(accepted).toMatchObject({
      status: "accepted",
      invoice: { amount_due: 599, customer, status: "draft" },
    });
    expect(await errorOf(stripe.quotes.cancel(quote.id))).toMatchObject({ statusCode: 400 });
  });

  it("is listed page by page in both directions", async () => {
    const { stripe } = await openStage();
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) ids.unshift((await stripe.products.create({ name })).id);
    const first = await stripe.products.list({ limit: 2 });
    expect([first.data.map(({ id }) => id), first.has_more]).toEqual([ids.slice(0, 2), true]);
    const second = await stripe.products.list({ limit: 2, starting_after: ids[1] ?? "" });
    expect([second.data.map(({ id }) => id), second.has_more]).toEqual([ids.slice(2), false]);
    const back = await stripe.products.list({ limit: 1, ending_before: ids[2] ?? "" });
    expect(back.data.map(({ id }) => id)).toEqual([ids[1]]);
  });
});
