import { Agent as MastraAgent } from "@mastra/core/agent";
import { RequestContext } from "@mastra/core/request-context";
import { type Model, type ModelResponse, Agent as OpenAiAgent, Runner, Usage } from "@openai/agents";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openKeybrakeServer } from "../../../packages/langchain-tools/test/support/keybrake-server.ts";
import {
  createTestAgent,
  type TestAgent,
  unique,
  useServer,
} from "../../../packages/langchain-tools/test/support/stage.ts";
import { mastraTools } from "../mastra.ts";
import { openAiTools } from "../openai-agents.ts";

const CHARGE = { amount: 1_500, currency: "usd", payment_method: "pm_card_visa", confirm: true };
const TOOL = "stripe_create_payment_intent";

/** Runs an agent of Mastra whose model makes these calls, one a turn, and then says what it has read. */
async function runMastra(agent: TestAgent, crewRunId: string, calls: readonly object[]): Promise<string> {
  const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
  const turns = calls.map((args, index) => ({
    type: "tool-call" as const,
    toolCallId: `call_${crewRunId}_${index}`,
    toolName: TOOL,
    input: JSON.stringify(args),
  }));
  let turn = 0;
  let read = "";
  const model = {
    specificationVersion: "v2" as const,
    provider: "scripted",
    modelId: "scripted",
    supportedUrls: {},
    doGenerate: async ({ prompt }: { prompt: unknown }) => {
      read = JSON.stringify(prompt);
      const call = turns[turn++];
      return call === undefined
        ? {
            content: [{ type: "text" as const, text: "done" }],
            finishReason: "stop" as const,
            usage,
            warnings: [],
          }
        : { content: [call], finishReason: "tool-calls" as const, usage, warnings: [] };
    },
    doStream: async () => Promise.reject(new Error("not asked to stream")),
  };
  const requestContext = new RequestContext();
  requestContext.set("crew_run_id", crewRunId);
  const { agentId } = agent;
  const tools = mastraTools({ ...agent, vendors: ["stripe"] });
  const mastra = new MastraAgent({ id: agentId, name: agentId, instructions: "charge", model, tools });
  await mastra.generate("go", { requestContext });
  return read;
}

/** The same with the OpenAI Agents SDK. */
async function runOpenAi(agent: TestAgent, crewRunId: string, calls: readonly object[]): Promise<string> {
  let turn = 0;
  let read = "";
  const model: Model = {
    getResponse: async ({ input }): Promise<ModelResponse> => {
      read = JSON.stringify(input);
      const args = calls[turn++];
      const output: ModelResponse["output"] =
        args === undefined
          ? [
              {
                type: "message",
                role: "assistant",
                status: "completed",
                content: [{ type: "output_text", text: "done" }],
              },
            ]
          : [
              {
                type: "function_call",
                callId: `call_${crewRunId}_${turn}`,
                name: TOOL,
                arguments: JSON.stringify(args),
                status: "completed",
              },
            ];
      return { usage: new Usage(), output };
    },
    getStreamedResponse: () => {
      throw new Error("not asked to stream");
    },
  };
  const tools = openAiTools({ ...agent, vendors: ["stripe"] });
  const openAi = new OpenAiAgent({ name: agent.agentId, instructions: "charge", model, tools });
  await new Runner({ tracingDisabled: true }).run(openAi, "go", { context: { crewRunId } });
  return read;
}

let server: Awaited<ReturnType<typeof openKeybrakeServer>>;
beforeAll(async () => {
  server = await openKeybrakeServer();
  useServer(server.addresses);
}, 60_000);
afterAll(() => server.close());

describe.concurrent.each([
  ["Mastra", runMastra],
  ["the OpenAI Agents SDK", runOpenAi],
] as const)("%s", (_name, run) => {
  it("calls with the agent's own key, in the run", async () => {
    const agent = await createTestAgent("billing_agent");
    const crewRunId = unique("run");
    expect(await run(agent, crewRunId, [CHARGE])).toMatch(/pi_\w+/);
    expect(await agent.rows()).toMatchObject([
      { state: "settled", agent_id: agent.agentId, crew_run_id: crewRunId, claimed_agent_id: null },
    ]);
  });

  it("tells the model to stop at a cap, and makes one call", async () => {
    const agent = await createTestAgent("billing_agent", { policy: { daily_usd_cap: 10 } });
    const read = await run(agent, unique("run"), [CHARGE, { ...CHARGE, amount: 1_400 }]);
    expect(read).toMatch(/cap_exceeded.*daily_cap_exceeded.*retry_at/);
    expect(await agent.rows()).toMatchObject([{ denial_code: "daily_cap_exceeded" }]);
  });
});
