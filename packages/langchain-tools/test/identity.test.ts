import { HumanMessage } from "@langchain/core/messages";
import type { RunnableConfig } from "@langchain/core/runnables";
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { createSupervisor } from "@langchain/langgraph-supervisor";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { KeybrakeToolkit, keybrakeMiddleware } from "../src/index.ts";
import { stripeClient } from "../src/stripe.ts";
import { scriptedModel } from "./support/scripted-model.ts";
import { createTestAgent, type TestAgent, unique } from "./support/stage.ts";

const CHARGE = { amount: 1_500, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const ASK = { messages: [new HumanMessage("charge 15 dollars")] };

/** An agent whose tools are the toolkit's. */
function toolkitParts({ agentId, environment }: TestAgent) {
  const { tools } = new KeybrakeToolkit({ agentId, environment, vendors: ["stripe"] });
  const llm = scriptedModel([{ name: "stripe_create_payment_intent", args: CHARGE }], "done");
  return { llm, tools, middleware: [] };
}

/** One whose own tool uses stripe-node; only the middleware says who it is. */
function ownToolParts({ agentId, environment }: TestAgent) {
  const stripe = stripeClient({ environment });
  const charge = tool(async (args) => JSON.stringify(await stripe.paymentIntents.create(args)), {
    name: "charge",
    description: "charges a card",
    schema: z.looseObject({ amount: z.int(), currency: z.string() }),
  });
  const llm = scriptedModel([{ name: "charge", args: CHARGE }], "done");
  return { llm, tools: [charge], middleware: [keybrakeMiddleware(agentId)] };
}

type Parts = ReturnType<typeof toolkitParts> | ReturnType<typeof ownToolParts>;

function agentOf({ agentId }: TestAgent, { llm, tools, middleware }: Parts) {
  return createAgent({ name: agentId, model: llm, tools, middleware });
}

/** A manager with a key of its own that calls the agent from inside of a tool. */
function callingManager(manager: TestAgent, agent: ReturnType<typeof agentOf>, passesConfig: boolean) {
  const delegate = tool(
    async (_args, config: RunnableConfig) => {
      const { messages } = await agent.invoke(ASK, passesConfig ? config : undefined);
      return messages.at(-1)?.text ?? "";
    },
    { name: "delegate", description: "asks billing", schema: z.object({}) },
  );
  return createAgent({
    name: manager.agentId,
    model: scriptedModel([{ name: "delegate", args: {} }], "done"),
    tools: [delegate],
    middleware: [keybrakeMiddleware(manager.agentId)],
  });
}

/** Runs one pattern and tells under whom the audit log has its charge. */
async function bookedAs(run: (agent: TestAgent, runId: string) => Promise<unknown>) {
  const agent = await createTestAgent("billing_agent");
  const runId = unique("run");
  await run(agent, runId);
  const rows = await agent.rows();
  return { rows, agent, runId };
}

const KINDS = [
  ["toolkit", toolkitParts],
  ["own tool with middleware", ownToolParts],
] as const;

describe.concurrent.each(KINDS)("who called, by the audit log, with the %s", (_kind, partsOf) => {
  const PATTERNS: Readonly<Record<string, (agent: TestAgent, runId: string) => Promise<unknown>>> = {
    createAgent: (agent, runId) =>
      agentOf(agent, partsOf(agent)).invoke(ASK, { configurable: { crew_run_id: runId } }),
    "createSupervisor over createAgent().graph": (agent, runId) => {
      const supervisor = createSupervisor({
        agents: [agentOf(agent, partsOf(agent)).graph],
        llm: scriptedModel([{ name: `transfer_to_${agent.agentId}`, args: {} }], "done"),
      });
      return supervisor.compile().invoke(ASK, { configurable: { crew_run_id: runId } });
    },
    "a sub-agent in a tool, config passed on": async (agent, runId) => {
      const manager = await createTestAgent("manager");
      const graph = callingManager(manager, agentOf(agent, partsOf(agent)), true);
      await graph.invoke(ASK, { configurable: { crew_run_id: runId } });
      expect(await manager.rows()).toEqual([]);
    },
    "a sub-agent in a tool, without config": async (agent, runId) => {
      const manager = await createTestAgent("manager");
      const graph = callingManager(manager, agentOf(agent, partsOf(agent)), false);
      await graph.invoke(ASK, { configurable: { crew_run_id: runId } });
      expect(await manager.rows()).toEqual([]);
    },
  };

  it.each(Object.keys(PATTERNS))("%s", async (name) => {
    const { rows, agent, runId } = await bookedAs(PATTERNS[name] ?? (async () => {}));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      state: "settled",
      agent_id: agent.agentId,
      crew_run_id: runId,
      claimed_agent_id: null,
      claimed_crew_run_id: null,
      cost_usd: "15.00",
    });
  });
});

describe.concurrent("who called, by the audit log, with the toolkit", () => {
  it("createSupervisor over createReactAgent, which has no middleware", async () => {
    const agent = await createTestAgent("billing_agent");
    const { llm, tools } = toolkitParts(agent);
    const supervisor = createSupervisor({
      agents: [createReactAgent({ name: agent.agentId, llm, tools })],
      llm: scriptedModel([{ name: `transfer_to_${agent.agentId}`, args: {} }], "done"),
    });
    const runId = unique("run");
    await supervisor.compile().invoke(ASK, { configurable: { crew_run_id: runId } });
    const rows = await agent.rows();
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ state: "settled", crew_run_id: runId, claimed_agent_id: null });
  });
});
