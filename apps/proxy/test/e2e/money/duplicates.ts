import { describe, expect, test } from "vitest";
import { errorOf, expectRefusal } from "../slice/refusals.ts";
import type { Stage } from "../stage.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const WINDOW = { policy: { duplicate_window: "10m" } };

/** A framework that runs a tool again makes the same call under another key: the SDK writes a new one each time. */
export function describeDuplicates(open: () => Stage): void {
  describe("a duplicate window", () => {
    test("the same call again is refused, names the first, and does not leave", async () => {
      const stage = open();
      const agent = await stage.agent(WINDOW);
      const first = await agent.stripe.paymentIntents.create(CHARGE);
      const sent = stage.watch();
      const error = await errorOf(agent.stripe.paymentIntents.create(CHARGE));
      expectRefusal(error, "StripePermissionError", "duplicate_call");
      const [original, refused] = await agent.rows();
      expect(first.lastResponse.headers["keybrake-call-id"]).toBe(original?.id);
      expect(error.message).toContain(`call ${original?.id} did the same`);
      expect(refused).toMatchObject({ denial_code: "duplicate_call", reserved_usd: "0.00" });
      expect(sent()).toEqual([]);
      expect(await agent.used()).toBe("15.00");
    });

    test("under the same idempotency key it is a retry, which gets the first answer and is free", async () => {
      const stage = open();
      const agent = await stage.agent(WINDOW);
      const captured = stage.captured;
      const make = () => agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "tool-1" });
      const first = await make();
      const again = await make();
      expect(again.id).toBe(first.id);
      expect(again.lastResponse.headers["idempotent-replayed"]).toBe("true");
      const [original, repetition] = await agent.rows();
      expect(repetition).toMatchObject({ state: "settled", cost_usd: "0.00", replay_of: original?.id });
      expect(stage.captured - captured).toBe(1500);
      expect(await agent.used()).toBe("15.00");
    });

    test("a refund that was priced by a look-up is a duplicate like any other", async () => {
      const stage = open();
      const { latest_charge } = await stage.direct.paymentIntents.create(CHARGE);
      const agent = await stage.agent(WINDOW);
      const refund = () => agent.stripe.refunds.create({ charge: latest_charge as string, amount: 500 });
      await refund();
      const sent = stage.watch();
      expectRefusal(await errorOf(refund()), "StripePermissionError", "duplicate_call");
      expect(sent().filter(({ method }) => method !== "GET")).toEqual([]);
      expect(await agent.used()).toBe("5.00");
    });

    test("another body, another agent and a key without a window are none", async () => {
      const stage = open();
      const agent = await stage.agent(WINDOW);
      await agent.stripe.paymentIntents.create(CHARGE);
      await agent.stripe.paymentIntents.create({ ...CHARGE, amount: 1501 });
      expect(await agent.used()).toBe("30.01");
      const other = await stage.agent(WINDOW);
      await other.stripe.paymentIntents.create(CHARGE);
      expect(await other.used()).toBe("15.00");
      const careless = await stage.agent();
      await careless.stripe.paymentIntents.create(CHARGE);
      await careless.stripe.paymentIntents.create(CHARGE);
      expect(await careless.used()).toBe("30.00");
    });

    test("after a call that the card declined it may be made again", async () => {
      const agent = await open().agent(WINDOW);
      const declined = { ...CHARGE, payment_method: "pm_card_chargeDeclined" };
      for (const _attempt of [1, 2])
        await expect(agent.stripe.paymentIntents.create(declined)).rejects.toMatchObject({
          type: "StripeCardError",
        });
      expect(await agent.used()).toBe("0.00");
    });
  });
}
