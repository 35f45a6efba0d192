import { openFakeStripe } from "@keybrake/sandbox";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { CANARY_SECRET } from "../../support/crew.ts";
import type { Stage } from "../stage.ts";
import { errorOf, expectRefusal } from "./refusals.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const CREATE = "POST /v1/payment_intents";
/** Shared by every flush of the ledger, so whoever has it alone stops them all. */
const LEDGER_BARRIER = 7_301_001;

/** A vendor that is not there. */
export function describeOutages(open: () => Stage): void {
  describe("an outage of the vendor", () => {
    // A11, connect refused; the SDK's three attempts are three rows.
    test("A11: while the vendor is down every attempt is released and free; when it is back the next one passes", async () => {
      const stage = open();
      const agent = await stage.agent();
      const { port } = stage.fake;
      await stage.fake.close();
      const error = await errorOf(agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-1" }));
      expectRefusal(error, "StripeAPIError", "vendor_unreachable");
      const read = await errorOf(agent.once.customers.list());
      expectRefusal(read, "StripeAPIError", "vendor_unreachable");
      stage.fake = await openFakeStripe({ secretKeys: [CANARY_SECRET], port });
      expect(await agent.books()).toEqual([
        [CREATE, "released", "15.00", "0.00"],
        [CREATE, "released", "15.00", "0.00"],
        [CREATE, "released", "15.00", "0.00"],
        ["GET /v1/customers", "released", "0.00", "0.00"],
      ]);
      expect(await agent.used()).toBe("0.00");
      await agent.stripe.paymentIntents.create(CHARGE, { idempotencyKey: "order-1" });
      expect(await agent.used()).toBe("15.00");
      expect(stage.captured).toBe(1500);
    });
  });
}

/** For a ledger that somebody else can stop. */
export function describeLostLedger(open: () => Stage): void {
  describe("a ledger that does not answer", () => {
    test("without an answer of the ledger nothing is forwarded: 503, and when it answers again nothing is owed", async () => {
      const stage = open();
      const agent = await stage.agent();
      const sent = stage.watch();
      const blocker = new pg.Client({ connectionString: stage.database?.url });
      await blocker.connect();
      try {
        await blocker.query("SELECT pg_advisory_lock($1)", [LEDGER_BARRIER]);
        const error = await errorOf(agent.once.paymentIntents.create(CHARGE));
        expectRefusal(error, "StripeAPIError", "ledger_unavailable");
        expect(error.headers?.["retry-after"]).toBe("1");
      } finally {
        await blocker.end();
      }
      await agent.stripe.paymentIntents.create(CHARGE);
      expect(sent()).toHaveLength(1);
      expect(await agent.used()).toBe("15.00");
      const states = (await agent.rows()).map(({ state, cost_usd }) => `${state} ${cost_usd}`);
      expect(states).toEqual(["released 0.00", "settled 15.00"]);
    });
  });
}
