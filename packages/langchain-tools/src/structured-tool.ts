import { ToolMessage } from "@langchain/core/messages";
import { type StructuredToolInterface, type ToolRunnableConfig, tool } from "@langchain/core/tools";
import type { AgentTool } from "./agent-tool.ts";
import { crewRunIdOf } from "./langchain-run.ts";

/**
 * Makes a LangChain tool. What goes wrong comes back as a `ToolMessage` with status `error`, and is not thrown: then no
 * retry middleware repeats it, and the model reads what to do instead of "please fix your mistakes".
 */
export function toStructuredTool(agentTool: AgentTool): StructuredToolInterface {
  const { name, description, schema } = agentTool;
  return tool(
    async (args: unknown, config: ToolRunnableConfig) => {
      const toolCallId = config.toolCall?.id;
      const { isError, content, artifact } = await agentTool.execute(args, {
        crewRunId: crewRunIdOf(config),
        toolCallId,
        signal: config.signal,
      });
      if (!isError || toolCallId === undefined) return [content, artifact];
      const message = new ToolMessage({ status: "error", content, artifact, name, tool_call_id: toolCallId });
      return [message, artifact];
    },
    { name, description, schema, responseFormat: "content_and_artifact" },
  );
}
