import { AGENT_ID, agentIdFromRole } from "@keybrake/client";
import type { CrewAgent } from "./crew.ts";

/** An agent by the name that the crew's files give it: the name is its id, or as much of it as can be one. */
export function nameAgent(name: string, role: unknown, file: string): CrewAgent {
  return {
    agentId: AGENT_ID.test(name) ? name : agentIdFromRole(name),
    name,
    role: typeof role === "string" && role.trim() !== "" ? role.trim() : null,
    file,
  };
}
