import { once } from "node:events";
import { createServer } from "node:net";
import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { type AgentMiddleware, createAgent, createMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createAgentTools, createVendorClient, KeybrakeToolkit, keybrakeMiddleware } from "../src/index.ts";
import { stripeClient } from "../src/stripe.ts";
import { twilioClient } from "../src/twilio.ts";
import { scriptedModel, type ToolUse } from "./support/scripted-model.ts";
import { createTestAgent, type TestAgent, unique } from "./support/stage.ts";

const CHARGE = { amount: 1_500, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const SMS = { to: "+14155552671", from: "+15005550006", body: "hello" };
const ASK = { messages: [new HumanMessage("go")] };

/** A middleware that executes every tool call twice, as a retry after a lost answer does. */
const twice = createMiddleware({
  name: "twice",
  wrapToolCall: async (request, handler) => {
    await handler(request);
    return handler(request);
  },
}) as AgentMiddleware;

/** Runs an agent that makes these calls in one turn. */
async function run(agent: TestAgent, uses: readonly ToolUse[], middleware: readonly AgentMiddleware[] = []) {
  const { tools } = new KeybrakeToolkit(agent);
  const model = scriptedModel(uses, "done");
  const configurable = { crew_run_id: unique("run") };
  return createAgent({ model, tools, middleware }).invoke(ASK, { configurable });
}

/** How many payments there are at Stripe, by the vendor's own list of one customer. */
async function paymentsOf(agent: TestAgent, customer: string): Promise<number> {
  const outcome = await createVendorClient(agent).call({
    endpoint: "payment_intents.list",
    parameters: { customer },
  });
  return outcome.kind === "answered" ? (outcome.data as { data: unknown[] }).data.length : -1;
}

async function createCustomer(agent: TestAgent): Promise<string> {
  const outcome = await createVendorClient(agent).call({ endpoint: "customers.create" });
  return outcome.kind === "answered" ? (outcome.data as { id: string }).id : "";
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe.concurrent("a tool call that is executed again", () => {
  it("charges once, and the agent's cap is charged once", async () => {
    const agent = await createTestAgent("billing_agent");
    const customer = await createCustomer(agent);
    await run(agent, [{ name: "stripe_create_payment_intent", args: { ...CHARGE, customer } }], [twice]);
    expect(await paymentsOf(agent, customer)).toBe(1);
    const costs = (await agent.rows()).map(({ cost_usd }) => Number(cost_usd));
    expect(costs.reduce((sum, cost) => sum + cost, 0)).toBe(15);
  });

  it("is not mistaken for a second tool call with the same arguments", async () => {
    const agent = await createTestAgent("billing_agent");
    const customer = await createCustomer(agent);
    const use = { name: "stripe_create_payment_intent", args: { ...CHARGE, customer } };
    await run(agent, [use, use], [twice]);
    expect(await paymentsOf(agent, customer)).toBe(2);
  });

  it("is told from another one even when a model gives both the same id", async () => {
    const agent = await createTestAgent("billing_agent");
    const customer = await createCustomer(agent);
    const name = "stripe_create_payment_intent";
    await run(agent, [
      { id: "call_0", name, args: { ...CHARGE, customer } },
      { id: "call_0", name, args: { ...CHARGE, customer, amount: 1_600 } },
    ]);
    expect(await paymentsOf(agent, customer)).toBe(2);
  });

  it("sends a text message once, although Twilio knows no idempotency keys", async () => {
    const agent = await createTestAgent("notification_agent", { vendors: ["twilio"] });
    await run(agent, [{ name: "twilio_send_sms", args: SMS }], [twice]);
    expect(await agent.rows()).toHaveLength(1);
  });

  it("sends it again when the first execution was without effect", async () => {
    const agent = await createTestAgent("notification_agent", { vendors: ["twilio"] });
    const [send] = createAgentTools({ ...agent, tools: ["twilio_send_sms"] });
    // Twilio's own number for a recipient that it refuses.
    const refused = { ...SMS, to: "+15005550001" };
    for (const expected of [1, 2]) {
      const answer = await send?.execute(refused, { toolCallId: "call_1" });
      expect(answer?.artifact).toMatchObject({ error: "vendor_error" });
      expect(await agent.rows()).toHaveLength(expected);
    }
  });

  it("charges once with stripe-node inside, and twice where the tool charges twice", async () => {
    const agent = await createTestAgent("billing_agent");
    const customer = await createCustomer(agent);
    const stripe = stripeClient(agent);
    const charge = tool(
      async () => {
        await stripe.paymentIntents.create({ ...CHARGE, customer });
        await stripe.paymentIntents.create({ ...CHARGE, customer });
        return "charged two times";
      },
      { name: "charge_twice", description: "charges", schema: z.object({}) },
    );
    const middleware = [twice, keybrakeMiddleware(agent.agentId) as AgentMiddleware];
    const model = scriptedModel([{ name: "charge_twice", args: {} }], "done");
    await createAgent({ model, tools: [charge], middleware }).invoke(ASK);
    expect(await paymentsOf(agent, customer)).toBe(2);
  });

  it("sends once with twilio-node inside", async () => {
    const agent = await createTestAgent("notification_agent", { vendors: ["twilio"] });
    const client = twilioClient(agent);
    const send = tool(async () => (await client.messages.create(SMS)).sid, {
      name: "send",
      description: "sends",
      schema: z.object({}),
    });
    const middleware = [twice, keybrakeMiddleware(agent.agentId) as AgentMiddleware];
    const model = scriptedModel([{ name: "send", args: {} }], "done");
    await createAgent({ model, tools: [send], middleware }).invoke(ASK);
    expect(await agent.rows()).toHaveLength(1);
  });
});

describe.concurrent("a call whose answer was lost", () => {
  const lost = { metadata: { sandbox_fault: "reset_after_headers", sandbox_fault_times: "1" } };

  it("is reported as unknown, and charges once when the model makes it again", async () => {
    const agent = await createTestAgent("billing_agent");
    const customer = await createCustomer(agent);
    const [charge] = createAgentTools({ ...agent, tools: ["stripe_create_payment_intent"] });
    const args = { ...CHARGE, customer, ...lost };
    const first = await charge?.execute(args, { toolCallId: "call_1", crewRunId: "run" });
    expect(JSON.parse(first?.content ?? "")).toMatchObject({ error: "outcome_unknown", retry: false });
    // The model disobeys, in another tool call.
    const second = await charge?.execute(args, { toolCallId: "call_2", crewRunId: "run" });
    expect(second).toMatchObject({ isError: false });
    expect(await paymentsOf(agent, customer)).toBe(1);
    // Known now, so the next one is a call of its own.
    await charge?.execute({ ...args, metadata: {} }, { toolCallId: "call_3", crewRunId: "run" });
    expect(await paymentsOf(agent, customer)).toBe(2);
  });

  it("is not sent again where the vendor knows no keys", async () => {
    const agent = await createTestAgent("notification_agent", { vendors: ["twilio"] });
    let sent = 0;
    const broken: typeof fetch = async (url, init) => {
      sent += 1;
      await fetch(url, init);
      throw new TypeError("fetch failed", { cause: Object.assign(new Error(), { code: "ECONNRESET" }) });
    };
    const [send] = createAgentTools({ ...agent, tools: ["twilio_send_sms"], fetch: broken });
    for (const toolCallId of ["call_1", "call_1", "call_2"]) {
      const answer = await send?.execute(SMS, { toolCallId, crewRunId: "run" });
      expect(answer?.artifact).toMatchObject({ error: "outcome_unknown" });
    }
    expect(sent).toBe(1);
  });

  it("has had no effect when the proxy could not be reached at all, and may be made again", async () => {
    const agent = await createTestAgent("billing_agent");
    const nowhere = { stripe: `http://127.0.0.1:${await closedPort()}/stripe` };
    const call = { endpoint: "payment_intents.create", parameters: CHARGE, toolCallId: "call_1" };
    const outcome = await createVendorClient({ ...agent, baseUrls: nowhere }).call(call);
    expect(outcome).toMatchObject({ kind: "failed", reason: "the proxy cannot be reached" });
    expect(await createVendorClient(agent).call(call)).toMatchObject({ kind: "answered" });
  });
});
