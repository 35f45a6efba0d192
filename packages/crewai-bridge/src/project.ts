import { existsSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import { isRecord, understandFile } from "./project-file.ts";

/** What `pyproject.toml` says to CrewAI. */
export interface Project {
  /** The crew's definition, absolute; null when the crew is Python. */
  readonly crewDefinition: string | null;
  /** Whether CrewAI runs a definition, of a crew or of a flow, and so lets `.env` win over the environment. */
  readonly dotenvWins: boolean;
}

const CREW_FILES = ["crew.jsonc", "crew.json"];

/** Reads `[tool.crewai]`. Without a `definition` there, a `crew.jsonc` beside it is the crew unless Python is. */
export function readProject(directory: string): Project {
  const { type, definition } = readSettings(directory);
  if (definition !== null)
    return {
      crewDefinition: type === "crew" ? path.resolve(directory, definition) : null,
      dotenvWins: true,
    };
  const [file] = CREW_FILES.map((name) => path.join(directory, name)).filter((name) => existsSync(name));
  return { crewDefinition: file ?? null, dotenvWins: file !== undefined };
}

function readSettings(directory: string): { readonly type: unknown; readonly definition: string | null } {
  const file = path.join(directory, "pyproject.toml");
  if (!existsSync(file)) return { type: null, definition: null };
  const crewai = understandFile(directory, file, (text) => {
    const tool = parse(text)["tool"];
    return isRecord(tool) && isRecord(tool["crewai"]) ? tool["crewai"] : {};
  });
  const definition = crewai["definition"];
  return {
    type: crewai["type"],
    definition: typeof definition === "string" && definition.trim() !== "" ? definition.trim() : null,
  };
}
