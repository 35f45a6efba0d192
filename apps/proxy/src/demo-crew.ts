import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { AdminClient } from "@keybrake/client";
import { POLICY_TEMPLATES, VENDOR_NAMES, type VendorName } from "@keybrake/core";
import { z } from "zod";
import { SANDBOX_SECRETS } from "./upstreams.ts";

/** A key that expires sooner than this is replaced at start, so that what is printed works for a while. */
const LIFETIME_MS_MIN = 15 * 60_000;

const savedCrew = z.array(
  z.object({ id: z.string(), agent_id: z.string(), vendor: z.enum(VENDOR_NAMES), vault_key: z.string() }),
);

/** A demo agent and its key in clear. Sandbox keys only: they open nothing but the built-in fake vendors. */
export type DemoKey = z.infer<typeof savedCrew>[number];

/**
 * Creates the demo crew at the first start, and again whichever of its keys has ended since. The keys are kept in the
 * data directory, so that every start can print lines that work.
 */
export async function openDemoCrew(admin: AdminClient, dataDir: string): Promise<readonly DemoKey[]> {
  const file = path.join(dataDir, "demo-crew.json");
  const saved = readSaved(file);
  const { data: secrets } = await admin.secrets.list();
  for (const vendor of VENDOR_NAMES) {
    const name = secretNameOf(vendor);
    if (secrets.some((secret) => secret.name === name)) continue;
    const { value, accountId } = SANDBOX_SECRETS[vendor];
    await admin.secrets.create({
      name,
      vendor,
      value,
      ...(accountId === null ? {} : { account_id: accountId }),
    });
  }
  const crew: DemoKey[] = [];
  for (const { agentId: agent_id, policy } of POLICY_TEMPLATES) {
    const { vendor } = policy;
    const known = saved.find((key) => key.agent_id === agent_id && key.vendor === vendor);
    if (known !== undefined && (await isUsable(admin, known.id))) crew.push(known);
    else {
      const { id, vault_key } = await admin.vaultKeys.create({
        agent_id,
        secret: secretNameOf(vendor),
        policy,
        name: `demo ${agent_id} ${vendor}`,
      });
      crew.push({ id, agent_id, vendor, vault_key });
    }
  }
  writeFileSync(file, `${JSON.stringify(crew, null, 2)}\n`, { mode: 0o600 });
  return crew;
}

function secretNameOf(vendor: VendorName): string {
  return `${vendor}-sandbox`;
}

function readSaved(file: string): readonly DemoKey[] {
  try {
    return savedCrew.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    // Missing or unreadable: new keys are made, which costs nothing in a sandbox.
    return [];
  }
}

async function isUsable(admin: AdminClient, id: string): Promise<boolean> {
  try {
    const key = await admin.vaultKeys.get(id);
    const expiresAt = key.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at);
    return key.status === "active" && expiresAt - Date.now() > LIFETIME_MS_MIN;
  } catch {
    return false;
  }
}
