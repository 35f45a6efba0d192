import { createAdminClient } from "@keybrake/client";
import Stripe from "stripe";
import { describe, test } from "vitest";
import { issueCrewKeys, revokeRun, withCrewRun } from "../../src/index.ts";
import { BILLING, type Stage } from "./stage.ts";

/** The same for programs: servers that start crews, and jobs with agents of their own. */
export function describeApi(open: () => Stage): void {
  describe("of a program", () => {
    const optionsFor = (agents = BILLING) => {
      const { admin, dataUrl } = open().server;
      return { admin, dataUrl, agents };
    };

    test("gives a job its keys, tells what it spent, and ends them", async ({ expect }) => {
      const { crewRunId, spend } = await withCrewRun(optionsFor(), async (run) => {
        const { hostname: host, port } = new URL(open().server.dataUrl);
        const key = run.vaultKey("billing_agent", "stripe");
        expect(run.environment["BILLING_VAULT_KEY"]).toBe(key);
        expect(() => run.vaultKey("billing_agent", "twilio")).toThrow(RangeError);
        const stripe = new Stripe(key, { host, port, protocol: "http" });
        await stripe.paymentIntents.create({
          amount: 700,
          currency: "usd",
          payment_method: "pm_card_visa",
          confirm: true,
        });
        expect(await open().statuses(run.crewRunId)).toEqual(["active"]);
        return { crewRunId: run.crewRunId, spend: await run.spend() };
      });
      expect(spend).toEqual([
        {
          agentId: "billing_agent",
          vendor: "stripe",
          calls: 1,
          denied: 0,
          spentUsd: "7.00",
          heldUsd: "0.00",
          cap: "25.00",
        },
      ]);
      expect(await open().statuses(crewRunId)).toEqual(["revoked"]);
    });

    test("rejects as its job did, with nothing left open", async ({ expect }) => {
      const crewRunId = `job-${process.pid}`;
      const failure = new Error("the job failed");
      const run = withCrewRun({ ...optionsFor(), crewRunId }, () => Promise.reject(failure));
      await expect(run).rejects.toBe(failure);
      expect(await open().statuses(crewRunId)).toEqual(["revoked"]);
    });

    test("says which keys it could not end, and when they end", async ({ expect }) => {
      const { admin, ...options } = optionsFor();
      // From one moment on the server does not know this client any more.
      const refused = createAdminClient({ baseUrl: open().server.adminUrl, token: "x".repeat(32) });
      const halfDeaf = { ...admin, runs: refused.runs };
      const failure = new Error("the job failed");
      const crewRunId = `left-${process.pid}`;
      const run = withCrewRun({ ...options, admin: halfDeaf, crewRunId }, () => Promise.reject(failure));
      await expect(run).rejects.toMatchObject({
        name: "CrewError",
        code: "keys_not_revoked",
        cause: failure,
        problems: [expect.stringMatching(/could not be revoked: it expires at \d{4}/), expect.any(String)],
      });
      expect(await open().statuses(crewRunId)).toEqual(["active"]);
    });

    test("issues keys, and revokes them by their run", async ({ expect }) => {
      const { crewRunId, keys, environment } = await issueCrewKeys(optionsFor());
      expect(crewRunId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(keys.map(({ agentId, vendor, variable }) => [agentId, vendor, variable])).toEqual([
        ["billing_agent", "stripe", "BILLING_VAULT_KEY"],
      ]);
      expect(environment["CREW_RUN_ID"]).toBe(crewRunId);
      const { admin } = open().server;
      expect(await revokeRun({ admin, crewRunId, keys })).toMatchObject({
        isDone: true,
        revoked: 1,
        unrevoked: [],
      });
      expect(await revokeRun({ admin, crewRunId })).toMatchObject({ isDone: true, revoked: 0 });
    });

    test("issues nothing to agents that are not as they should be", async ({ expect }) => {
      const wrong = {
        billing_agent: { stripe: { secret: "stripe-sandbox", policy: { daily_usd_cap: -1 } } },
      };
      await expect(issueCrewKeys(optionsFor(wrong))).rejects.toMatchObject({ name: "ManifestError" });
      const both = { ...BILLING, billing: BILLING["billing_agent"] ?? {} };
      await expect(issueCrewKeys(optionsFor(both))).rejects.toMatchObject({ code: "variables_collide" });
      const elsewhere = { ...optionsFor(), dataUrl: "http://user:pass@127.0.0.1:1" };
      await expect(issueCrewKeys(elsewhere)).rejects.toMatchObject({ code: "data_url_invalid" });
    });
  });
}
