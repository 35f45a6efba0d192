import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { pathsOf, type Stage } from "../stage.ts";

const CARD = { currency: "usd", source: "tok_visa" } as const;

const CREATE = "POST /v1/charges";
const UPDATE = "POST /v1/charges/{charge}";
const CAPTURE = "POST /v1/charges/{charge}/capture";
const RETRIEVE = "GET /v1/charges/{charge}";

/** The older way to charge: the same rules as for intents. */
export function describeCharges(open: () => Stage): void {
  describe("charges", () => {
    test("a charge, its update and its retrieval cost what was charged", async () => {
      const stage = open();
      const billing = await stage.agent();
      const charge = await billing.stripe.charges.create({ ...CARD, amount: 2500 });
      const updated = await billing.stripe.charges.update(charge.id, { description: "order 7" });
      expect(updated.description).toBe("order 7");
      expect((await billing.stripe.charges.retrieve(charge.id)).amount_captured).toBe(2500);
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "25.00", "25.00"],
        [UPDATE, "settled", "0.00", "0.00"],
        [RETRIEVE, "settled", "0.00", "0.00"],
      ]);
      expect((await billing.rows())[0]).toMatchObject({
        amount: 2500,
        currency: "usd",
        direction: "in",
        vendor_object_id: charge.id,
      });
      expect(await billing.used()).toBe("25.00");
    });

    test("an authorization counts in full, a partial capture gives the rest back", async () => {
      const stage = open();
      const billing = await stage.agent();
      const sent = stage.watch();
      const { id } = await billing.stripe.charges.create({ ...CARD, amount: 5000, capture: false });
      expect(await billing.used()).toBe("50.00");
      const captured = await billing.stripe.charges.capture(id, { amount: 3000 });
      expect(captured.amount_captured).toBe(3000);
      expect(await billing.books()).toEqual([
        [CREATE, "settled", "50.00", "50.00"],
        [CAPTURE, "settled", "0.00", "-20.00"],
      ]);
      expect(await billing.used()).toBe("30.00");
      expect(pathsOf(sent())).toEqual([CREATE, `POST /v1/charges/${id}/capture`]);
    });

    test("a capture without an amount adds nothing to its authorization", async () => {
      const billing = await open().agent();
      const { id } = await billing.stripe.charges.create({ ...CARD, amount: 5000, capture: false });
      await billing.stripe.charges.capture(id);
      expect(await billing.used()).toBe("50.00");
    });

    test("a declined charge is released", async () => {
      const billing = await open().agent();
      const declined = billing.stripe.charges.create({
        amount: 900,
        currency: "usd",
        source: "tok_chargeDeclinedInsufficientFunds",
      });
      await expect(declined).rejects.toBeInstanceOf(Stripe.errors.StripeCardError);
      await expect(declined).rejects.toMatchObject({ decline_code: "insufficient_funds" });
      expect(await billing.books()).toEqual([[CREATE, "released", "9.00", "0.00"]]);
      expect(await billing.used()).toBe("0.00");
    });
  });
}
