import { describe, expect, test } from "vitest";
import type { Stage } from "../stage.ts";

const CARD = { payment_method: "pm_card_visa", confirm: true } as const;

/** Other currencies, at the operator's rates with 2 % on top, and always rounded against the spender. */
export function describeCurrencies(open: () => Stage): void {
  describe("currencies", () => {
    // The yen has no decimals, the dinar three, the krona two that are always 00: each as Stripe writes it.
    test.each([
      { currency: "jpy", amount: 10_000, dollars: "68.34" },
      { currency: "kwd", amount: 10_000, dollars: "33.252" },
      { currency: "isk", amount: 100_000, dollars: "7.65" },
      { currency: "JPY", amount: 101, dollars: "0.690234" },
    ])("$amount $currency are $dollars dollars", async ({ currency, amount, dollars }) => {
      const billing = await open().agent();
      const intent = await billing.stripe.paymentIntents.create({ ...CARD, amount, currency });
      expect(intent.amount_received).toBe(amount);
      expect((await billing.rows())[0]).toMatchObject({
        state: "settled",
        amount,
        currency: currency.toLowerCase(),
        reserved_usd: dollars,
        cost_usd: dollars,
      });
      expect(await billing.used()).toBe(dollars);
    });

    test("a refund in yen costs what the yen cost", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.paymentIntents.create({ ...CARD, amount: 10_000, currency: "jpy" });
      await billing.stripe.refunds.create({ payment_intent: id, amount: 5_000 });
      expect((await billing.rows()).at(-1)).toMatchObject({ currency: "jpy", cost_usd: "34.17" });
    });

    test("a currency without a rate has no price, and does not leave", async () => {
      const stage = open();
      const billing = await stage.agent();
      const sent = stage.watch();
      await expect(
        billing.stripe.paymentIntents.create({ ...CARD, amount: 1000, currency: "gbp" }),
      ).rejects.toMatchObject({ code: "unpriced", message: expect.stringContaining("`gbp`") });
      expect(sent()).toEqual([]);
    });
  });
}
