import { writeFileSync } from "node:fs";
import path from "node:path";
import { createAdminClient, type DryRun, type DryRunPolicy } from "@keybrake/client";
import { describe, expect, test } from "vitest";
import { createCheckedFetch } from "../../control-plane/checked-fetch.ts";
import { runKeybrake } from "../../reconcile/cli-process.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import type { Agent, Stage } from "../stage.ts";

const CALLS = 30;
const POLICIES = [
  { daily_usd_cap: 60, per_call_usd_cap: 25, allowed_endpoints: ["* /v1/**"] },
  {
    total_usd_cap: 45,
    total_call_cap: 12,
    allowed_endpoints: ["* /v1/payment_intents/**", "POST /v1/refunds"],
  },
  { monthly_usd_cap: 500, currencies: ["usd"], allowed_endpoints: ["* /v1/**"] },
  { daily_usd_cap: 20, per_call_usd_cap: 10, on_unpriced: "allow", allowed_endpoints: ["* /v1/**"] },
];

/** Judging recorded calls by a policy that was not in force. */
export function describeRecordedPolicies(open: () => Stage): void {
  describe("a policy that is tried on recorded calls", () => {
    test.each(POLICIES)(
      "changes nothing when it is the one that they were made under (%j)",
      async (policy) => {
        const random = new SeededRandom(POLICIES.indexOf(policy));
        // Without the cap that an agent of these tests has otherwise.
        const agent = await open().agent({ policy: { daily_usd_cap: undefined, ...policy } });
        await liveThrough(agent, random);
        const rows = await agent.rows();
        expect(rows.some(({ verdict }) => verdict === "deny")).toBe(true);
        const result = await dryRun(open(), agent, policy);
        expect(result.samples).toEqual([]);
        expect(result).toMatchObject({ would_deny: 0, would_allow: 0, truncated: false });
        expect(result.unchanged + result.undecidable).toBe(result.calls);
        // Reads that Keybrake made to judge a call are none of the agent's.
        expect(result.calls).toBe(
          rows.filter(({ outcome_reason: why }) => why !== "read to judge a call").length,
        );
      },
    );

    test("says what a narrower one would have refused, and what a wider one would have let through", async () => {
      const stage = open();
      const agent = await stage.agent({ policy: { daily_usd_cap: 30, allowed_endpoints: ["* /v1/**"] } });
      const charge = (amount: number) => agent.once.paymentIntents.create({ amount, currency: "usd" });
      for (const amount of [1_000, 500, 1_500]) await charge(amount);
      await expect(charge(1_000)).rejects.toMatchObject({ code: "daily_cap_exceeded" });
      await agent.once.customers.list();
      const [first, second, third, denied, list] = await agent.rows();

      const narrower = await dryRun(stage, agent, {
        daily_usd_cap: 20,
        allowed_endpoints: ["POST /v1/payment_intents"],
      });
      expect(narrower).toMatchObject({
        calls: 5,
        would_deny: 2,
        would_allow: 0,
        unchanged: 3,
        undecidable: 0,
      });
      expect(narrower.by_reason).toEqual([
        { code: "daily_cap_exceeded", calls: 1 },
        { code: "endpoint_not_allowed", calls: 1 },
      ]);
      expect(narrower.samples).toMatchObject([
        {
          call_id: list?.id,
          was: { verdict: "allow", code: null },
          would_be: { code: "endpoint_not_allowed" },
        },
        { call_id: third?.id, cost_usd: "15.00", would_be: { verdict: "deny", code: "daily_cap_exceeded" } },
      ]);
      expect(narrower.samples.map(({ call_id }) => call_id)).not.toContain(first?.id);
      expect(narrower.samples.map(({ call_id }) => call_id)).not.toContain(second?.id);

      const wider = await dryRun(stage, agent, { daily_usd_cap: 40, allowed_endpoints: ["* /v1/**"] });
      expect(wider).toMatchObject({ calls: 5, would_deny: 0, would_allow: 1, unchanged: 4 });
      expect(wider.samples).toMatchObject([
        {
          call_id: denied?.id,
          cost_usd: "10.00",
          was: { verdict: "deny", code: "daily_cap_exceeded" },
          would_be: { verdict: "allow", code: null },
        },
      ]);
      const file = path.join(stage.server.dataDir, "wider.json");
      writeFileSync(
        file,
        JSON.stringify({ vendor: "stripe", daily_usd_cap: 40, allowed_endpoints: ["* /v1/**"] }),
      );
      const told = await runKeybrake(stage.server, ["policy", "dry-run", file, "--key", agent.id]);
      expect(told.code).toBe(0);
      expect(told.stdout).toMatch(/would_allow +1$/m);
      expect(told.stdout).toMatch(new RegExp(`${denied?.id}.* daily_cap_exceeded +allow`));

      // A policy that is only tried leaves no trace, and the one in force stays.
      expect((await stage.server.admin.adminEvents.list({ limit: 1 })).data[0]?.action).not.toBe(
        "dryRunPolicy",
      );
      await expect(charge(1_000)).rejects.toMatchObject({ code: "daily_cap_exceeded" });
    });

    test("begins with what was spent before its time, and looks no further than asked", async () => {
      const stage = open();
      const agent = await stage.agent({ policy: { daily_usd_cap: 100 } });
      await agent.once.paymentIntents.create({ amount: 1_000, currency: "usd" });
      const [first] = await agent.rows();
      const from = new Date(Date.parse(first?.requested_at ?? "") + 1).toISOString();
      await agent.once.paymentIntents.create({ amount: 900, currency: "usd" });
      const policy = { total_usd_cap: 15, allowed_endpoints: ["* /v1/**"] };
      expect(await dryRun(stage, agent, policy, { from })).toMatchObject({
        ...{ calls: 1, would_deny: 1, by_reason: [{ code: "total_cap_exceeded", calls: 1 }], from },
      });
      expect(await dryRun(stage, agent, policy, { to: from })).toMatchObject({
        calls: 1,
        would_deny: 0,
        to: from,
      });
      const nothing = await dryRun(stage, agent, policy, { from: "2026-01-01", to: "2026-01-31" });
      expect(nothing).toMatchObject({ calls: 0, would_deny: 0, samples: [], truncated: false });
    });

    test("is refused for more than 31 days, and for nobody's or everybody's calls", async () => {
      const admin = checkedAdmin(open());
      const policy = { vendor: "stripe" } as const;
      const refused = { code: "invalid_request" };
      const ask = (body: Partial<DryRunPolicy>) => admin.policies.dryRun({ policy, ...body });
      await expect(ask({})).rejects.toMatchObject(refused);
      await expect(ask({ agent_id: "a", crew_run_id: "b" })).rejects.toMatchObject(refused);
      await expect(ask({ agent_id: "a", from: "2026-01-01", to: "2026-03-01" })).rejects.toMatchObject(
        refused,
      );
      await expect(ask({ agent_id: "a", from: "2026-03-01", to: "2026-01-01" })).rejects.toMatchObject(
        refused,
      );
    });
  });
}

