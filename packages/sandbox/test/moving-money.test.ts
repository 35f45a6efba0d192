import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, pay, post, SECRET_KEY } from "./sdk.ts";

const FLOW = { amount: 700, currency: "usd" } as const;

describe("money that comes back", () => {
  it("by reversal of a transfer is bounded by the transfer", async () => {
    const { sandbox, stripe } = await openSandbox();
    const { id } = await stripe.transfers.create({ ...FLOW, destination: "acct_1" });
    const one = await stripe.transfers.createReversal(id, { amount: 200 });
    expect(one).toMatchObject({ amount: 200, transfer: id });
    expect(await errorOf(stripe.transfers.createReversal(id, { amount: 501 }))).toMatchObject({
      param: "amount",
    });
    await stripe.transfers.createReversal(id);
    expect(await stripe.transfers.retrieve(id)).toMatchObject({ amount_reversed: 700, reversed: true });
    expect((await stripe.transfers.listReversals(id)).data).toHaveLength(2);
    expect(await stripe.transfers.retrieveReversal(id, one.id)).toMatchObject({ id: one.id });
    expect(sandbox.money()["usd"]?.transferred).toBe(0);
  });

  it("by reversal of a payout, once; a topup until it is canceled", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 1_000 });
    const payout = await stripe.payouts.create(FLOW);
    expect(await stripe.payouts.reverse(payout.id)).toMatchObject({
      amount: -700,
      original_payout: payout.id,
    });
    expect(await errorOf(stripe.payouts.reverse(payout.id))).toMatchObject({ statusCode: 400 });
    expect(sandbox.money()["usd"]?.paidOut).toBe(0);
    const topup = await stripe.topups.create(FLOW);
    expect((await stripe.balance.retrieve()).available[0]?.amount).toBe(1_700);
    await stripe.topups.cancel(topup.id);
    expect((await stripe.balance.retrieve()).available[0]?.amount).toBe(1_000);
    const [transaction] = (await stripe.balanceTransactions.list({ source: topup.id, type: "topup" })).data;
    expect(transaction?.amount).toBe(700);
  });

  it("of a seeded application fee is bounded by the fee", async () => {
    const { sandbox, stripe } = await openSandbox();
    const { id } = sandbox.seed("application_fee", { amount: 500 });
    await stripe.applicationFees.createRefund(id, { amount: 100 });
    expect(await errorOf(stripe.applicationFees.createRefund(id, { amount: 401 }))).toMatchObject({
      param: "amount",
    });
    expect(await stripe.applicationFees.createRefund(id)).toMatchObject({ amount: 400, fee: id });
    expect(await stripe.applicationFees.retrieve(id)).toMatchObject({ amount_refunded: 500, refunded: true });
  });
});

