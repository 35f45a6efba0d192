import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { type AgentMiddleware, createAgent, toolRetryMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  CapBreach,
  createAgentTools,
  createVendorClient,
  expectAnswer,
  isCapBreach,
  isRefusal,
  KeybrakeToolkit,
  keybrakeFetch,
  keybrakeMiddleware,
  withAgent,
} from "../src/index.ts";
import { resendClient } from "../src/resend.ts";
import { stripeClient } from "../src/stripe.ts";
import { contractAnswer } from "./support/contract-answer.ts";
import { scriptedModel } from "./support/scripted-model.ts";
import { admin, createTestAgent, type TestAgent, unique } from "./support/stage.ts";

const CHARGE = { amount: 3_000, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const POOR = { policy: { daily_usd_cap: 20 } };
const ASK = { messages: [new HumanMessage("charge 30 dollars")] };
const TWICE = [
  [{ name: "stripe_create_payment_intent", args: CHARGE }],
  [{ name: "stripe_create_payment_intent", args: { ...CHARGE, amount: 2_500 } }],
  "gave up",
] as const;

// LangChain's own types disagree with each other under `exactOptionalPropertyTypes`.
const retries = (options = {}) => toolRetryMiddleware(options) as AgentMiddleware;

/** The midnight at which a daily cap resets. */
const NEXT_DAY = /^\d{4}-\d\d-\d\dT00:00:00\.000Z$/;

function toolMessages(state: { messages: readonly unknown[] }): ToolMessage[] {
  return state.messages.filter((message) => ToolMessage.isInstance(message));
}

/** A tool of the user's own that charges with stripe-node. */
function ownTool({ environment }: TestAgent) {
  const stripe = stripeClient({ environment });
  return tool(async (args) => JSON.stringify(await stripe.paymentIntents.create(args)), {
    name: "stripe_create_payment_intent",
    description: "charges a card",
    schema: z.looseObject({ amount: z.int(), currency: z.string() }),
  });
}

describe.concurrent("a used-up cap", () => {
  it.each([
    ["alone", []],
    ["under toolRetryMiddleware's defaults", [retries()]],
  ])("is one call, and an answer that tells the model to stop: the toolkit %s", async (_name, middleware) => {
    const agent = await createTestAgent("billing_agent", POOR);
    const { agentId, environment } = agent;
    const { tools } = new KeybrakeToolkit({ agentId, environment });
    const graph = createAgent({ model: scriptedModel(...TWICE), tools, middleware });
    const [first, second] = toolMessages(await graph.invoke(ASK));

    const rows = await agent.rows();
    expect(rows.map(({ denial_code }) => denial_code)).toEqual(["daily_cap_exceeded"]);
    expect(first).toMatchObject({ status: "error", name: "stripe_create_payment_intent" });
    const content = JSON.parse(first?.text ?? "") as Record<string, unknown>;
    expect(content).toEqual({
      error: "cap_exceeded",
      code: "daily_cap_exceeded",
      retry_at: expect.stringMatching(NEXT_DAY),
      retry: false,
      message: expect.stringMatching(
        /Stop: do not call this or any other tool of stripe that changes something before \d/,
      ),
    });
    expect(first?.artifact).toMatchObject({
      agent_id: agentId,
      call_id: rows[0]?.id,
      code: "daily_cap_exceeded",
      retry_at: content["retry_at"],
      limit: { scope: "vault_key", window: "daily", limit: "20.00", requested: "30.00" },
    });
    // Answered without the network, although it is another call.
    expect(second?.artifact).toMatchObject({ code: "daily_cap_exceeded", retry_at: content["retry_at"] });
  });

  it.each([
    ["innermost, as it should be", (agentId: string) => [retries(), keybrakeMiddleware(agentId)]],
    [
      "around the retries",
      (agentId: string) => [keybrakeMiddleware(agentId), retries({ initialDelayMs: 0, jitter: false })],
    ],
  ])("is one call for a tool that uses stripe-node, with the middleware %s", async (_name, middlewareOf) => {
    const agent = await createTestAgent("billing_agent", POOR);
    const middleware = middlewareOf(agent.agentId);
    const graph = createAgent({ model: scriptedModel(...TWICE), tools: [ownTool(agent)], middleware });
    const messages = toolMessages(await graph.invoke(ASK));
    expect((await agent.rows()).map(({ denial_code }) => denial_code)).toEqual(["daily_cap_exceeded"]);
    expect(messages).toHaveLength(2);
    for (const message of messages) {
      expect(message).toMatchObject({ status: "error", artifact: { agent_id: agent.agentId } });
      expect(message.artifact).toMatchObject({ retry_at: expect.stringMatching(NEXT_DAY) });
      expect(JSON.parse(message.text)).toMatchObject({ error: "cap_exceeded", retry: false });
    }
  });

  it("leaves reading to the agent, until the key itself is ended", async () => {
    const agent = await createTestAgent("billing_agent", {
      policy: { ...POOR.policy, allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/payment_intents"] },
    });
    const { agentId, environment } = agent;
    const stripe = stripeClient({ environment });
    await withAgent({ agentId }, async () => {
      await expect(stripe.paymentIntents.create(CHARGE)).rejects.toSatisfy(isCapBreach);
      expect((await stripe.paymentIntents.list()).data).toEqual([]);
      await admin().agents.revoke(agentId);
      await expect(stripe.paymentIntents.list()).rejects.toSatisfy(isRefusal);
      await expect(stripe.paymentIntents.list()).rejects.toSatisfy(isRefusal);
    });
    const codes = (await agent.rows()).map(({ denial_code }) => denial_code);
    expect(codes.toSorted()).toEqual([null, "daily_cap_exceeded", "vault_key_revoked"].toSorted());
  });

  it("keeps a tool's own words when it ends on a breach without throwing, as with Resend's SDK", async () => {
    const agent = await createTestAgent("notification_agent", {
      vendors: ["resend"],
      policy: { daily_call_cap: 1 },
    });
    const resend = resendClient({ environment: agent.environment });
    const notify = tool(
      async ({ to }) => {
        const sent: string[] = [];
        for (const address of to) {
          const mail = { from: "crew@example.com", to: address, subject: "hello", text: "hello" };
          const { error } = await resend.emails.send(mail);
          if (error === null) sent.push(address);
        }
        return `sent to ${sent.join()}`;
      },
      { name: "notify", description: "sends mails", schema: z.object({ to: z.array(z.string()) }) },
    );
    const to = ["ada@example.com", "bob@example.com", "eve@example.com"];
    const graph = createAgent({
      model: scriptedModel([{ name: "notify", args: { to } }], "done"),
      tools: [notify],
      middleware: [keybrakeMiddleware(agent.agentId)],
    });
    const [message] = toolMessages(await graph.invoke(ASK));
    expect(JSON.parse(message?.text ?? "")).toMatchObject({
      code: "daily_call_cap_exceeded",
      tool_result: "sent to ada@example.com",
    });
    // The third mail never left the process.
    expect((await agent.rows()).map(({ state }) => state)).toEqual(["settled", "denied"]);
  });

  it("is nobody else's: the others of the crew, and the agent's other vendors, go on", async () => {
    const run = { configurable: { crew_run_id: unique("run") } };
    const poor = await createTestAgent("billing_agent", { ...POOR, vendors: ["stripe"] });
    const rich = await createTestAgent("refund_agent", { vendors: ["stripe", "resend"] });
    const use = async ({ agentId, environment }: TestAgent, name: string, args: object) => {
      const { tools } = new KeybrakeToolkit({ agentId, environment });
      const graph = createAgent({ model: scriptedModel([{ name, args: { ...args } }], "done"), tools });
      return toolMessages(await graph.invoke(ASK, run))[0];
    };
    expect(await use(poor, "stripe_create_payment_intent", CHARGE)).toMatchObject({ status: "error" });
    expect(await use(rich, "stripe_create_payment_intent", CHARGE)).toMatchObject({ status: "success" });
    const mail = { from: "crew@example.com", to: ["ada@example.com"], subject: "hello", text: "hello" };
    expect(await use(rich, "resend_send_email", mail)).toMatchObject({ status: "success" });
    expect((await rich.rows()).map(({ state }) => state)).toEqual(["settled", "settled"]);
  });

  it("reaches plain code as a CapBreach that says when, and LangChain's retries leave it alone", async () => {
    const agent = await createTestAgent("billing_agent", POOR);
    const client = createVendorClient(agent);
    const parameters = CHARGE;
    const error = await client
      .call({ endpoint: "payment_intents.create", parameters })
      .then(expectAnswer)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CapBreach);
    expect(error).toMatchObject({ code: "daily_cap_exceeded", retryAt: expect.any(Date) });
    let executions = 0;
    const failing = tool(
      async () => {
        executions += 1;
        throw error;
      },
      { name: "failing", description: "fails", schema: z.object({}) },
    );
    const model = scriptedModel([{ name: "failing", args: {} }], "done");
    await createAgent({ model, tools: [failing], middleware: [retries()] }).invoke(ASK);
    expect(executions).toBe(1);
  });

  it("is recognized in what the SDKs throw, also inside other errors, and told from other errors", async () => {
    const agent = await createTestAgent("billing_agent", POOR);
    const stripe = stripeClient({ ...agent });
    const error = await stripe.paymentIntents.create(CHARGE).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ type: "StripeRateLimitError", code: "daily_cap_exceeded" });
    expect([isCapBreach(error), isRefusal(error)]).toEqual([true, true]);
    expect(isCapBreach(new Error("tool failed", { cause: error }))).toBe(true);
    for (const other of [new Error("daily_cap_exceeded"), null, "cap", { status: 429, message: "slow down" }])
      expect(isCapBreach(other)).toBe(false);
  });
});

