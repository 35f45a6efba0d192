import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { nameAgent } from "./agent-name.ts";
import type { CrewAgent } from "./crew.ts";
import { CrewError } from "./crew-error.ts";
import { isRecord, understandFile } from "./project-file.ts";

/** `src/<package>/crews/<crew>/config/` is the deepest that CrewAI itself makes. */
const DEPTH_MAX = 8;
const FOLDERS_MAX = 5_000;
const AGENTS_FILE = /^agents\.ya?ml$/;
const SKIPPED = new Set(["node_modules", "site-packages", "venv", "__pycache__"]);

/**
 * The agents of every `config/agents.yaml` below `src`, or below the project when `src` has none; null when there is no
 * such file. An agent that two crews of a flow share is one agent.
 */
export function readClassicAgents(directory: string): CrewAgent[] | null {
  const below = findAgentsFiles(path.join(directory, "src"));
  const files = below.length > 0 ? below : findAgentsFiles(directory);
  if (files.length === 0) return null;
  const agents = new Map<string, CrewAgent>();
  for (const file of files) {
    const name = path.relative(directory, file);
    const entries = understandFile(directory, file, parseAgents);
    for (const [agent, fields] of Object.entries(entries)) {
      if (!agents.has(agent))
        agents.set(agent, nameAgent(agent, isRecord(fields) ? fields["role"] : null, name));
    }
  }
  return [...agents.values()];
}

function parseAgents(text: string): Readonly<Record<string, unknown>> {
  const document: unknown = parse(text, { maxAliasCount: 100 });
  if (document === null) return {};
  if (!isRecord(document)) throw new SyntaxError("it does not name agents");
  return document;
}

/** Breadth first and in order of names, so that the same project always gives the same list. */
function findAgentsFiles(root: string): string[] {
  const found: string[] = [];
  let folders = existsSync(root) ? [root] : [];
  let seen = 0;
  for (let depth = 0; depth <= DEPTH_MAX && folders.length > 0; depth++) {
    seen += folders.length;
    if (seen > FOLDERS_MAX)
      throw new CrewError("crew_unreadable", [
        `\`${root}\` has more than ${FOLDERS_MAX} folders: start in the project's own`,
      ]);
    folders = folders.flatMap((folder) => {
      const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
      if (entries.some(({ name }) => name === "pyvenv.cfg")) return [];
      if (path.basename(folder) === "config")
        found.push(
          ...entries.filter((entry) => entry.isFile() && AGENTS_FILE.test(entry.name)).map(pathOf(folder)),
        );
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !SKIPPED.has(entry.name))
        .map(pathOf(folder));
    });
  }
  return found;
}

function pathOf(folder: string): (entry: { readonly name: string }) => string {
  return ({ name }) => path.join(folder, name);
}
