import { describe, expect, it } from "vitest";
import { errorOf, openSandbox, pay } from "./sdk.ts";

describe("a transfer", () => {
  it("takes the amount from the balance, and is retrieved, updated and listed", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 1_000 });
    const transfer = await stripe.transfers.create({
      amount: 400,
      currency: "usd",
      destination: "acct_partner",
      transfer_group: "order_1",
    });
    expect(transfer).toMatchObject({
      object: "transfer",
      amount: 400,
      destination: "acct_partner",
      reversed: false,
      reversals: { object: "list", data: [] },
    });
    expect(transfer.id).toMatch(/^tr_\w{24}$/);
    await stripe.transfers.update(transfer.id, { description: "noted", metadata: { a: "1" } });
    const found = await stripe.transfers.retrieve(transfer.id, { expand: ["balance_transaction"] });
    expect(found).toMatchObject({
      description: "noted",
      metadata: { a: "1" },
      balance_transaction: { amount: -400, type: "transfer", source: transfer.id },
    });
    await stripe.transfers.create({ amount: 100, currency: "usd", destination: "acct_other" });
    const listed = await stripe.transfers.list({ destination: "acct_partner" });
    expect(listed.data.map(({ id }) => id)).toEqual([transfer.id]);
    expect(sandbox.money()["usd"]?.transferred).toBe(500);
    expect((await stripe.balance.retrieve()).available).toMatchObject([{ amount: 500, currency: "usd" }]);
  });

  it("beyond the balance is refused and moves nothing", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 1_000 });
    const call = stripe.transfers.create({ amount: 1_001, currency: "usd", destination: "acct_partner" });
    expect(await errorOf(call)).toMatchObject({ statusCode: 400, code: "balance_insufficient" });
    expect(sandbox.money()).toEqual({});
    expect(sandbox.requests.at(-1)?.executed).toBe(false);
  });

  it("from a charge defaults to all of it and cannot exceed it", async () => {
    const { stripe } = await openSandbox();
    const intent = await pay(stripe, 900);
    const source = String(intent.latest_charge);
    const transfer = await stripe.transfers.create({
      currency: "usd",
      destination: "acct_partner",
      source_transaction: source,
    });
    expect(transfer).toMatchObject({ amount: 900, source_transaction: source });
    const call = stripe.transfers.create({
      amount: 901,
      currency: "usd",
      destination: "acct_partner",
      source_transaction: source,
    });
    expect(await errorOf(call)).toMatchObject({ param: "amount" });
    expect(
      await errorOf(stripe.transfers.create({ currency: "usd", destination: "acct_partner" })),
    ).toMatchObject({ code: "parameter_missing", param: "amount" });
  });
});

describe("a payout", () => {
  it("is pending, can be canceled once, and gives the money back", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 1_000 });
    const payout = await stripe.payouts.create({ amount: 700, currency: "usd", metadata: { a: "1" } });
    expect(payout).toMatchObject({ object: "payout", amount: 700, status: "pending", automatic: false });
    expect(payout.id).toMatch(/^po_\w{24}$/);
    expect(sandbox.money()["usd"]?.paidOut).toBe(700);
    expect(await errorOf(stripe.payouts.create({ amount: 301, currency: "usd" }))).toMatchObject({
      code: "balance_insufficient",
    });
    const canceled = await stripe.payouts.cancel(payout.id);
    expect(canceled).toMatchObject({ status: "canceled", failure_balance_transaction: expect.any(String) });
    expect(sandbox.money()["usd"]?.paidOut).toBe(0);
    expect(await errorOf(stripe.payouts.cancel(payout.id))).toMatchObject({ statusCode: 400 });
    expect((await stripe.payouts.create({ amount: 1_000, currency: "usd" })).status).toBe("pending");
  });

  it("is retrieved, updated and listed by status", async () => {
    const { stripe } = await openSandbox();
    const one = await stripe.payouts.create({ amount: 700, currency: "usd", method: "instant" });
    const two = await stripe.payouts.create({ amount: 800, currency: "usd" });
    expect(two.arrival_date).toBeGreaterThan(one.arrival_date);
    await stripe.payouts.cancel(two.id);
    expect((await stripe.payouts.list({ status: "pending" })).data.map(({ id }) => id)).toEqual([one.id]);
    await stripe.payouts.update(one.id, { metadata: { a: "1" } });
    expect((await stripe.payouts.retrieve(one.id)).metadata).toEqual({ a: "1" });
  });
});

describe("the totals of the money", () => {
  it("are kept by currency in minor units, zero-decimal currencies too", async () => {
    const { sandbox, stripe } = await openSandbox();
    const yen = await pay(stripe, 500, "jpy");
    await pay(stripe, 500, "usd");
    await stripe.refunds.create({ payment_intent: yen.id, amount: 120 });
    await stripe.transfers.create({ amount: 30, currency: "jpy", destination: "acct_partner" });
    await stripe.payouts.create({ amount: 10, currency: "jpy" });
    expect(sandbox.money()).toEqual({
      jpy: { captured: 500, refunded: 120, transferred: 30, paidOut: 10 },
      usd: { captured: 500, refunded: 0, transferred: 0, paidOut: 0 },
    });
    // ¥500, not ¥5.00: the message shows that the sandbox knows the currency has no decimals.
    const tooMuch = await errorOf(stripe.refunds.create({ payment_intent: yen.id, amount: 381 }));
    expect(tooMuch.message).toContain("(¥381) is greater than unrefunded amount on charge (¥380)");
    expect(await errorOf(pay(stripe, 49, "jpy"))).toMatchObject({ code: "amount_too_small" });
  });

  it("agree with the balance and its transactions", async () => {
    const { sandbox, stripe } = await openSandbox({ openingBalance: 0 });
    const intent = await pay(stripe, 10_000);
    await stripe.refunds.create({ payment_intent: intent.id, amount: 2_000 });
    await stripe.transfers.create({ amount: 1_000, currency: "usd", destination: "acct_partner" });
    const payout = await stripe.payouts.create({ amount: 500, currency: "usd" });
    await stripe.payouts.cancel(payout.id);
    const transactions = await stripe.balanceTransactions.list({ currency: "usd", limit: 100 });
    const net = transactions.data.reduce((sum, transaction) => sum + transaction.net, 0);
    const fees = transactions.data.reduce((sum, transaction) => sum + transaction.fee, 0);
    const [available] = (await stripe.balance.retrieve()).available;
    const money = sandbox.money()["usd"];
    expect(available?.amount).toBe(net);
    expect(money).toEqual({ captured: 10_000, refunded: 2_000, transferred: 1_000, paidOut: 0 });
    expect(net).toBe(10_000 - 2_000 - 1_000 - fees);
    const [charge] = (await stripe.balanceTransactions.list({ type: "charge" })).data;
    expect(await stripe.balanceTransactions.retrieve(charge?.id ?? "", { expand: ["source"] })).toMatchObject(
      {
        source: { object: "charge", payment_intent: intent.id },
      },
    );
  });
});
