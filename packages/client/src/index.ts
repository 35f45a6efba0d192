export { type AdminClient, type AdminClientOptions, createAdminClient, eachItem } from "./admin-client.ts";
export { type AgentClient, type AgentClientOptions, createAgentClient } from "./agent-client.ts";
export * from "./agent-environment.ts";
export { KeybrakeApiError, KeybrakeConnectionError } from "./api-error.ts";
export type * from "./contract.ts";
export { type FieldProblem, PROBLEMS, type ProblemCode } from "./problem.ts";
export * from "./refusal.ts";
export { readVendorBaseUrl, type VendorBaseUrl } from "./vendor-base-url.ts";
