import { readClassicAgents } from "./classic-crew.ts";
import { readJsonAgents } from "./json-crew.ts";
import { readProject } from "./project.ts";

/** An agent as the crew's own files name it. */
export interface CrewAgent {
  /** The name in `agents.yaml`, or of the agent's file, in the form of an id; null when nothing of it can be one. */
  readonly agentId: string | null;
  readonly name: string;
  /** Without the spaces and line ends around it. */
  readonly role: string | null;
  /** Where it is defined, relative to the project. */
  readonly file: string;
}

/** A CrewAI project. */
export interface Crew {
  readonly layout: "classic" | "json";
  readonly agents: readonly CrewAgent[];
}

/**
 * Finds the crew of a CrewAI project: `config/agents.yaml` below `src/<package>/`, or `crew.jsonc` with its
 * `agents/*.jsonc`. Null when there is none, as in a program of another framework or a crew written in Python alone.
 * Throws a CrewError (`crew_unreadable`) that lists every file that cannot be understood.
 */
export function readCrew(directory: string): Crew | null {
  const json = readJsonAgents(directory, readProject(directory));
  if (json !== null) return { layout: "json", agents: json };
  const classic = readClassicAgents(directory);
  return classic === null ? null : { layout: "classic", agents: classic };
}
