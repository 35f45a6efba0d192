import { tool } from "@langchain/core/tools";
import { createAgent } from "langchain";
import { describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { createKeybrakeFetch, keybrakeMiddleware, withAgent } from "../src/index.ts";
import { resendClient } from "../src/resend.ts";
import { stripeClient } from "../src/stripe.ts";
import { twilioClient } from "../src/twilio.ts";
import { scriptedModel } from "./support/scripted-model.ts";
import { createTestAgent, type TestAgent, unique } from "./support/stage.ts";

const ALL = ["stripe", "twilio", "resend"] as const;
const MAIL = { from: "crew@example.com", to: "ada@example.com", subject: "hello", text: "hello" };
const SMS = { to: "+14155552671", from: "+15005550006", body: "hello" };

const bookings = async (agent: TestAgent) =>
  (await agent.rows()).map(({ endpoint, crew_run_id, claimed_agent_id, claimed_crew_run_id }) => ({
    endpoint,
    crew_run_id,
    claims: [claimed_agent_id, claimed_crew_run_id],
  }));

describe.concurrent("the vendors' own SDKs", () => {
  it("one set of clients serves every agent, each with its key, its run and its labels", async () => {
    const agents = await Promise.all(["one", "two"].map((name) => createTestAgent(name, { vendors: ALL })));
    // As in one process: all agents' variables side by side.
    const environment = Object.assign(
      {},
      ...agents.map((agent) => agent.environment),
    ) as TestAgent["environment"];
    const [stripe, twilio, resend] = [
      stripeClient({ environment }),
      twilioClient({ environment }),
      resendClient({ environment }),
    ];
    const { verifyService } = inject("keybrake");
    await Promise.all(
      agents.map(({ agentId }) =>
        withAgent({ agentId, crewRunId: `run-of-${agentId}` }, async () => {
          const intent = await stripe.paymentIntents.create({ amount: 900, currency: "usd" });
          expect(intent.metadata).toEqual({ agent_id: agentId, crew_run_id: `run-of-${agentId}` });
          await stripe.paymentIntents.cancel(intent.id);
          for await (const { id } of stripe.paymentIntents.list({ limit: 1 })) expect(id).toBeDefined();
          await twilio.messages.create(SMS);
          await twilio.verify.v2.services(verifyService).verifications.create({ to: SMS.to, channel: "sms" });
          expect(await resend.emails.send(MAIL)).toMatchObject({
            error: null,
            data: { id: expect.any(String) },
          });
          expect(await resend.batch.send([MAIL, MAIL])).toMatchObject({ error: null });
        }),
      ),
    );
    for (const agent of agents) {
      const rows = await bookings(agent);
      expect(new Set(rows.map(({ endpoint }) => endpoint)).size).toBe(7);
      for (const row of rows) {
        expect(row).toMatchObject({ crew_run_id: `run-of-${agent.agentId}`, claims: [null, null] });
      }
    }
  });

  it("a run that a tag of Resend's cannot hold is booked under its own name all the same", async () => {
    const agent = await createTestAgent("notification_agent", { vendors: ["resend"] });
    const crewRunId = `run:7/${unique("x")}`;
    await withAgent({ ...agent, crewRunId }, () => resendClient(agent).emails.send(MAIL));
    expect(await bookings(agent)).toMatchObject([{ crew_run_id: crewRunId, claims: [null, null] }]);
  });

  it("their typed errors are what they always were", async () => {
    const agent = await createTestAgent("crew", { vendors: ALL, policy: { allowed_endpoints: ["GET /**"] } });
    await withAgent(agent, async () => {
      await expect(stripeClient(agent).refunds.create({ charge: "ch_1" })).rejects.toMatchObject({
        type: "StripePermissionError",
        code: "endpoint_not_allowed",
      });
      await expect(twilioClient(agent).messages.create(SMS)).rejects.toMatchObject({
        status: 403,
        message: expect.stringMatching(/^keybrake endpoint_not_allowed/),
      });
      expect(await resendClient(agent).emails.send(MAIL)).toMatchObject({
        data: null,
        error: { statusCode: 403, name: "invalid_access" },
      });
    });
  });

  it("an own key for idempotency stays the caller's", async () => {
    const agent = await createTestAgent("billing_agent");
    const stripe = stripeClient(agent);
    const charge = () =>
      stripe.paymentIntents.create({ amount: 900, currency: "usd" }, { idempotencyKey: "order-7" });
    const identity = { agentId: agent.agentId, crewRunId: "run" };
    const first = await withAgent({ ...identity, toolCallId: "call_1" }, charge);
    const second = await withAgent({ ...identity, toolCallId: "call_2" }, charge);
    expect(second.id).toBe(first.id);
  });

  it("nobody acts outside of an agent, and no other address is called", async () => {
    const agent = await createTestAgent("billing_agent");
    const { environment } = agent;
    await expect(stripeClient({ environment }).balance.retrieve()).rejects.toThrow(
      /nobody says which agent calls/,
    );
    const send = createKeybrakeFetch(agent);
    for (const address of ["https://example.com/v1/charges", "https://api.stripe.com.example.com/v1/charges"])
      await expect(send(address)).rejects.toThrow(/is no address of a vendor's API/);
    const own = await send(`${environment["STRIPE_BASE_URL"]}/v1/customers`);
    expect(own.status).toBe(200);
  });

  it("the run comes from the graph's context when `configurable` has none", async () => {
    const agent = await createTestAgent("billing_agent");
    const stripe = stripeClient(agent);
    const list = tool(async () => JSON.stringify(await stripe.customers.list()), {
      name: "list",
      description: "lists",
      schema: z.object({}),
    });
    const crewRunId = unique("run");
    await createAgent({
      model: scriptedModel([{ name: "list", args: {} }], "done"),
      tools: [list],
      contextSchema: z.object({ crew_run_id: z.string() }),
      middleware: [keybrakeMiddleware(agent.agentId)],
    }).invoke({ messages: "go" } as never, { context: { crew_run_id: crewRunId } });
    expect(await bookings(agent)).toMatchObject([{ crew_run_id: crewRunId }]);
  });
});
