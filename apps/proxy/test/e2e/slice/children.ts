import { describe, expect, test } from "vitest";
import { stripeClient } from "../../support/crew.ts";
import type { Agent, Stage } from "../stage.ts";

/** A child key as an agent uses it: its parent's policy, budgets and end are its own as well. */
export function describeChildren(open: () => Stage): void {
  describe("a child key", () => {
    async function makeChild(parent: Agent, policy: object = { allowed_endpoints: ["* /v1/**"] }) {
      const { server } = open();
      const made = await server.admin.vaultKeys.create({
        ...{ agent_id: "worker", parent_id: parent.id },
        policy: { vendor: "stripe", ...policy } as never,
      });
      const once = stripeClient(server.dataUrl, made.vault_key, { maxNetworkRetries: 0 });
      const charge = (amount: number) => once.paymentIntents.create({ amount, currency: "usd" });
      return { ...made, once, charge };
    }

    test("spends of its own caps and of its parent's, with its siblings", async () => {
      const stage = open();
      const parent = await stage.agent({ policy: { daily_usd_cap: 30 } });
      const [one, two] = [await makeChild(parent), await makeChild(parent)];
      await one.charge(2_000);
      expect(await parent.used()).toBe("20.00");
      const sent = stage.watch();
      await expect(two.charge(1_001)).rejects.toMatchObject({
        code: "daily_cap_exceeded",
        message: expect.stringContaining("parent"),
      });
      expect(sent()).toEqual([]);
      await two.charge(1_000);
      await expect(parent.once.paymentIntents.create({ amount: 1, currency: "usd" })).rejects.toMatchObject({
        code: "daily_cap_exceeded",
      });
      const mine = await makeChild(parent, { daily_usd_cap: 5, allowed_endpoints: ["* /v1/**"] });
      await stage.server.admin.vaultKeys.update(parent.id, {
        policy: { vendor: "stripe", daily_usd_cap: 100, allowed_endpoints: ["* /v1/**"] },
      });
      await mine.charge(500);
      expect(await parent.used()).toBe("35.00");
      await expect(mine.charge(1)).rejects.toMatchObject({ code: "daily_cap_exceeded" });
    });

    test("obeys what its parent is told, from the moment that it is told", async () => {
      const stage = open();
      const parent = await stage.agent();
      const child = await makeChild(parent);
      await child.charge(100);
      const say = (policy: object) =>
        stage.server.admin.vaultKeys.update(parent.id, { policy: { vendor: "stripe", ...policy } as never });
      const sent = stage.watch();
      await say({ allowed_endpoints: ["POST /v1/refunds"] });
      await expect(child.charge(100)).rejects.toMatchObject({
        code: "endpoint_not_allowed",
        message: expect.stringContaining("its parent refuses"),
      });
      await say({ allowed_endpoints: ["* /v1/**"], per_call_usd_cap: "0.99" });
      await expect(child.charge(100)).rejects.toMatchObject({ code: "per_call_cap_exceeded" });
      await say({ allowed_endpoints: ["* /v1/**"], requests_per_minute: 1 });
      await child.charge(99);
      await expect(child.charge(99)).rejects.toMatchObject({ code: "rate_limited" });
      expect(sent()).toHaveLength(1);
    });

    test("B6: does nothing any more once its parent is revoked", async () => {
      const stage = open();
      const parent = await stage.agent();
      const child = await makeChild(parent);
      await child.charge(100);
      await stage.server.admin.vaultKeys.revoke(parent.id);
      const sent = stage.watch();
      await expect(child.charge(100)).rejects.toMatchObject({ code: "vault_key_revoked" });
      expect(sent()).toEqual([]);
    });
  });
}
