import { existsSync } from "node:fs";
import path from "node:path";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { nameAgent } from "./agent-name.ts";
import type { CrewAgent } from "./crew.ts";
import { CrewError } from "./crew-error.ts";
import type { Project } from "./project.ts";
import { isRecord, understandFile } from "./project-file.ts";

const EXTENSIONS = [".jsonc", ".json"];

/** The agents of a crew that is written in JSON, the manager's included; null when the project has no such crew. */
export function readJsonAgents(directory: string, { crewDefinition }: Project): CrewAgent[] | null {
  if (crewDefinition === null) return null;
  const crew = understandFile(directory, crewDefinition, parseObject);
  const { agents, manager_agent: manager } = crew;
  const listed: unknown[] = Array.isArray(agents) ? agents : [];
  const names = [...listed, manager].filter((name) => typeof name === "string" && name !== "") as string[];
  const folder = path.join(path.dirname(crewDefinition), "agents");
  const problems: string[] = [];
  const found = [...new Set(names)].flatMap((name) => {
    const file = EXTENSIONS.map((extension) => path.join(folder, name + extension)).find(existsSync);
    if (file === undefined) {
      problems.push(`the crew's agent \`${name}\` has no file \`agents/${name}.jsonc\``);
      return [];
    }
    const { role } = understandFile(directory, file, parseObject);
    return [nameAgent(name, role, path.relative(directory, file))];
  });
  if (problems.length > 0) throw new CrewError("crew_unreadable", problems);
  return found;
}

/** JSON with comments and trailing commas, as CrewAI reads it. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split("\n").length;
    throw new SyntaxError(`${printParseErrorCode(error.error)} in line ${line}`);
  }
  if (!isRecord(value)) throw new SyntaxError("it holds no object");
  return value;
}
