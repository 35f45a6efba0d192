import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { HumanMessage } from "@langchain/core/messages";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";
import {
  AgentSetupError,
  createVendorClient,
  KeybrakeToolkit,
  keybrakeMiddleware,
  type VendorClientOptions,
  withAgent,
} from "../src/index.ts";
import { scriptedModel } from "./support/scripted-model.ts";
import { createTestAgent, type TestAgent, unique } from "./support/stage.ts";

const REAL_SECRET = "sk_live_51QabcdefghijklmnopqrstuvwxyzABCDEFGH";

async function failureOf(options: VendorClientOptions): Promise<Error> {
  const sent: unknown[] = [];
  const send: typeof fetch = async (url) => {
    sent.push(url);
    throw new Error("sent");
  };
  const call = createVendorClient({ fetch: send, ...options }).call({ endpoint: "customers.list" });
  const error = await call.then(() => null).catch((reason: unknown) => reason);
  expect(sent).toEqual([]);
  expect(error).toBeInstanceOf(AgentSetupError);
  return error as Error;
}

describe("what is set up wrongly sends nothing, and is said without showing a value", () => {
  const agentId = "billing_agent";
  const STRIPE_BASE_URL = "http://127.0.0.1:8787/stripe";

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ["no key", { STRIPE_BASE_URL }, /set BILLING_STRIPE_VAULT_KEY or BILLING_VAULT_KEY/],
    ["a real secret", { STRIPE_BASE_URL, BILLING_VAULT_KEY: REAL_SECRET }, /is no vault key/],
    [
      "another vendor's key",
      { STRIPE_BASE_URL, BILLING_TWILIO_VAULT_KEY: "vault_billing_x" },
      /has no vault key for stripe/,
    ],
  ])("%s", async (_name, environment, problem) => {
    const { message } = await failureOf({ agentId, environment });
    expect(message).toMatch(problem);
    expect(message).not.toContain("sk_live");
  });

  it.each<[string, (agent: TestAgent) => VendorClientOptions, RegExp]>([
    [
      "a key with a typing error",
      (agent) => ({ ...agent, vaultKey: () => `${agent.vaultKeys.stripe}x` }),
      /must be whole/,
    ],
    [
      "no address",
      (agent) => ({ ...agent, environment: without(agent, "STRIPE_BASE_URL") }),
      /STRIPE_BASE_URL is not set/,
    ],
    [
      "Stripe's own address",
      (agent) => ({ ...agent, baseUrls: { stripe: "https://api.stripe.com" } }),
      /names the vendor itself/,
    ],
    [
      "an address with a password",
      (agent) => ({ ...agent, baseUrls: { stripe: "http://a:b@127.0.0.1" } }),
      /must not have a user/,
    ],
  ])("%s", async (_name, optionsOf, problem) => {
    const { message } = await failureOf(optionsOf(await createTestAgent("billing_agent")));
    expect(message).toMatch(problem);
    expect(message).not.toMatch(/vault_billing|a:b/);
  });

  it("a run that no header can carry", () => {
    expect(() => withAgent({ agentId, crewRunId: "run-é" }, () => {})).toThrow(/ASCII/);
    expect(() => keybrakeMiddleware("billing agent")).toThrow(/no agent id/);
  });
});

function without({ environment }: TestAgent, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(environment).filter(([key]) => key !== name));
}

/** Writes down everything that LangChain tells its tracers. */
class Tracer extends BaseCallbackHandler {
  override readonly name = "tracer";
  readonly seen: string[] = [];

  constructor() {
    super();
    for (const event of [
      "ChainStart",
      "ChainEnd",
      "ChatModelStart",
      "LLMEnd",
      "ToolStart",
      "ToolEnd",
      "ToolError",
    ]) {
      Object.assign(this, {
        [`handle${event}`]: (...told: unknown[]) => void this.seen.push(`${event} ${JSON.stringify(told)}`),
      });
    }
  }
}

describe("a vault key", () => {
  it("is in nothing that a tracer is told, and the run is", async () => {
    const agent = await createTestAgent("billing_agent");
    const tracer = new Tracer();
    const crewRunId = unique("run");
    const { tools } = new KeybrakeToolkit({ ...agent, vaultKey: () => agent.vaultKeys.stripe });
    const model = scriptedModel(
      [
        { name: "stripe_list_customers", args: {} },
        { name: "stripe_retrieve_customer", args: { customer: "cus_none" } },
      ],
      "done",
    );
    const run = { crew_run_id: crewRunId };
    const config = { configurable: run, metadata: run, callbacks: [tracer] };
    const graph = createAgent({ model, tools, middleware: [keybrakeMiddleware(agent.agentId)] });
    await graph.invoke({ messages: [new HumanMessage("go")] }, config);
    const told = tracer.seen.join("\n");
    // Not the text itself, which is long.
    const mentions = ["ToolEnd", crewRunId, "vault_billing"].filter((word) => told.includes(word));
    expect(mentions).toEqual(["ToolEnd", crewRunId]);
  });

  it("may be found by a function, per run, so that one process serves several runs at once", async () => {
    const runs = await Promise.all(["a", "b"].map((name) => createTestAgent(name)));
    const keys = new Map(runs.map(({ agentId, vaultKeys }) => [`run-${agentId}`, vaultKeys.stripe]));
    const [first] = runs;
    const client = createVendorClient({
      agentId: "billing_agent",
      environment: first?.environment,
      vaultKey: ({ crewRunId = "" }) => keys.get(crewRunId),
    });
    await Promise.all(
      [...keys.keys()].map((crewRunId) => client.call({ endpoint: "customers.list", crewRunId })),
    );
    for (const { agentId, rows } of runs)
      expect(await rows()).toMatchObject([
        { crew_run_id: `run-${agentId}`, claimed_agent_id: "billing_agent" },
      ]);
  });
});