/** Some calls at random, by an agent that takes a refusal for an answer. */
async function liveThrough({ once }: Agent, random: SeededRandom): Promise<void> {
  const intents = ["pi_unknown"];
  const amount = () => random.pick([300, 900, 1_500, 2_600]);
  const steps: (() => Promise<unknown>)[] = [
    async () => {
      const made = await once.paymentIntents.create({
        ...{ amount: amount(), currency: random.pick(["usd", "usd", "jpy"]) },
        ...{ payment_method: "pm_card_visa", capture_method: random.pick(["automatic", "manual"]) },
      });
      intents.push(made.id);
    },
    () => once.paymentIntents.confirm(random.pick(intents)),
    () => once.paymentIntents.capture(random.pick(intents)),
    () => once.paymentIntents.cancel(random.pick(intents)),
    () => once.refunds.create({ payment_intent: random.pick(intents), amount: 100 }),
    async () => once.payouts.cancel((await once.payouts.create({ amount: amount(), currency: "usd" })).id),
    () => once.customers.create({ name: "Ada" }),
    () => once.customers.list({ limit: 1 }),
    () => once.issuing.cards.create({ currency: "usd", type: "virtual", cardholder: "ich_1" }),
    () => once.transfers.create({ amount: 100, currency: "usd", destination: "acct_1Stranger" }),
  ];
  for (let call = 0; call < CALLS; call++)
    await random
      .pick(steps)()
      .catch(() => undefined);
}

function checkedAdmin({ server }: Stage) {
  return createAdminClient({
    baseUrl: server.adminUrl,
    token: server.adminToken,
    fetch: createCheckedFetch(),
  });
}

function dryRun(stage: Stage, { id }: Agent, policy: object, range: object = {}): Promise<DryRun> {
  const document = { vendor: "stripe", ...policy } as DryRunPolicy["policy"];
  return checkedAdmin(stage).policies.dryRun({ policy: document, vault_key_id: id, ...range });
}
