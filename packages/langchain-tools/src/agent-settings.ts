import { AGENT_VARIABLES, findVaultKey, readVendorBaseUrl, vaultKeyVariables } from "@keybrake/client";
import { isVaultKey, type VendorName } from "@keybrake/core";
import type { AgentIdentity, Environment } from "./agent-scope.ts";
import { AgentSetupError } from "./agent-setup-error.ts";

/** Where an agent finds what it needs, and how long it waits. Everything has a default, and is read at each call. */
export interface AgentSettings {
  /** Where keys, addresses and the run are looked up; `process.env` when absent. */
  readonly environment?: Environment | undefined;
  /** The data plane's address by vendor, such as `http://127.0.0.1:8787/stripe`, instead of the variables. */
  readonly baseUrls?: { readonly [Name in VendorName]?: string } | undefined;
  /**
   * Gives an agent's vault key instead of the variables: for programs that serve several runs at once, each with keys
   * of its own. Keep keys in here: what stands in a graph's `configurable` or `metadata` ends up in traces.
   */
  readonly vaultKey?: VaultKeySource | undefined;
  /** Instead of `TWILIO_ACCOUNT_SID`. An identifier, no secret. */
  readonly twilioAccountSid?: string | undefined;
  /** Until an answer is complete; 90 s, a little more than the proxy waits for a vendor. */
  readonly timeoutMs?: number | undefined;
  /** How long one call may wait in all for short rate limits; 30 s. 0 = it is refused at once. */
  readonly rateLimitWaitMsMax?: number | undefined;
  /** Another `fetch`, such as one with its own connection pool. */
  readonly fetch?: typeof fetch | undefined;
}

/** Finds an agent's key for a vendor; undefined when it has none. */
export type VaultKeySource = (
  identity: AgentIdentity,
  vendor: VendorName,
) => string | undefined | Promise<string | undefined>;

const TIMEOUT_MS = 90_000;
// A minute's limit says up to 60 s: half of them are worth the wait, and no tool call should seem to hang.
const RATE_LIMIT_WAIT_MS_MAX = 30_000;

/** The two bounds of a call's duration. */
export function waitsOf(settings: AgentSettings): { timeoutMs: number; rateLimitWaitMsMax: number } {
  return {
    timeoutMs: settings.timeoutMs ?? TIMEOUT_MS,
    rateLimitWaitMsMax: settings.rateLimitWaitMsMax ?? RATE_LIMIT_WAIT_MS_MAX,
  };
}

/** The variables that settings are read from. */
export function environmentOf(settings: AgentSettings): Environment {
  return settings.environment ?? process.env;
}

/** An agent's vault key; throws an `AgentSetupError` when there is none, or something that is no vault key. */
export async function findAgentKey(
  settings: AgentSettings,
  identity: AgentIdentity,
  vendor: VendorName,
): Promise<string> {
  const { agentId } = identity;
  const key =
    settings.vaultKey === undefined
      ? findVaultKey(environmentOf(settings), agentId, vendor)
      : await settings.vaultKey(identity, vendor);
  if (key === undefined || key === "") {
    const where =
      settings.vaultKey === undefined ? vaultKeyVariables(agentId, vendor).join(" or ") : "its `vaultKey`";
    throw new AgentSetupError(`\`${agentId}\` has no vault key for ${vendor}: set ${where}`);
  }
  if (!isVaultKey(key))
    throw new AgentSetupError(
      `what \`${agentId}\` has for ${vendor} is no vault key (\`vault_…\`), so nothing is sent: a real secret belongs into Keybrake, and a vault key must be whole`,
    );
  return key;
}

/** The address under which the proxy serves a vendor, without a slash at its end. */
export function findBaseUrl(settings: AgentSettings, vendor: VendorName): string {
  const given = settings.baseUrls?.[vendor];
  const environment =
    given === undefined ? environmentOf(settings) : { [`${vendor.toUpperCase()}_BASE_URL`]: given };
  const base = readBase(vendor, environment);
  if (base === null)
    throw new AgentSetupError(
      `${vendor.toUpperCase()}_BASE_URL is not set: set it to the proxy's address, such as \`http://127.0.0.1:8787/${vendor}\``,
    );
  return base.url;
}

function readBase(vendor: VendorName, environment: Environment) {
  try {
    return readVendorBaseUrl(vendor, environment);
  } catch (error) {
    throw new AgentSetupError(error instanceof Error ? error.message : String(error));
  }
}

/** The account that stands in Twilio's paths. */
export function findTwilioAccount(settings: AgentSettings): string {
  const sid = settings.twilioAccountSid ?? environmentOf(settings)[AGENT_VARIABLES.twilioAccount]?.trim();
  if (sid === undefined || !/^AC[0-9a-f]{32}$/.test(sid))
    throw new AgentSetupError(
      `set ${AGENT_VARIABLES.twilioAccount} to the account's SID (\`AC…\`): it stands in Twilio's paths and is no secret`,
    );
  return sid;
}
