import { describe, expect, test } from "vitest";
import { pathsOf, type Stage } from "../stage.ts";

const ACCOUNT = "acct_1SandboxPartner";

/** Money that leaves the account other than by refunds, and customers, with whom no money moves. */
export function describeMoneyOut(open: () => Stage): void {
  describe("transfers, payouts and customers", () => {
    test("a transfer to the pinned account counts as money going out", async () => {
      const partner = await open().agent({ policy: { stripe: { account: ACCOUNT } } });
      const transfer = await partner.stripe.transfers.create({
        amount: 4000,
        currency: "usd",
        destination: ACCOUNT,
      });
      await partner.stripe.transfers.update(transfer.id, { description: "October" });
      expect((await partner.stripe.transfers.retrieve(transfer.id)).description).toBe("October");
      expect(await partner.books()).toEqual([
        ["POST /v1/transfers", "settled", "40.00", "40.00"],
        ["POST /v1/transfers/{transfer}", "settled", "0.00", "0.00"],
        ["GET /v1/transfers/{transfer}", "settled", "0.00", "0.00"],
      ]);
      expect((await partner.rows())[0]).toMatchObject({ direction: "out", vendor_object_id: transfer.id });
      expect(await partner.used()).toBe("40.00");
    });

    test("a payout counts as money going out, and its cancellation gives it back", async () => {
      const treasurer = await open().agent();
      const payout = await treasurer.stripe.payouts.create({ amount: 6000, currency: "usd" });
      expect(await treasurer.used()).toBe("60.00");
      await treasurer.stripe.payouts.update(payout.id, { metadata: { week: "47" } });
      expect((await treasurer.stripe.payouts.cancel(payout.id)).status).toBe("canceled");
      expect(await treasurer.books()).toEqual([
        ["POST /v1/payouts", "settled", "60.00", "60.00"],
        ["POST /v1/payouts/{payout}", "settled", "0.00", "0.00"],
        ["POST /v1/payouts/{payout}/cancel", "settled", "0.00", "-60.00"],
      ]);
      expect((await treasurer.rows())[0]).toMatchObject({ direction: "out", vendor_object_id: payout.id });
      expect(await treasurer.used()).toBe("0.00");
    });

    test("customers are created, read, changed, listed, searched and deleted for nothing", async () => {
      const stage = open();
      const crm = await stage.agent({
        policy: { daily_usd_cap: 0, allowed_endpoints: ["* /v1/customers/**"] },
      });
      const sent = stage.watch();
      const email = `${crm.agentId}@example.com`;
      const { id } = await crm.stripe.customers.create({ name: "Ada", email });
      await crm.stripe.customers.update(id, { name: "Ada L." });
      expect(await crm.stripe.customers.retrieve(id)).toMatchObject({ name: "Ada L." });
      expect((await crm.stripe.customers.list({ email })).data.map((customer) => customer.id)).toEqual([id]);
      const found = await crm.stripe.customers.search({ query: `email:'${email}'` });
      expect(found.data.map((customer) => customer.id)).toEqual([id]);
      expect(await crm.stripe.customers.del(id)).toMatchObject({ deleted: true });
      expect(await crm.books()).toEqual([
        ["POST /v1/customers", "settled", "0.00", "0.00"],
        ["POST /v1/customers/{customer}", "settled", "0.00", "0.00"],
        ["GET /v1/customers/{customer}", "settled", "0.00", "0.00"],
        ["GET /v1/customers", "settled", "0.00", "0.00"],
        ["GET /v1/customers/search", "settled", "0.00", "0.00"],
        ["DELETE /v1/customers/{customer}", "settled", "0.00", "0.00"],
      ]);
      expect(pathsOf(sent()).at(-1)).toBe(`DELETE /v1/customers/${id}`);
    });
  });
}
