import { describe, expect, test } from "vitest";
import { errorOf, expectRefusal } from "../slice/refusals.ts";
import { pathsOf, type Stage } from "../stage.ts";
import { CURRENCIES, type Currency, dollarsOf } from "./dollars.ts";
import { onlyLookedUp } from "./look-ups.ts";

const REFUND = "POST /v1/refunds";

/** A charge of 5,000 of which 2,000 are refunded already, past Keybrake. */
async function partlyRefunded({ direct }: Stage, currency: Currency): Promise<string> {
  const { latest_charge } = await direct.paymentIntents.create({
    amount: 5000,
    currency,
    payment_method: "pm_card_visa",
    confirm: true,
  });
  const charge = latest_charge as string;
  await direct.refunds.create({ charge, amount: 2000 });
  return charge;
}

/** A refund that states no amount gives back the rest, and that much is held. */
export function describeRefundRests(open: () => Stage): void {
  describe.each(CURRENCIES)("a refund of the rest, in %s", (currency) => {
    const rest = dollarsOf(3000, currency);

    test("reserves exactly what is left", async () => {
      const stage = open();
      const charge = await partlyRefunded(stage, currency);
      const agent = await stage.agent({ policy: { daily_usd_cap: rest } });
      const sent = stage.watch();
      expect(await agent.once.refunds.create({ charge })).toMatchObject({ amount: 3000, currency });
      expect(pathsOf(sent())).toEqual([`GET /v1/charges/${charge}`, REFUND]);
      expect(await agent.books()).toContainEqual([REFUND, "settled", rest, rest]);
      expect(await agent.used()).toBe(rest);
    });

    test("is refused under a cap of less, and only looked up", async () => {
      const stage = open();
      const charge = await partlyRefunded(stage, currency);
      const agent = await stage.agent({ policy: { daily_usd_cap: dollarsOf(2990, currency) } });
      const sent = stage.watch();
      const error = await errorOf(agent.stripe.refunds.create({ charge }));
      expectRefusal(error, "StripeRateLimitError", "daily_cap_exceeded");
      expect(sent()).toHaveLength(1);
      await onlyLookedUp(agent, sent());
      expect(await agent.used()).toBe("0.00");
    });
  });
}
