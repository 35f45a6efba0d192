import {
  generateVaultKey,
  hashVaultKey,
  type Policy,
  type PolicyDocument,
  parsePolicy,
  redactVaultKey,
} from "@keybrake/core";
import { deleteBudget, setBudget } from "../../src/control-plane/budget-store.ts";
import { insertVaultKey, replacePolicy, revokeVaultKeys } from "../../src/control-plane/vault-key-store.ts";
import type { Database } from "../../src/ledger/database.ts";
import { ALL_ENDPOINTS } from "./agents.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

const AGENTS = ["billing_agent", "refund_agent"] as const;
export const RUN = "run_1";

/** Issues one more key. `database` is a replica's connection, or the ground's own before the first step. */
export async function issueKey(world: World, database: Database): Promise<void> {
  const agentId = world.random.pick(AGENTS);
  const { policy, document } = choosePolicy(world);
  const vaultKey = generateVaultKey(agentId);
  const stored = await insertVaultKey(database, {
    hash: hashVaultKey(world.ground.installation.pepper, vaultKey),
    redacted: redactVaultKey(vaultKey),
    name: null,
    agentId,
    crewRunId: world.random.chance(0.7) ? RUN : null,
    secretId: world.ground.secretId,
    parent: null,
    policy,
    document,
  });
  if (stored === null) throw new Violation("a key without a parent was not stored");
  world.keys.push({ id: stored.id, vaultKey, agentId });
}

/** Replaces some key's policy: its caps go up or down, its endpoints and its expiry change. */
export async function changePolicy(world: World, database: Database): Promise<void> {
  const { id } = world.random.pick(world.keys);
  const { policy, document } = choosePolicy(world);
  await replacePolicy(database, id, policy, document);
  told(world);
}

/** Revokes a key, an agent's keys or a run's; when it is acknowledged they are revoked. */
export async function revoke(world: World, database: Database): Promise<void> {
  const { id, agentId } = world.random.pick(world.keys);
  const scope = world.random.weighted({ vault_key: 6, agent_id: 1, crew_run_id: 1 });
  const value = { vault_key: id, agent_id: agentId, crew_run_id: RUN }[scope];
  const ids = await revokeVaultKeys(database, scope, value, "simulated");
  for (const revoked of ids) {
    const key = world.observer.seen.keys.find((seen) => seen.id === revoked);
    if (key?.status !== "revoked") throw new Violation(`key ${revoked} was revoked, and is ${key?.status}`);
  }
  told(world);
}

export async function turnKillSwitch(world: World, database: Database): Promise<void> {
  const isEngaged = !world.observer.seen.isKilled;
  await database.query("SELECT set_kill_switch($1, $2)", [isEngaged, "simulated"]);
  told(world);
}

/** Makes, raises, lowers or ends a budget over many keys. */
export async function changeBudget(world: World, database: Database): Promise<void> {
  const { random } = world;
  const scope = random.pick(["agent_id", "crew_run_id", "secret", "installation"] as const);
  const value = {
    agent_id: random.pick(AGENTS),
    crew_run_id: RUN,
    secret: world.ground.secretId,
    installation: "",
  }[scope];
  const window = random.pick(["daily", "monthly", "total"] as const);
  const budget = { scope, value, window, unit: "usd", limit: dollars(random.between(20, 250)) } as const;
  const { id } = await setBudget(database, budget);
  if (random.chance(0.2)) await deleteBudget(database, id);
}

function choosePolicy({ random }: World): { readonly policy: Policy; readonly document: PolicyDocument } {
  const lifeMs = random.pick([15_000, 60_000, 3_600_000, 10 * 86_400_000]);
  const read = parsePolicy({
    vendor: "stripe",
    allowed_endpoints: random.chance(0.85) ? ALL_ENDPOINTS : ["POST /v1/payment_intents"],
    ...(random.chance(0.8) ? { daily_usd_cap: random.between(20, 200) } : {}),
    ...(random.chance(0.4) ? { total_usd_cap: random.between(40, 300) } : {}),
    ...(random.chance(0.2) ? { monthly_usd_cap: random.between(40, 300) } : {}),
    ...(random.chance(0.2) ? { daily_call_cap: random.between(4, 20) } : {}),
    ...(random.chance(0.2) ? { per_call_usd_cap: random.between(10, 30) } : {}),
    ...(random.chance(0.1) ? { duplicate_window: "10m" } : {}),
    ...(random.chance(0.4) ? { expires_at: new Date(Date.now() + lifeMs).toISOString() } : {}),
  });
  if ("problems" in read) throw new TypeError(read.problems.join("; "));
  return read;
}

function dollars(amount: number): bigint {
  return BigInt(amount) * 1_000_000n;
}

/** A change is told to each replica, or the message is lost: no decision may depend on it. */
function told(world: World): void {
  for (const replica of world.replicas) {
    if (world.random.chance(0.8))
      world.scheduler.add(`${replica.name} hears of a change`, () => replica.forgetKeys());
  }
}
