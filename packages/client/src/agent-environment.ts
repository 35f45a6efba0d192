import type { VendorName } from "@keybrake/core";

/** The variables that every agent of a process shares; its keys have names of their own. */
export const AGENT_VARIABLES = {
  crewRunId: "CREW_RUN_ID",
  agentId: "KEYBRAKE_AGENT_ID",
  twilioAccount: "TWILIO_ACCOUNT_SID",
} as const;

/** Where SDKs, ours or with our preload, look for a vendor's address. All of them start with the data plane's own. */
export const BASE_URL_VARIABLES = {
  stripe: ["STRIPE_BASE_URL"],
  twilio: ["TWILIO_BASE_URL"],
  resend: ["RESEND_BASE_URL", "RESEND_API_URL"],
} as const satisfies Record<VendorName, readonly string[]>;

/** The headers by which a request says whose it is, and an answer which audit row it has. */
export const AGENT_HEADERS = {
  crewRunId: "Keybrake-Run-Id",
  agentId: "Keybrake-Agent-Id",
  callId: "Keybrake-Call-Id",
} as const;

/** The form of an agent's id, as the admin API takes it. */
export const AGENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

type Environment = Readonly<Record<string, string | undefined>>;

const VENDORS = Object.keys(BASE_URL_VARIABLES) as readonly VendorName[];

/** An agent, and the vendors that it has a key for; none for an agent that gets no key. */
export interface AgentVendors {
  readonly agentId: string;
  readonly vendors: readonly VendorName[];
}

/** The variable that holds one vault key. */
export interface VaultKeyVariable {
  readonly agentId: string;
  readonly vendor: VendorName;
  readonly variable: string;
}

/** Two names would be one: with a variable set for `owner`, `agentId` would act as somebody else. */
export interface VariableCollision {
  readonly variable: string;
  readonly owner: string;
  readonly agentId: string;
}

/**
 * Makes an agent's id of a role as people write it ("Billing Agent" is `billing_agent`); null when nothing of it can
 * stand in an id, or when there is too much: then the agent needs an id of its own.
 */
export function agentIdFromRole(role: string): string | null {
  const slug = role
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_|_$/g, "");
  return AGENT_ID.test(slug) ? slug : null;
}

/**
 * Names the variable of an agent's vault key: `BILLING_VAULT_KEY`, or with a vendor `BILLING_STRIPE_VAULT_KEY`. An
 * `_agent` at the id's end is dropped. Throws a RangeError for what is no agent's id.
 */
export function vaultKeyVariable(agentId: string, vendor?: VendorName): string {
  if (!AGENT_ID.test(agentId)) throw new RangeError(`\`${agentId}\` is no agent id`);
  const name = agentId
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/(?<=.)_AGENT$/, "")
    .replace(/^(?=[0-9])/, "_");
  return vendor === undefined ? `${name}_VAULT_KEY` : `${name}_${vendor.toUpperCase()}_VAULT_KEY`;
}

/** Where an agent looks for its key of a vendor: the vendor's own variable, then the short one. */
export function vaultKeyVariables(agentId: string, vendor: VendorName): readonly [string, string] {
  return [vaultKeyVariable(agentId, vendor), vaultKeyVariable(agentId)];
}

/** An agent's vault key for a vendor by these rules; undefined when there is none. */
export function findVaultKey(
  environment: Environment,
  agentId: string,
  vendor: VendorName,
): string | undefined {
  for (const variable of vaultKeyVariables(agentId, vendor)) {
    const value = environment[variable]?.trim();
    if (value) return value;
  }
  return undefined;
}

/** Gives each key its variable: the short name when the agent has one vendor, the long one when it has several. */
export function assignVaultKeyVariables(agents: readonly AgentVendors[]): readonly VaultKeyVariable[] {
  return agents.flatMap(({ agentId, vendors }) =>
    vendors.map((vendor) => ({
      agentId,
      vendor,
      variable: vendors.length === 1 ? vaultKeyVariable(agentId) : vaultKeyVariable(agentId, vendor),
    })),
  );
}

/**
 * Every variable under which an agent would find another's key. Name all agents of the process, also those without a
 * key: they look for one, too. Nothing may be issued unless the answer is empty.
 */
export function findVariableCollisions(agents: readonly AgentVendors[]): readonly VariableCollision[] {
  const readers = new Map<string, Set<string>>();
  for (const { agentId } of agents) {
    for (const variable of VENDORS.flatMap((vendor) => vaultKeyVariables(agentId, vendor)))
      readers.set(variable, (readers.get(variable) ?? new Set()).add(agentId));
  }
  return assignVaultKeyVariables(agents).flatMap(({ agentId: owner, variable }) =>
    [...(readers.get(variable) ?? [])]
      .filter((agentId) => agentId !== owner)
      .map((agentId) => ({ variable, owner, agentId })),
  );
}
