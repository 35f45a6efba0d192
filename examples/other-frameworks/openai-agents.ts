import { type AgentToolsOptions, createAgentTools } from "@keybrake/langchain-tools/core";
import { tool } from "@openai/agents";

/** What a run is given as its context: `run(agent, input, { context: { crewRunId } })`. */
export interface CrewContext {
  readonly crewRunId?: string;
}

/**
 * One agent's tools for the OpenAI Agents SDK:
 * `new Agent({ …, tools: openAiTools({ agentId: "billing_agent", vendors: ["stripe"] }) })`.
 */
export function openAiTools(options: AgentToolsOptions) {
  return createAgentTools(options).map(({ name, description, jsonSchema, execute }) =>
    tool({
      name,
      description,
      // Optional arguments are left out; strict schemas would want a null for each.
      strict: false,
      parameters: { ...jsonSchema, additionalProperties: true },
      execute: async (args, run, details) => {
        const { crewRunId } = (run?.context ?? {}) as CrewContext;
        // The model reads the content, also of a refusal: nothing is thrown, so nothing is retried.
        const { content } = await execute(args, {
          toolCallId: details?.toolCall?.callId,
          crewRunId,
          signal: details?.signal,
        });
        return content;
      },
    }),
  );
}
