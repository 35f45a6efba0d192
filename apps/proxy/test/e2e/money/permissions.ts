import { describe, expect, test } from "vitest";
import { errorOf, expectRefusal } from "../slice/refusals.ts";
import { pathsOf, type Stage, until } from "../stage.ts";

const LINK = "POST /v1/payment_links";
const ALLOWED = { on_unpriced: "allow", per_call_usd_cap: "25.00" };

async function createLinePrice({ direct }: Stage): Promise<string> {
  const product = (await direct.products.create({ name: "Lamp" })).id;
  return (await direct.prices.create({ currency: "usd", unit_amount: 700, product })).id;
}

/** A link that any number of people may pay has no price. */
export function describeUnpriced(open: () => Stage): void {
  describe("a payment link", () => {
    test("is refused as unpriced, and nothing is sent", async () => {
      const stage = open();
      const price = await createLinePrice(stage);
      const agent = await stage.agent({ policy: { per_call_usd_cap: "25.00" } });
      const sent = stage.watch();
      const error = await errorOf(agent.stripe.paymentLinks.create({ line_items: [{ price, quantity: 1 }] }));
      expectRefusal(error, "StripePermissionError", "unpriced");
      expect(error.message).toContain("on_unpriced");
      expect(sent()).toEqual([]);
      expect(await agent.books()).toEqual([[LINK, "unpriced"]]);
    });

    test("with on_unpriced `allow` it is sent, and the cap of a call is held for it", async () => {
      const stage = open();
      const price = await createLinePrice(stage);
      const agent = await stage.agent({ policy: ALLOWED });
      const sent = stage.watch();
      stage.fake.failNext({ kind: "delay", ms: 300 });
      const making = agent.once.paymentLinks.create({ line_items: [{ price, quantity: 1 }] });
      await until("the vendor has the call", () => sent().length === 1);
      expect(await agent.used()).toBe("25.00");
      expect(await making).toMatchObject({ object: "payment_link" });
      expect(pathsOf(sent())).toEqual([LINK]);
      expect(await agent.rows()).toMatchObject([{ state: "settled", reserved_usd: "25.00" }]);
    });

    test("and it stays counted when the link is made, for it can be paid", async () => {
      const stage = open();
      const price = await createLinePrice(stage);
      const agent = await stage.agent({ policy: ALLOWED });
      await agent.once.paymentLinks.create({ line_items: [{ price, quantity: 1 }] });
      expect(await agent.used()).toBe("25.00");
    });

    test("for which the day has no room is refused even so", async () => {
      const stage = open();
      const price = await createLinePrice(stage);
      const agent = await stage.agent({ policy: { ...ALLOWED, daily_usd_cap: "24.99" } });
      const sent = stage.watch();
      const error = await errorOf(agent.stripe.paymentLinks.create({ line_items: [{ price, quantity: 1 }] }));
      expectRefusal(error, "StripeRateLimitError", "daily_cap_exceeded");
      expect(sent()).toEqual([]);
    });

    test("that only two may pay is priced as two payments", async () => {
      const stage = open();
      const price = await createLinePrice(stage);
      const agent = await stage.agent();
      await agent.once.paymentLinks.create({
        line_items: [{ price, quantity: 3 }],
        restrictions: { completed_sessions: { limit: 2 } },
      });
      expect(await agent.books()).toContainEqual([LINK, "settled", "42.00", "42.00"]);
    });
  });
}

/** Stripe charges such an invoice an hour later, without a call that anybody could refuse. */
export function describeAutoAdvance(open: () => Stage): void {
  describe("an invoice that advances by itself", () => {
    test("is refused, be it made so or changed", async () => {
      const stage = open();
      const customer = (await stage.direct.customers.create({ source: "tok_visa" })).id;
      const { id = "" } = await stage.direct.invoices.create({ customer, currency: "usd" });
      const agent = await stage.agent();
      const sent = stage.watch();
      const attempts = [
        () => agent.stripe.invoices.create({ customer, currency: "usd", auto_advance: true }),
        () => agent.stripe.invoices.update(id, { auto_advance: true }),
        () => agent.stripe.invoices.update(id, { automatically_finalizes_at: 1_900_000_000 }),
      ];
      for (const attempt of attempts) {
        const error = await errorOf(attempt());
        expectRefusal(error, "StripePermissionError", "endpoint_not_allowed");
        expect(error.message).toContain("auto_advance");
      }
      expect(sent()).toEqual([]);
    });

    test("with stripe.auto_advance it is made, and what is put into it counts at once", async () => {
      const stage = open();
      const customer = (await stage.direct.customers.create({ source: "tok_visa" })).id;
      const agent = await stage.agent({ policy: { stripe: { auto_advance: true }, daily_usd_cap: 20 } });
      const { id: invoice = "" } = await agent.once.invoices.create({
        customer,
        currency: "usd",
        auto_advance: true,
      });
      const item = { customer, invoice, currency: "usd" };
      await agent.once.invoiceItems.create({ ...item, amount: 1500 });
      expect(await agent.used()).toBe("15.00");
      const error = await errorOf(agent.once.invoiceItems.create({ ...item, amount: 501 }));
      expectRefusal(error, "StripeRateLimitError", "daily_cap_exceeded");
      expect(await agent.used()).toBe("15.00");
    });

    test("is made when it says that it does not", async () => {
      const stage = open();
      const customer = (await stage.direct.customers.create({ source: "tok_visa" })).id;
      const agent = await stage.agent();
      const invoice = await agent.once.invoices.create({ customer, currency: "usd", auto_advance: false });
      expect(invoice).toMatchObject({ status: "draft", auto_advance: false });
      expect(await agent.used()).toBe("0.00");
    });
  });
}
