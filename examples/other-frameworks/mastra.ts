import { type AgentToolsOptions, createAgentTools } from "@keybrake/langchain-tools/core";
import { createTool } from "@mastra/core/tools";

/**
 * One agent's tools for Mastra: `new Agent({ …, tools: mastraTools({ agentId: "billing_agent", vendors: ["stripe"] }) })`.
 * The run is the request context's `crew_run_id`.
 */
export function mastraTools(options: AgentToolsOptions) {
  const tools = createAgentTools(options).map((tool) =>
    createTool({
      id: tool.name,
      description: tool.description,
      inputSchema: tool.schema,
      execute: async (args, { agent, requestContext, abortSignal }) => {
        const crewRunId: unknown = requestContext?.get("crew_run_id");
        // The model reads the content, also of a refusal: nothing is thrown, so nothing is retried.
        const { content } = await tool.execute(args, {
          toolCallId: agent?.toolCallId,
          crewRunId: typeof crewRunId === "string" ? crewRunId : undefined,
          signal: abortSignal,
        });
        return content;
      },
    }),
  );
  return Object.fromEntries(tools.map((tool) => [tool.id, tool]));
}
