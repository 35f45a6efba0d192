import {
  AGENT_VARIABLES,
  assignVaultKeyVariables,
  BASE_URL_VARIABLES,
  findVariableCollisions,
  PLACEHOLDER_KEY,
  PLACEHOLDER_VARIABLES,
} from "@keybrake/client";
import type { PlannedAgent, PlannedKey } from "@keybrake/client/manifest";
import { CrewError } from "./crew-error.ts";

/**
 * The variable of each key of a run. Throws a CrewError when an agent would find another's key: `otherAgents` are those
 * of the same program that get none.
 */
export function nameKeys(
  planned: readonly PlannedAgent[],
  otherAgents: readonly string[],
): ReadonlyMap<PlannedKey, string> {
  const agents = planned.map(({ agentId, keys }) => ({ agentId, vendors: keys.map(({ vendor }) => vendor) }));
  const others = otherAgents.filter((id) => planned.every(({ agentId }) => agentId !== id));
  const everyone = [...agents, ...others.map((agentId) => ({ agentId, vendors: [] }))];
  const problems = findVariableCollisions(everyone).map(
    ({ variable, owner, agentId }) =>
      `\`${agentId}\` would find the key of \`${owner}\` in \`${variable}\`: rename one of them`,
  );
  if (problems.length > 0) throw new CrewError("variables_collide", problems);
  const variables = assignVaultKeyVariables(agents);
  const keys = planned.flatMap((agent) => agent.keys);
  return new Map(keys.map((key, index) => [key, variables[index]?.variable ?? ""]));
}

/** What all agents of a run share: its id, where the vendors' calls go, and what stands in place of a shared key. */
export function sharedVariables(dataUrl: string, crewRunId: string): Readonly<Record<string, string>> {
  const base = readDataUrl(dataUrl);
  const addresses = Object.entries(BASE_URL_VARIABLES).flatMap(([vendor, names]) =>
    names.map((name) => [name, `${base}/${vendor}`]),
  );
  return {
    [AGENT_VARIABLES.crewRunId]: crewRunId,
    ...Object.fromEntries(addresses),
    ...Object.fromEntries(PLACEHOLDER_VARIABLES.map((name) => [name, PLACEHOLDER_KEY])),
  };
}

/** The address without a slash at its end. The message does not repeat it: it may hold a password. */
function readDataUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url !== null && isHttp && url.username === "" && url.password === "" && !/[?#]/.test(text))
    return url.href.replace(/\/+$/, "");
  throw new CrewError("data_url_invalid", [
    "the data plane's address must be a URL such as `http://127.0.0.1:8787`, without a user, a password or a query",
  ]);
}