describe("money that leaves", () => {
  it("through Treasury comes from the seeded account and returns when canceled", async () => {
    const { sandbox, stripe } = await openSandbox();
    const account = sandbox.seed("treasury.financial_account", { balance: { cash: { usd: 1_000 } } }).id;
    const cash = async () => (await stripe.treasury.financialAccounts.retrieve(account)).balance.cash["usd"];
    const payment = await stripe.treasury.outboundPayments.create({ ...FLOW, financial_account: account });
    expect(payment).toMatchObject({ amount: 700, status: "processing", financial_account: account });
    const tooMuch = stripe.treasury.outboundTransfers.create({ ...FLOW, financial_account: account });
    expect(await errorOf(tooMuch)).toMatchObject({ code: "insufficient_funds" });
    expect(await cash()).toBe(300);
    await stripe.treasury.outboundPayments.cancel(payment.id);
    expect(await cash()).toBe(1_000);
    await stripe.treasury.inboundTransfers.create({
      ...FLOW,
      financial_account: account,
      origin_payment_method: "pm_1",
    });
    expect(await cash()).toBe(1_700);
    expect(sandbox.money()["usd"]?.paidOut).toBe(0);
  });

  it("through the second version of the API is priced by `amount.value`", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 1_000 });
    const amount = { value: 600, currency: "usd" };
    const { outboundPayments, payoutIntents, inboundTransfers } = stripe.v2.moneyManagement;
    const order = {
      amount,
      from: { financial_account: "fa_1", currency: "usd" },
      to: { recipient: "acct_1" },
    };
    const intent = await payoutIntents.create({
      ...order,
      confirmation_method: "manual",
      metadata: { a: "1" },
    });
    expect(intent).toMatchObject({ amount, status: "requires_action", metadata: { a: "1" } });
    expect(sandbox.money()).toEqual({});
    expect(await payoutIntents.confirm(intent.id)).toMatchObject({ status: "processing" });
    expect(sandbox.money()["usd"]?.paidOut).toBe(600);
    const beyond = await errorOf(
      outboundPayments.create({ ...order, from: { financial_account: "fa_1", currency: "usd" } }),
    );
    expect(beyond).toMatchObject({ statusCode: 400 });
    const inbound = {
      amount,
      from: { payment_method: "usba_1", currency: "usd" },
      to: { financial_account: "fa_1", currency: "usd" },
    };
    expect(await inboundTransfers.create(inbound)).toMatchObject({ amount });
    const made = await outboundPayments.create(order, { idempotencyKey: "k" });
    expect((await outboundPayments.create(order, { idempotencyKey: "k" })).id).toBe(made.id);
    expect(await outboundPayments.cancel(made.id)).toMatchObject({ status: "canceled" });
    expect(sandbox.money()["usd"]?.paidOut).toBe(600);
    expect((await outboundPayments.list({ limit: 1 })).data).toHaveLength(1);
  });

  it("through the second version is refused with a body that is no JSON, or an amount that is no whole number", async () => {
    const { sandbox } = await openSandbox();
    const path = "/v2/money_management/outbound_transfers";
    const headers = { "content-type": "application/json" };
    const order = { from: { financial_account: "fa_1" }, to: { payout_method: "usba_1" } };
    const bodies = [
      "amount=1",
      "[]",
      JSON.stringify(order),
      JSON.stringify({ ...order, amount: { value: "7", currency: "usd" } }),
    ];
    bodies.push(JSON.stringify({ ...order, amount: { value: 7, currency: "usd" }, other: 1 }));
    for (const body of bodies) expect((await post(sandbox.url, path, body, headers)).status).toBe(400);
    const right = JSON.stringify({ ...order, amount: { value: 7, currency: "usd" } });
    expect((await post(sandbox.url, path, right, headers)).status).toBe(200);
    expect(sandbox.money()["usd"]?.paidOut).toBe(7);
  });

  it("for climate orders is counted by amount or by metric tons", async () => {
    const { sandbox, stripe } = await openSandbox();
    const product = sandbox.seed("climate.product", { id: "climsku_test" }).id;
    expect(await stripe.climate.orders.create({ product, amount: 5_200, currency: "usd" })).toMatchObject({
      amount_total: 5_200,
    });
    const order = await stripe.climate.orders.create({ product, metric_tons: "0.5" as never });
    expect(order.amount_total).toBe(26_000);
    await stripe.climate.orders.cancel(order.id);
    expect(sandbox.money()["usd"]?.paidOut).toBe(5_200);
  });

  it("for an issued card is counted once approved", async () => {
    const { sandbox, stripe } = await openSandbox();
    const one = sandbox.seed("issuing.authorization", { amount: 900 }).id;
    const two = sandbox.seed("issuing.authorization", { amount: 900 }).id;
    expect((await stripe.issuing.authorizations.retrieve(one)).pending_request?.amount).toBe(900);
    expect(await stripe.issuing.authorizations.approve(one, { amount: 800 })).toMatchObject({
      approved: true,
      amount: 800,
    });
    expect(await errorOf(stripe.issuing.authorizations.approve(one))).toMatchObject({ statusCode: 400 });
    expect(await stripe.issuing.authorizations.decline(two)).toMatchObject({
      approved: false,
      status: "closed",
    });
    expect(sandbox.money()["usd"]?.paidOut).toBe(800);
  });
});

