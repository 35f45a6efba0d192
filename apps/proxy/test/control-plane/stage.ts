import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AdminClient, createAdminClient } from "@keybrake/client";
import { Registry } from "prom-client";
import { AlertAddresses } from "../../src/alerts/alert-addresses.ts";
import { AlertChannels } from "../../src/alerts/alert-channels.ts";
import { AlertDeliveries } from "../../src/alerts/alert-deliveries.ts";
import { createControlPlane } from "../../src/control-plane/control-plane.ts";
import type { Database } from "../../src/ledger/database.ts";
import { History } from "../../src/ledger/history.ts";
import { type InstallKeys, openInstallKeys } from "../../src/secrets/install-keys.ts";
import { createKeyRing } from "../../src/secrets/key-ring.ts";
import { MasterKeyRotation } from "../../src/secrets/master-key-rotation.ts";
import { type EnvelopeSecretStore, openSecretStore } from "../../src/secrets/secret-store.ts";
import { startEpoch, type TestDatabases } from "./backends.ts";
import { createCheckedFetch } from "./checked-fetch.ts";

/** Where alerts of these tests may go besides the public internet. */
const ALERT_HOSTS = ["127.0.0.1", "localhost"];

/** A control plane that listens, on real databases. */
export interface Stage {
  /** As the owner of the tables. */
  readonly database: Database;
  readonly baseUrl: string;
  readonly token: string;
  readonly admin: AdminClient;
  readonly secrets: EnvelopeSecretStore;
  readonly installKeys: InstallKeys;
  /** The replica whose life the control plane shares. */
  readonly replica: { epoch: bigint };
  /** Sends what is due when it is told to. */
  readonly alertDeliveries: AlertDeliveries;
  /** How many attempts have been made and written down. */
  readonly alertAttempts: () => number;
  /** Everything that was given to the logger. */
  readonly logged: Readonly<Record<string, unknown>>[];
  /** How often the caches were told to forget. */
  readonly changes: () => number;
  setReady(isReady: boolean): void;
  close(): Promise<void>;
}

