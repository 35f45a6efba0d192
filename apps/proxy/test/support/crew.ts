import type { AdminClient } from "@keybrake/client";
import Stripe from "stripe";

/** The real credential of tests: no output of ours may ever contain it, in any encoding. */
export const CANARY_SECRET = "sk_test_canaryQ7vX2mNf9LkT4wRz8sYbHd3JpGcE6uA";

/** Stores the canary as the real Stripe secret, unless it is there. */
export async function storeSecret(admin: AdminClient, name = "stripe-test"): Promise<string> {
  const { data } = await admin.secrets.list();
  if (!data.some((secret) => secret.name === name)) {
    await admin.secrets.create({ name, vendor: "stripe", value: CANARY_SECRET });
  }
  return name;
}

/** Issues a vault key with the given policy (its vendor is added). */
export async function issueKey(
  admin: AdminClient,
  agentId: string,
  policy: Readonly<Record<string, unknown>>,
  crewRunId?: string,
): Promise<{ id: string; vaultKey: string }> {
  const created = await admin.vaultKeys.create({
    agent_id: agentId,
    secret: "stripe-test",
    policy: { vendor: "stripe", ...policy } as never,
    ...(crewRunId === undefined ? {} : { crew_run_id: crewRunId }),
  });
  return { id: created.id, vaultKey: created.vault_key };
}

/** The official SDK as an agent configures it: two values, its own retries untouched. */
export function stripeClient(dataUrl: string, vaultKey: string, config: Stripe.StripeConfig = {}): Stripe {
  const url = new URL(dataUrl);
  return new Stripe(vaultKey, {
    host: url.hostname,
    port: url.port,
    protocol: "http",
    telemetry: false,
    ...config,
  });
}
