import { agentIdFromRole } from "@keybrake/client";
import type { Manifest, PlannedAgent } from "@keybrake/client/manifest";
import type { Crew } from "./crew.ts";
import { CrewError } from "./crew-error.ts";

/** Whose keys a run is to issue, and who gets none. */
export interface RunPlan {
  readonly agents: readonly PlannedAgent[];
  /** Agents of the crew without a key, by id. */
  readonly keyless: readonly string[];
  /** Names in the crew's files of which no id can be made. */
  readonly nameless: readonly string[];
}

/** The manager that CrewAI makes by itself for a hierarchical crew; it stands in no file. */
const OWN_MANAGER = agentIdFromRole("Crew Manager");

/**
 * Compares the manifest's agents with the crew's. Throws a CrewError that lists every agent that the crew does not have:
 * a misspelled name would leave the real agent without its key. Without a crew to compare with, all of them count.
 */
export function planRun({ agents: planned }: Manifest, crew: Crew | null, manifestName: string): RunPlan {
  const withKeys = planned.filter(({ keys }) => keys.length > 0);
  if (withKeys.length === 0)
    throw new CrewError("agents_unknown", [
      `\`${manifestName}\` gives no agent a key: add them under \`agents\``,
    ]);
  const ids = crew?.agents.flatMap(({ agentId }) => (agentId === null ? [] : [agentId])) ?? [];
  if (crew !== null) {
    const known = `the crew's agents are ${ids.map((id) => `\`${id}\``).join(", ") || "none"}`;
    const problems = planned
      .filter(({ agentId }) => !ids.includes(agentId) && agentId !== OWN_MANAGER)
      .map(
        ({ agentId }) => `\`${manifestName}\` names \`${agentId}\`, which the crew does not have: ${known}`,
      );
    if (problems.length > 0) throw new CrewError("agents_unknown", problems);
  }
  const everyone = new Set([...ids, ...planned.map(({ agentId }) => agentId)]);
  return {
    agents: withKeys,
    keyless: [...everyone].filter((id) => withKeys.every(({ agentId }) => agentId !== id)),
    nameless: crew?.agents.flatMap(({ agentId, name }) => (agentId === null ? [name] : [])) ?? [],
  };
}
