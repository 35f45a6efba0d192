import type Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { errorOf, expectRefusal } from "../slice/refusals.ts";
import type { Agent, Stage } from "../stage.ts";
import { CURRENCIES, type Currency, dollarsOf } from "./dollars.ts";
import { onlyLookedUp } from "./look-ups.ts";
import { MONEY_CALLS } from "./money-calls.ts";

const EVERYTHING = ["* /v1/**", "* /v2/**"];

function agentWith(stage: Stage, dailyCap: string): Promise<Agent> {
  return stage.agent({ policy: { daily_usd_cap: dailyCap, allowed_endpoints: EVERYTHING } });
}

/** What moves money beyond payments, refunds and transfers: each is held for what it was quoted, and then settled. */
export function describePrices(open: () => Stage): void {
  describe.each(CURRENCIES)("in %s", (currency) => {
    describe.each(MONEY_CALLS)("$endpoint", (one) => {
      const rowOf = async (agent: Agent) => {
        const call = await one.prepare(open(), currency);
        await call(agent.once);
        return (await agent.rows()).find(({ endpoint }) => endpoint === one.endpoint);
      };
      const price = dollarsOf(one.amount, currency);

      test("passes under a cap of exactly its price, for which it is held", async () => {
        const agent = await agentWith(open(), price);
        expect(await rowOf(agent)).toMatchObject({
          status_code: 200,
          direction: one.direction,
          amount: one.amount,
          currency,
          reserved_usd: price,
        });
        expect(await agent.used()).toBe(price);
      });

      test("costs its price", async () => {
        const agent = await open().agent({ policy: { allowed_endpoints: EVERYTHING } });
        const row = await rowOf(agent);
        expect(row).toMatchObject({ state: "settled", cost_usd: price });
      });

      test("is refused under a cap that is less, and at most looked up", async () => {
        const stage = open();
        const agent = await agentWith(stage, dollarsOf(one.amount - 10, currency));
        const call = await one.prepare(stage, currency);
        const sent = stage.watch();
        expectRefusal(await errorOf(call(agent.stripe)), "StripeRateLimitError", "daily_cap_exceeded");
        await onlyLookedUp(agent, sent());
        expect(await agent.books()).toContainEqual([one.endpoint, "daily_cap_exceeded"]);
        expect(await agent.used()).toBe("0.00");
      });
    });

    test("an invoice is counted once, whatever is done to it", async () => {
      const stage = open();
      const customer = (await stage.direct.customers.create({ source: "tok_visa" })).id;
      const agent = await agentWith(stage, dollarsOf(5000, currency));
      const paid = await payInvoice(agent.once, customer, currency);
      expect(paid).toMatchObject({ status: "paid", amount_paid: 5000 });
      const books = await agent.books();
      const free = ["settled", "0.00", "0.00"];
      expect(books.filter(([endpoint]) => endpoint?.startsWith("POST"))).toEqual([
        ["POST /v1/invoices", ...free],
        ["POST /v1/invoiceitems", "settled", dollarsOf(3000, currency), dollarsOf(3000, currency)],
        ["POST /v1/invoiceitems", "settled", dollarsOf(2000, currency), dollarsOf(2000, currency)],
        ["POST /v1/invoices/{invoice}/finalize", ...free],
        ["POST /v1/invoices/{invoice}/pay", ...free],
      ]);
      expect(await agent.used()).toBe(dollarsOf(5000, currency));
    });

    test("an invoice that others filled is paid under a cap of its total, and not under less", async () => {
      const stage = open();
      const customer = (await stage.direct.customers.create({ source: "tok_visa" })).id;
      const invoice = await fillInvoice(stage.direct, customer, currency);
      await stage.direct.invoices.finalizeInvoice(invoice);
      const poor = await agentWith(stage, dollarsOf(4990, currency));
      const sent = stage.watch();
      const error = await errorOf(poor.stripe.invoices.pay(invoice));
      expectRefusal(error, "StripeRateLimitError", "daily_cap_exceeded");
      await onlyLookedUp(poor, sent());
      const rich = await agentWith(stage, dollarsOf(5000, currency));
      expect(await rich.once.invoices.pay(invoice)).toMatchObject({ status: "paid" });
      expect(await rich.used()).toBe(dollarsOf(5000, currency));
    });
  });
}

async function fillInvoice(stripe: Stripe, customer: string, currency: Currency): Promise<string> {
  const { id: invoice = "" } = await stripe.invoices.create({ customer, currency });
  await stripe.invoiceItems.create({ customer, invoice, amount: 3000, currency });
  await stripe.invoiceItems.create({ customer, invoice, amount: 2000, currency });
  return invoice;
}

async function payInvoice(stripe: Stripe, customer: string, currency: Currency): Promise<Stripe.Invoice> {
  const invoice = await fillInvoice(stripe, customer, currency);
  await stripe.invoices.finalizeInvoice(invoice);
  return stripe.invoices.pay(invoice);
}