/** Starts a control plane on a free port of the loopback. Every JSON answer is checked against the contract. */
export async function openStage(databases: TestDatabases): Promise<Stage> {
  const { database, longDatabase, ownerDatabase } = databases;
  const keyRing = createKeyRing(randomBytes(32));
  const installKeys = await openInstallKeys(database, keyRing);
  const secrets = openSecretStore(database, keyRing, installKeys.installationId);
  const token = `test-${randomBytes(24).toString("base64url")}`;
  const logged: Record<string, unknown>[] = [];
  let isReady = true;
  let changes = 0;
  const replica = {
    epoch: await startEpoch(ownerDatabase),
    register: async () => {
      replica.epoch = await startEpoch(ownerDatabase);
    },
  };
  let alertAttempts = 0;
  const alertAddresses = new AlertAddresses(ALERT_HOSTS);
  const alertChannels = new AlertChannels(database, keyRing, installKeys.installationId);
  const alertDeliveries = new AlertDeliveries({
    database,
    channels: alertChannels,
    addresses: alertAddresses,
    now: () => new Date(),
    version: "0.0.0-test",
    onAttempt: () => alertAttempts++,
    onError: (error) => logged.push({ event: "alerts", error }),
  });
  const app = createControlPlane({
    database,
    replica,
    keyRing,
    rotation: new MasterKeyRotation(database, keyRing, installKeys.installationId),
    longDatabase,
    secrets,
    adminTokenHash: createHash("sha256").update(token).digest(),
    pepper: installKeys.pepper,
    checkpointKey: installKeys.checkpointKey,
    history: new History({
      database,
      witness: null,
      replicaName: "test",
      now: () => new Date(),
      onChange: () => undefined,
    }),
    alerts: { channels: alertChannels, deliveries: alertDeliveries, addresses: alertAddresses },
    onChange: () => changes++,
    isReady: async () => isReady,
    dataUrl: "http://127.0.0.1:8787",
    metrics: new Registry(),
    logger: { error: (fields) => logged.push(fields) },
    version: "0.0.0-test",
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    database: ownerDatabase,
    baseUrl,
    token,
    admin: createAdminClient({ baseUrl, token, fetch: createCheckedFetch() }),
    secrets,
    installKeys,
    replica,
    alertDeliveries,
    alertAttempts: () => alertAttempts,
    logged,
    changes: () => changes,
    setReady: (next) => {
      isReady = next;
    },
    close: async () => {
      await alertDeliveries.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      secrets.close();
    },
  };
}

/** Goes on in a new epoch, as a replica that was started again. */
export async function startEpochAgain(stage: Stage): Promise<void> {
  stage.replica.epoch = await startEpoch(stage.database);
}

/** A call that the ledger is to decide, and how it ended; what is not given is that of a cheap success. */
export interface TestCall {
  readonly vaultKeyId: string;
  readonly secretId: string;
  readonly agentId?: string;
  readonly crewRunId?: string | null;
  readonly costUsd?: number;
  readonly state?: "reserved" | "settled" | "released" | "unknown" | "denied";
  readonly path?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Writes calls through the ledger's own functions, one flush a call; returns their ids in order. */
export async function writeCalls(stage: Stage, calls: readonly TestCall[]): Promise<string[]> {
  const ids: string[] = [];
  for (const call of calls) {
    const id = randomUUID();
    const state = call.state ?? "settled";
    await apply(stage, state === "denied" ? denyOp(id, call) : reserveOp(id, call));
    if (state !== "denied" && state !== "reserved") await apply(stage, settleOp(id, call, state));
    ids.push(id);
  }
  return ids;
}

/** Writes the outcome of a call that has none, as it is after the vendor was asked. */
export function settleCall(stage: Stage, id: string, call: TestCall): Promise<void> {
  return apply(stage, settleOp(id, call, "settled"));
}

async function apply(stage: Stage, op: object): Promise<void> {
  const batch = JSON.stringify([{ i: 1, ...op }]);
  const [row] = await stage.database.query("SELECT ledger_apply($1, $2::jsonb) AS result", [
    stage.replica.epoch.toString(),
    batch,
  ]);
  const result = row?.["result"] as
    | { results: { code?: string | null; applied?: boolean }[] | null }
    | undefined;
  for (const { code, applied } of result?.results ?? []) {
    if (code !== null && code !== undefined) throw new Error(`the ledger refused: ${code}`);
    if (applied === false) throw new Error("the ledger did not apply a settlement");
  }
}

function factsOf(id: string, call: TestCall): object {
  return {
    id,
    vault_key_id: call.vaultKeyId,
    secret_id: call.secretId,
    agent_id: call.agentId ?? "billing_agent",
    crew_run_id: call.crewRunId ?? null,
    vendor: "stripe",
    method: "POST",
    path: call.path ?? "/v1/refunds",
    endpoint: "POST /v1/refunds",
    direction: "out",
    amount: Math.round((call.costUsd ?? 1) * 100),
    currency: "usd",
    metadata: call.metadata ?? {},
  };
}

function reserveOp(id: string, call: TestCall): object {
  const holdMicros = Math.round((call.costUsd ?? 1) * 1_000_000);
  return {
    kind: "reserve",
    ...factsOf(id, call),
    policy_version: 1,
    accounted: true,
    hold_micros: holdMicros,
    deadline_ms: 60_000,
  };
}

function denyOp(id: string, call: TestCall): object {
  const denial = { denial_code: "endpoint_not_allowed", denial_reason: "not allowed", status_code: 403 };
  return { kind: "deny", ...factsOf(id, call), ...denial, latency_ms: 1 };
}

function settleOp(id: string, call: TestCall, state: string): object {
  const costMicros = state === "settled" ? Math.round((call.costUsd ?? 1) * 1_000_000) : 0;
  return {
    kind: "settle",
    id,
    secret_id: call.secretId,
    state,
    cost_micros: costMicros,
    status_code: 200,
    vendor_request_id: "req_1",
    latency_ms: 12,
    upstream_ms: 10,
  };
}