describe("a terminal reader", () => {
  it("collects and refunds payments and saves cards", async () => {
    const { sandbox, stripe } = await openSandbox();
    const reader = (await stripe.terminal.readers.create({ registration_code: "simulated-wpe" })).id;
    const intent = await stripe.paymentIntents.create(FLOW);
    const acted = await stripe.terminal.readers.processPaymentIntent(reader, { payment_intent: intent.id });
    expect(acted.action).toMatchObject({
      status: "succeeded",
      process_payment_intent: { payment_intent: intent.id },
    });
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({ status: "succeeded" });
    await stripe.terminal.readers.refundPayment(reader, { payment_intent: intent.id, amount: 200 });
    expect(sandbox.money()["usd"]).toMatchObject({ captured: 700, refunded: 200 });
    const setup = await stripe.setupIntents.create();
    await stripe.terminal.readers.processSetupIntent(reader, {
      setup_intent: setup.id,
      allow_redisplay: "always",
    });
    expect(await stripe.setupIntents.retrieve(setup.id)).toMatchObject({ status: "succeeded" });
  });
});

describe("a customer's own", () => {
  it("cards are attached, listed and detached", async () => {
    const { stripe } = await openSandbox();
    const customer = (await stripe.customers.create()).id;
    const method = await stripe.paymentMethods.attach("pm_card_visa", { customer });
    expect((await stripe.customers.listPaymentMethods(customer)).data.map(({ id }) => id)).toEqual([
      method.id,
    ]);
    expect(await stripe.paymentMethods.detach(method.id)).toMatchObject({ customer: null });
    expect((await stripe.paymentMethods.list({ customer })).data).toEqual([]);
  });

  it("balance pays an intent, and has transactions", async () => {
    const { sandbox, stripe } = await openSandbox();
    const customer = (await stripe.customers.create()).id;
    const credit = await stripe.customers.createBalanceTransaction(customer, {
      amount: -300,
      currency: "usd",
    });
    expect(credit).toMatchObject({ amount: -300, ending_balance: -300, customer });
    expect((await stripe.customers.listBalanceTransactions(customer)).data).toHaveLength(1);
    const intent = await stripe.paymentIntents.create({ ...FLOW, customer });
    expect(await stripe.paymentIntents.applyCustomerBalance(intent.id)).toMatchObject({
      status: "succeeded",
    });
    expect(sandbox.money()["usd"]?.captured).toBe(700);
  });

  it("dispute, seeded through the side channel, is closed for good", async () => {
    const { sandbox, stripe } = await openSandbox({ control: true });
    const charge = String((await pay(stripe, 500)).latest_charge);
    const answer = await fetch(`${sandbox.url}/__sandbox/seed`, {
      method: "POST",
      body: JSON.stringify({ kind: "dispute", fields: { amount: 500, charge } }),
    });
    const { id } = (await answer.json()) as { id: string };
    expect(await stripe.disputes.close(id)).toMatchObject({ status: "lost", amount: 500, charge });
    expect(await errorOf(stripe.disputes.close(id))).toMatchObject({ statusCode: 400 });
    const wrong = await fetch(`${sandbox.url}/__sandbox/seed`, {
      method: "POST",
      body: '{"kind":"x","fields":{}}',
    });
    expect(wrong.status).toBe(400);
  });
});

describe("a file", () => {
  it("comes back byte for byte", async () => {
    const { sandbox } = await openSandbox();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const form = new FormData();
    form.set("purpose", "dispute_evidence");
    form.set("file", new File([bytes], "proof.bin", { type: "application/x-proof" }));
    const headers = { authorization: `Bearer ${SECRET_KEY}` };
    const answer = await fetch(`${sandbox.url}/v1/files`, { method: "POST", headers, body: form });
    const file = (await answer.json()) as { id: string };
    expect(file).toMatchObject({
      object: "file",
      filename: "proof.bin",
      size: 256,
      purpose: "dispute_evidence",
    });
    const content = await fetch(`${sandbox.url}/v1/files/${file.id}/contents`, { headers });
    expect(content.headers.get("content-type")).toBe("application/x-proof");
    expect(new Uint8Array(await content.arrayBuffer())).toEqual(bytes);
  });
});
