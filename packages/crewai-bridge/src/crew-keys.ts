import { type AdminClient, AGENT_VARIABLES, eachItem } from "@keybrake/client";
import { type CrewAgents, type PlannedAgent, type PlannedKey, parseAgents } from "@keybrake/client/manifest";
import { CrewError } from "./crew-error.ts";
import { describeUnrevoked, type IssuedKey } from "./issued-key.ts";
import { revokeRun } from "./revocation.ts";
import { readCrewRunId } from "./run-id.ts";
import { nameKeys, sharedVariables } from "./run-variables.ts";

/** What a key lasts when its policy does not say: longer than a crew runs, shorter than a day of misuse. */
const EXPIRES_IN_DEFAULT = "12h";

/** What is needed to issue a crew's keys. */
export interface CrewKeysOptions {
  readonly admin: AdminClient;
  /** Where the crew's programs reach the data plane, such as `http://127.0.0.1:8787`. */
  readonly dataUrl: string;
  /** Who gets which keys: the `agents` of a manifest, as it is written or as it was read. */
  readonly agents: CrewAgents | readonly PlannedAgent[];
  /** A new one when it is left out. */
  readonly crewRunId?: string | undefined;
  /** Agents of the same program that get no key: they must not find another's. */
  readonly otherAgents?: readonly string[];
}

/** The keys of one run, and the environment in which its programs find them. */
export interface CrewKeys {
  readonly crewRunId: string;
  readonly keys: readonly IssuedKey[];
  /** Base URLs, the run's id and every key by its variable; nothing of it opens anything but the proxy. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Issues one vault key per agent and vendor, labelled with the agent and the run. Before the first is issued it throws
 * when the agents are not as they should be (ManifestError) or their variables collide (CrewError). When a key cannot be
 * issued, those before it are revoked. Whoever calls this owes a `revokeRun`; `withCrewRun` does both.
 */
export async function issueCrewKeys(options: CrewKeysOptions): Promise<CrewKeys> {
  const { admin, dataUrl, otherAgents = [] } = options;
  const planned = isPlanned(options.agents) ? options.agents : parseAgents(options.agents);
  const crewRunId = readCrewRunId(options.crewRunId);
  const variables = nameKeys(planned, otherAgents);
  const shared = sharedVariables(dataUrl, crewRunId);
  const account = await readTwilioAccount(admin, planned);
  const keys: IssuedKey[] = [];
  try {
    for (const [key, variable] of variables) keys.push(await issueKey(admin, key, variable, crewRunId));
  } catch (error) {
    // Also what was issued without our learning of it, because its answer was lost.
    const { unrevoked } = await revokeRun({ admin, crewRunId, keys, reason: "the run could not start" });
    if (unrevoked.length === 0) throw error;
    throw new CrewError("keys_not_revoked", unrevoked.map(describeUnrevoked), error);
  }
  return {
    crewRunId,
    keys,
    environment: {
      ...shared,
      ...(account === null ? {} : { [AGENT_VARIABLES.twilioAccount]: account }),
      ...Object.fromEntries(keys.map(({ variable, vaultKey }) => [variable, vaultKey])),
    },
  };
}

function isPlanned(agents: CrewKeysOptions["agents"]): agents is readonly PlannedAgent[] {
  return Array.isArray(agents);
}

async function issueKey(
  admin: AdminClient,
  key: PlannedKey,
  variable: string,
  crewRunId: string,
): Promise<IssuedKey> {
  const { agentId, secret } = key;
  const isEnding = key.policy.expires_in !== undefined || key.policy.expires_at !== undefined;
  const policy = isEnding ? key.policy : { ...key.policy, expires_in: EXPIRES_IN_DEFAULT };
  const created = await admin.vaultKeys.create({ agent_id: agentId, secret, policy, crew_run_id: crewRunId });
  return {
    ...key,
    policy,
    variable,
    id: created.id,
    vaultKey: created.vault_key,
    createdAt: new Date(created.created_at),
    expiresAt: created.expires_at === null ? null : new Date(created.expires_at),
  };
}

/**
 * The Twilio account behind the run's secrets: its id is no secret, and the SDK wants it beside the key. Null when it is
 * not known, or when there are several and one variable cannot name them.
 */
async function readTwilioAccount(
  admin: AdminClient,
  planned: readonly PlannedAgent[],
): Promise<string | null> {
  const keys = planned.flatMap((agent) => agent.keys).filter(({ vendor }) => vendor === "twilio");
  if (keys.length === 0) return null;
  const accounts = new Set<string | null>();
  for await (const secret of eachItem(admin.secrets.list, { limit: 1_000 }))
    if (keys.some((key) => key.secret === secret.name)) accounts.add(secret.account_id);
  const [account] = accounts;
  return accounts.size === 1 ? (account ?? null) : null;
}
