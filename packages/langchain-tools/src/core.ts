/**
 * The part that knows no framework: an agent's client of the vendors' APIs, and tools made of it. For Mastra, the OpenAI
 * Agents SDK, or a loop of your own.
 */
export { type AgentIdentity, type Environment, withAgent } from "./agent-scope.ts";
export type { AgentSettings, VaultKeySource } from "./agent-settings.ts";
export { AgentSetupError } from "./agent-setup-error.ts";
export {
  type AgentTool,
  type AgentToolsOptions,
  createAgentTools,
  createEndpointTool,
  type EndpointToolOptions,
  type JsonSchema,
  TOOL_NAMES,
  type ToolContext,
} from "./agent-tool.ts";
export type { CallOutcome } from "./call-outcome.ts";
export { CallFailure, CapBreach, expectAnswer, isCapBreach, isRefusal } from "./cap-breach.ts";
export { createKeybrakeFetch, keybrakeFetch } from "./keybrake-fetch.ts";
export type { Parameters } from "./request-encoding.ts";
export type { ErrorName, ToolAnswer, ToolArtifact } from "./tool-answer.ts";
export {
  createVendorClient,
  type VendorCall,
  type VendorClient,
  type VendorClientOptions,
} from "./vendor-client.ts";
export { findVendorEndpoint, type VendorEndpoint } from "./vendor-endpoint.ts";
