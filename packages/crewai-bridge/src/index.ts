export type { AgentKey, CrewAgents, PlannedAgent, PlannedKey } from "@keybrake/client/manifest";
export { type Crew, type CrewAgent, readCrew } from "./crew.ts";
export { CrewError, type CrewErrorCode } from "./crew-error.ts";
export { type CrewKeys, type CrewKeysOptions, issueCrewKeys } from "./crew-keys.ts";
export { type CrewRun, withCrewRun } from "./crew-run.ts";
export type { IssuedKey } from "./issued-key.ts";
export { type RevokeRunOptions, type RunRevocation, revokeRun } from "./revocation.ts";
export type { KeySpend } from "./spend.ts";
