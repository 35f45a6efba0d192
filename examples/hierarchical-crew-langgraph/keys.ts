import { assignVaultKeyVariables } from "@keybrake/client";
import type { Keybrake } from "./proxy.ts";

type Policy = Parameters<Keybrake["admin"]["vaultKeys"]["create"]>[0]["policy"];

/** What each agent may do in one run. Everything else is refused by the proxy, whatever the agent's model wants. */
const POLICIES: Readonly<Record<string, readonly Policy[]>> = {
  billing_agent: [
    {
      vendor: "stripe",
      daily_usd_cap: 100,
      allowed_endpoints: ["payment_intents.create", "payment_intents.retrieve"],
      expires_in: "30m",
    },
  ],
  refund_agent: [
    { vendor: "stripe", daily_usd_cap: 20, allowed_endpoints: ["refunds.create"], expires_in: "30m" },
  ],
  notification_agent: [
    {
      vendor: "twilio",
      daily_usd_cap: 1,
      allowed_endpoints: ["messages.create"],
      expires_in: "30m",
      twilio: { allowed_countries: ["US"] },
    },
    { vendor: "resend", daily_usd_cap: 1, allowed_endpoints: ["emails.send"], expires_in: "30m" },
  ],
};

/**
 * Issues every agent's keys for this run and gives them as variables: `BILLING_VAULT_KEY`, and for the agent with two
 * vendors `NOTIFICATION_TWILIO_VAULT_KEY` and `NOTIFICATION_RESEND_VAULT_KEY`, besides the proxy's addresses.
 */
export async function issueRunKeys(keybrake: Keybrake, crewRunId: string): Promise<Record<string, string>> {
  const { data: secrets } = await keybrake.admin.secrets.list();
  const environment: Record<string, string> = {};
  const agents = Object.entries(POLICIES).map(([agentId, policies]) => ({
    agentId,
    vendors: policies.map(({ vendor }) => vendor),
  }));
  for (const { agentId, vendor, variable } of assignVaultKeyVariables(agents)) {
    const policy = POLICIES[agentId]?.find((candidate) => candidate.vendor === vendor);
    const secret = secrets.find((candidate) => candidate.vendor === vendor);
    if (policy === undefined || secret === undefined) throw new Error(`no real key for ${vendor} is stored`);
    const key = await keybrake.admin.vaultKeys.create({
      agent_id: agentId,
      crew_run_id: crewRunId,
      secret: secret.name,
      policy,
    });
    environment[variable] = key.vault_key;
    environment[`${vendor.toUpperCase()}_BASE_URL`] = `${keybrake.dataUrl}/${vendor}`;
    if (secret.account_id) environment["TWILIO_ACCOUNT_SID"] = secret.account_id;
  }
  return environment;
}
