import { randomBytes } from "node:crypto";
import { type AdminClient, type Call, createAdminClient, vaultKeyVariable } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import { inject } from "vitest";

/** Where the server of this run is, for test files. */
export interface Addresses {
  readonly dataUrl: string;
  readonly adminUrl: string;
  readonly adminToken: string;
  readonly twilioAccount: string;
  /** A Verify service, which no vault key could make. */
  readonly verifyService: string;
}

declare module "vitest" {
  interface ProvidedContext {
    keybrake: Addresses;
  }
}

const EVERYTHING: Readonly<Record<VendorName, readonly string[]>> = {
  stripe: ["* /v1/**", "* /v2/**"],
  twilio: ["* /**"],
  resend: ["* /**"],
};

/** An agent with keys of its own, as a program finds it. */
export interface TestAgent {
  readonly agentId: string;
  /** Its keys' variables and the addresses, as a process would have them. */
  readonly environment: Readonly<Record<string, string>>;
  readonly vaultKeys: { readonly [Name in VendorName]?: string };
  /** Its audit rows, oldest first, as `METHOD /path` templates with state and denial code. */
  rows(): Promise<readonly Call[]>;
}

export interface TestAgentOptions {
  readonly vendors?: readonly VendorName[];
  readonly policy?: Readonly<Record<string, unknown>>;
  /** The name is the agent's id as it stands; otherwise it gets an ending that no other test uses. */
  readonly isExact?: boolean;
  /** The key's own run; none unless given. */
  readonly keyRun?: string;
}

let ownServer: Addresses | undefined;

/** From now on, in this file: another server than the package's. */
export function useServer(addresses: Addresses): void {
  ownServer = addresses;
}

function addressesHere(): Addresses {
  return ownServer ?? inject("keybrake");
}

/** The admin API of this run's server. */
export function admin(): AdminClient {
  const { adminUrl, adminToken } = addressesHere();
  return createAdminClient({ baseUrl: adminUrl, token: adminToken });
}

/** A name that no other test uses. */
export function unique(name: string): string {
  return `${name}_${randomBytes(4).toString("hex")}`;
}

/** Issues an agent's keys: for everything, and a thousand dollars a day, unless the policy says otherwise. */
export async function createTestAgent(name: string, options: TestAgentOptions = {}): Promise<TestAgent> {
  const { vendors = ["stripe"], policy = {}, keyRun, isExact = false } = options;
  const agentId = isExact ? name : unique(name);
  const { dataUrl, twilioAccount } = addressesHere();
  const vaultKeys: { [Name in VendorName]?: string } = {};
  const environment: Record<string, string> = { TWILIO_ACCOUNT_SID: twilioAccount };
  for (const vendor of vendors) {
    const { vault_key } = await admin().vaultKeys.create({
      agent_id: agentId,
      secret: vendor,
      policy: {
        vendor,
        daily_usd_cap: 1_000,
        allowed_endpoints: EVERYTHING[vendor],
        expires_in: "1h",
        ...policy,
      } as never,
      ...(keyRun === undefined ? {} : { crew_run_id: keyRun }),
    });
    vaultKeys[vendor] = vault_key;
    environment[vaultKeyVariable(agentId, vendor)] = vault_key;
    environment[`${vendor.toUpperCase()}_BASE_URL`] = `${dataUrl}/${vendor}`;
  }
  return { agentId, environment, vaultKeys, rows: () => readRows(agentId) };
}

async function readRows(agentId: string): Promise<readonly Call[]> {
  const { data } = await admin().calls.list({ agent_id: agentId, limit: 100 });
  return data.toReversed();
}
