import Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { pathsOf, type Stage } from "../stage.ts";

const FORM = "amount=1500&currency=usd&payment_method=pm_card_visa&confirm=true";

function post(stage: Stage, target: string, authorization: string): Promise<Response> {
  return fetch(`${stage.server.dataUrl}${target}`, {
    method: "POST",
    headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
    body: FORM,
  });
}

/** As `curl -u user:password` sends it. */
function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Every way in which people point an SDK or a curl at a proxy. */
export function describeAddresses(open: () => Stage): void {
  describe("addresses", () => {
    test.each([
      "/v1/payment_intents",
      "/stripe/v1/payment_intents",
      "/stripe/v1/v1/payment_intents",
      "/stripe//v1/payment_intents",
    ])("%s is the same endpoint", async (target) => {
      const stage = open();
      const agent = await stage.agent({ policy: { allowed_endpoints: ["POST /v1/payment_intents"] } });
      const sent = stage.watch();
      const answer = await post(stage, target, `Bearer ${agent.vaultKey}`);
      expect(answer.status).toBe(200);
      await answer.json();
      expect(pathsOf(sent())).toEqual(["POST /v1/payment_intents"]);
      expect((await agent.rows())[0]).toMatchObject({
        state: "settled",
        path: "/v1/payment_intents",
        cost_usd: "15.00",
      });
    });

    test.each([
      "//v1/payment_intents",
      "/v1//payment_intents",
      "/v1/v1/payment_intents",
      "/stripe/v1/v1/v1/payment_intents",
    ])("%s is none: elsewhere nothing is repaired", async (target) => {
      const stage = open();
      const agent = await stage.agent({ policy: { allowed_endpoints: ["POST /v1/payment_intents"] } });
      const sent = stage.watch();
      const answer = await post(stage, target, `Bearer ${agent.vaultKey}`);
      expect([400, 403]).toContain(answer.status);
      expect(await answer.json()).toMatchObject({
        error: { code: expect.stringMatching(/^request_malformed$|^endpoint_not_allowed$/) },
      });
      expect(sent()).toEqual([]);
    });

    test("basic authentication as curl -u sends it, with the key as user name or as password", async () => {
      const stage = open();
      const agent = await stage.agent();
      for (const credential of [basic(agent.vaultKey, ""), basic("AC0123", agent.vaultKey)]) {
        const answer = await post(stage, "/v1/payment_intents", credential);
        expect(answer.status).toBe(200);
        await answer.json();
      }
      const two = await post(stage, "/v1/payment_intents", basic(agent.vaultKey, agent.vaultKey));
      expect(two.status).toBe(400);
      expect(await two.json()).toMatchObject({ error: { code: "request_ambiguous" } });
      expect(await agent.used()).toBe("30.00");
    });

    test("the SDK over fetch takes the prefix in its host, and the same key does both", async () => {
      const stage = open();
      const agent = await stage.agent();
      const { hostname, port } = new URL(stage.server.dataUrl);
      const httpClient = Stripe.createFetchHttpClient();
      const overFetch = new Stripe(agent.vaultKey, {
        host: `${hostname}/stripe`,
        port,
        protocol: "http",
        httpClient,
      });
      await overFetch.paymentIntents.create({ amount: 1500, currency: "usd" });
      await agent.stripe.paymentIntents.create({ amount: 1500, currency: "usd" });
      expect(await agent.used()).toBe("30.00");
    });
  });
}
