import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { fieldsOf, type Stage } from "../stage.ts";

const CHARGE = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", confirm: true } as const;
const CLAIM_HEADERS = { "Keybrake-Run-Id": "run-from-header", "Keybrake-Agent-Id": "agent-from-header" };
const PROMISED_QUERY = "SELECT * FROM calls WHERE metadata->>'agent_id' = 'billing_agent'";

/** Who did it, in which run: the key's labels stand, whatever else an agent says is a claim. */
export function describeIdentity(open: () => Stage): void {
  describe("identity", () => {
    test("the key's labels are in the row and, where Stripe takes metadata, at the vendor", async () => {
      const stage = open();
      const agent = await stage.agent({ crewRunId: "run-1" });
      const sent = stage.watch();
      const intent = await agent.stripe.paymentIntents.create({ ...CHARGE, metadata: { order: "7" } });
      const labels = { agent_id: agent.agentId, crew_run_id: "run-1", order: "7" };
      expect(intent.metadata).toEqual(labels);
      const charge = await agent.stripe.charges.retrieve(intent.latest_charge as string);
      expect(charge.metadata).toEqual(labels);
      expect((await agent.rows())[0]).toMatchObject({
        agent_id: agent.agentId,
        crew_run_id: "run-1",
        claimed_agent_id: null,
        claimed_crew_run_id: null,
        metadata: labels,
      });
      expect(sent()[0]?.body).toMatch(/&metadata\[agent_id\]=agent_\d+&metadata\[crew_run_id\]=run-1$/);
    });

    test("an endpoint that takes no metadata gets none, and its row has the labels all the same", async () => {
      const stage = open();
      const agent = await stage.agent({ crewRunId: "run-2" });
      const { id } = await agent.stripe.paymentIntents.create({ amount: 1500, currency: "usd" });
      const sent = stage.watch();
      await agent.stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
      expect(fieldsOf(sent()[0])).toEqual({ payment_method: "pm_card_visa" });
      expect((await agent.rows()).at(-1)?.metadata).toEqual({
        agent_id: agent.agentId,
        crew_run_id: "run-2",
      });
    });

    test("what the agent wrote itself is not overwritten at the vendor, and a contradiction is kept as a claim", async () => {
      const stage = open();
      const agent = await stage.agent({ crewRunId: "run-3" });
      const intent = await agent.stripe.paymentIntents.create({
        ...CHARGE,
        metadata: { agent_id: "somebody_else", crew_run_id: "run-of-another" },
      });
      expect(intent.metadata).toEqual({ agent_id: "somebody_else", crew_run_id: "run-of-another" });
      expect((await agent.rows())[0]).toMatchObject({
        agent_id: agent.agentId,
        crew_run_id: "run-3",
        claimed_agent_id: "somebody_else",
        claimed_crew_run_id: "run-of-another",
        metadata: { agent_id: agent.agentId, crew_run_id: "run-3" },
      });
    });

    test("saying what the key says anyway is no claim", async () => {
      const agent = await open().agent({ crewRunId: "run-4" });
      await agent.stripe.paymentIntents.create({
        ...CHARGE,
        metadata: { agent_id: agent.agentId, crew_run_id: "run-4" },
      });
      expect((await agent.rows())[0]).toMatchObject({ claimed_agent_id: null, claimed_crew_run_id: null });
    });

    test("a key without a run is booked on the run that the call names, in metadata before headers", async () => {
      const stage = open();
      const agent = await stage.agent();
      await agent.stripe.paymentIntents.create({ ...CHARGE, metadata: { crew_run_id: "run-5" } });
      await agent.stripe.rawRequest(
        "POST",
        "/v1/payment_intents",
        { ...CHARGE },
        { additionalHeaders: CLAIM_HEADERS },
      );
      await agent.stripe.rawRequest("GET", "/v1/customers", undefined, { additionalHeaders: CLAIM_HEADERS });
      const rows = await agent.rows();
      expect(rows.map(({ crew_run_id }) => crew_run_id)).toEqual([
        "run-5",
        "run-from-header",
        "run-from-header",
      ]);
      expect(rows.map(({ claimed_agent_id }) => claimed_agent_id)).toEqual([
        null,
        "agent-from-header",
        "agent-from-header",
      ]);
      const { data } = await stage.server.admin.calls.list({ crew_run_id: "run-5" });
      expect(data.map(({ vault_key_id }) => vault_key_id)).toEqual([agent.id]);
    });

    test("the headers of a claim never go upstream, and against a key with a run they are claims", async () => {
      const stage = open();
      const agent = await stage.agent({ crewRunId: "run-6" });
      const sent = stage.watch();
      const options = { additionalHeaders: CLAIM_HEADERS };
      await agent.stripe.rawRequest("POST", "/v1/payment_intents", { ...CHARGE }, options);
      await agent.stripe.rawRequest("GET", "/v1/customers", undefined, options);
      expect(sent()).toHaveLength(2);
      for (const { rawHeaders, body } of sent()) {
        expect(rawHeaders.join("\n").toLowerCase()).not.toContain("keybrake-");
        expect(rawHeaders.join("\n")).not.toContain("-from-header");
        expect(body).not.toContain("-from-header");
      }
      for (const row of await agent.rows()) {
        expect(row).toMatchObject({
          agent_id: agent.agentId,
          crew_run_id: "run-6",
          claimed_agent_id: "agent-from-header",
          claimed_crew_run_id: "run-from-header",
        });
      }
    });

    test("every row of a call that the vendor answered names the vendor's request", async () => {
      const stage = open();
      const { latest_charge } = await stage.direct.paymentIntents.create(CHARGE);
      const agent = await stage.agent();
      const sent = stage.watch();
      await agent.stripe.refunds.create({ charge: latest_charge as string });
      await agent.stripe.charges.retrieve(latest_charge as string);
      const named = (await agent.rows()).map(
        ({ method, vendor_request_id }) => `${method} ${vendor_request_id}`,
      );
      expect(named.sort()).toEqual(
        sent()
          .map(({ method, requestId }) => `${method} ${requestId}`)
          .sort(),
      );
    });

    test("the promised query finds every call of an agent, through the API and in psql", async () => {
      const stage = open();
      const agent = await stage.agent({ agentId: "billing_agent", crewRunId: "run-7" });
      const intent = await agent.stripe.paymentIntents.create(CHARGE);
      const rows = await agent.rows();
      const { rows: found } = await stage.server.admin.sql.query(PROMISED_QUERY);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject({
        id: rows[0]?.id,
        agent_id: "billing_agent",
        crew_run_id: "run-7",
        vault_key_id: agent.id,
        vendor_request_id: intent.lastResponse.requestId,
        vendor_object_id: intent.id,
      });
      expect(Number(found[0]?.["cost_usd"])).toBe(15);
      if (stage.database === null || spawnSync("psql", ["--version"]).error !== undefined) return;
      expect(queryWithPsql(stage.database.url)).toEqual([
        expect.objectContaining({
          agent_id: "billing_agent",
          crew_run_id: "run-7",
          cost_usd: "15.000000",
          vendor_request_id: intent.lastResponse.requestId,
        }),
      ]);
    });

    test("spend adds up by agent and by run", async () => {
      const stage = open();
      const first = await stage.agent({ agentId: "spender", crewRunId: "run-8" });
      const second = await stage.agent({ agentId: "spender", crewRunId: "run-9" });
      await first.stripe.paymentIntents.create(CHARGE);
      await second.stripe.paymentIntents.create({ ...CHARGE, amount: 500 });
      const spent = async (by: "agent_id" | "crew_run_id", group: string) => {
        const { data } = await stage.server.admin.spend.list({ group_by: by, limit: 1000 });
        return data.find((entry) => entry.group === group);
      };
      expect(await spent("agent_id", "spender")).toMatchObject({ calls: 2, cost_usd: "20.00" });
      expect(await spent("crew_run_id", "run-8")).toMatchObject({ calls: 1, cost_usd: "15.00" });
      expect(await spent("crew_run_id", "run-9")).toMatchObject({ calls: 1, cost_usd: "5.00" });
    });
  });
}

/** The rows as psql prints them: one line a column, an empty line between rows. */
function queryWithPsql(url: string): Record<string, string>[] {
  const args = [url, "--no-psqlrc", "--expanded", "--no-align", "--tuples-only", "-c", PROMISED_QUERY];
  const { status, stdout, stderr } = spawnSync("psql", args, { encoding: "utf8", timeout: 20_000 });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split("\n\n")
    .map((row) =>
      Object.fromEntries(
        row.split("\n").map((line) => {
          const [, name = "", value = ""] = /^([a-z_]+)\|(.*)$/.exec(line) ?? [];
          return [name, value];
        }),
      ),
    );
}
