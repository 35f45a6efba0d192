import { BaseToolkit, type StructuredToolInterface } from "@langchain/core/tools";
import {
  type AgentToolsOptions,
  createAgentTools,
  createEndpointTool,
  type EndpointToolOptions,
} from "./agent-tool.ts";
import { toStructuredTool } from "./structured-tool.ts";

/**
 * One agent's tools for the common calls of Stripe, Twilio and Resend, each made with that agent's vault key, whatever
 * graph, supervisor or other tool the agent runs in.
 */
export class KeybrakeToolkit extends BaseToolkit {
  readonly tools: StructuredToolInterface[];

  constructor(options: AgentToolsOptions) {
    super();
    this.tools = createAgentTools(options).map(toStructuredTool);
  }
}

/**
 * One agent's tool for any other endpoint: `keybrakeTool("subscriptions.cancel", { agentId: "billing_agent" })`, or
 * `keybrakeTool("POST /v1/quotes/{quote}/accept", …)`. Throws a RangeError for an endpoint that the catalogue does not
 * know or that no vault key can call.
 */
export function keybrakeTool(endpoint: string, options: EndpointToolOptions): StructuredToolInterface {
  return toStructuredTool(createEndpointTool(endpoint, options));
}