describe.concurrent("other refusals", () => {
  it("what the key may not do is refused once, and the key goes on", async () => {
    const agent = await createTestAgent("billing_agent", {
      policy: { allowed_endpoints: ["POST /v1/payment_intents"] },
    });
    const client = createVendorClient(agent);
    const refund = await client.call({ endpoint: "refunds.create", parameters: { charge: "ch_1" } });
    expect(refund).toMatchObject({ kind: "refused", refusal: { code: "endpoint_not_allowed" } });
    const parameters = { amount: 1_000, currency: "usd" };
    const charge = await client.call({ endpoint: "payment_intents.create", parameters });
    expect(charge.kind).toBe("answered");
  });

  it("a revoked key is answered without the network from then on", async () => {
    const agent = await createTestAgent("billing_agent");
    await admin().agents.revoke(agent.agentId);
    const call = () => createVendorClient(agent).call({ endpoint: "customers.list" });
    expect(await call()).toMatchObject({
      kind: "refused",
      refusal: { code: "vault_key_revoked", retryAt: null },
    });
    expect(await call()).toMatchObject({ kind: "refused", refusal: { code: "vault_key_revoked" } });
    expect(await agent.rows()).toHaveLength(1);
  });

  it("a short rate limit is waited for, and the same request goes out again under the same key", async () => {
    const agent = await createTestAgent("billing_agent");
    const sent: (string | null)[] = [];
    const client = createVendorClient({
      ...agent,
      fetch: async (url, init) => {
        sent.push(new Headers(init?.headers).get("idempotency-key"));
        return sent.length === 1 ? contractAnswer("rate_limited", { "retry-after": "0" }) : fetch(url, init);
      },
    });
    const parameters = { amount: 1_000, currency: "usd" };
    const outcome = await client.call({ endpoint: "payment_intents.create", parameters });
    expect(outcome.kind).toBe("answered");
    expect(sent).toEqual([expect.any(String), sent[0]]);
  });

  it("a rate limit longer than the bound is told to the model, with its instant", async () => {
    const agent = await createTestAgent("billing_agent", { policy: { requests_per_minute: 1 } });
    const [tool] = createAgentTools({ ...agent, tools: ["stripe_list_customers"], rateLimitWaitMsMax: 0 });
    await tool?.execute({});
    const answer = await tool?.execute({});
    expect(JSON.parse(answer?.content ?? "")).toMatchObject({ error: "rate_limited", retry: true });
    expect(Date.parse(answer?.artifact.retry_at ?? "")).toBeGreaterThan(Date.now());
  });
});

it("keybrakeFetch answers from memory with the seconds that are left", async () => {
  const agent = await createTestAgent("billing_agent", POOR);
  process.env["STRIPE_BASE_URL"] = agent.environment["STRIPE_BASE_URL"];
  const variable = Object.keys(agent.environment).find((name) => name.endsWith("_VAULT_KEY")) ?? "";
  process.env[variable] = agent.environment[variable];
  const charge = () =>
    keybrakeFetch("https://api.stripe.com/v1/payment_intents", {
      method: "POST",
      body: new URLSearchParams({ amount: "3000", currency: "usd" }),
    });
  const answers = await withAgent(agent, async () => [await charge(), await charge()]);
  for (const answer of answers) {
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeLessThanOrEqual(86_400);
    expect(await answer.json()).toMatchObject({ error: { code: "daily_cap_exceeded" } });
  }
  expect(await agent.rows()).toHaveLength(1);
});
