import { createHash, createSecretKey, sign } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createAdminClient } from "@keybrake/client";
import { VENDOR_NAMES, type VendorName } from "@keybrake/core";
import { pino } from "pino";
import { openAdminToken } from "./admin-token.ts";
import { AlertAddresses } from "./alerts/alert-addresses.ts";
import { AlertChannels } from "./alerts/alert-channels.ts";
import { AlertDeliveries } from "./alerts/alert-deliveries.ts";
import { AlertWatch } from "./alerts/alert-watch.ts";
import { renderBanner } from "./banner.ts";
import { Changes } from "./changes.ts";
import { type Config, ConfigError } from "./config.ts";
import { createControlPlane } from "./control-plane/control-plane.ts";
import type { DataPlane } from "./data-plane/data-plane.ts";
import { createDataPlaneServer } from "./data-plane/server.ts";
import { openDemoCrew } from "./demo-crew.ts";
import { listChainHeads } from "./ledger/audit-verify.ts";
import { Batcher, type BatcherEvents } from "./ledger/batcher.ts";
import { Checkpoints } from "./ledger/checkpoints.ts";
import type { Database } from "./ledger/database.ts";
import { DatabaseClock } from "./ledger/database-clock.ts";
import { History } from "./ledger/history.ts";
import { replayIntents } from "./ledger/intent-journal.ts";
import { listKeyBudgets } from "./ledger/key-budgets.ts";
import { SqlKeyStore } from "./ledger/key-store.ts";
import { planLedgerApply } from "./ledger/ledger-apply.ts";
import { startMaintenance, type Tombstone, tombstoneText } from "./ledger/maintenance.ts";
import { Replica } from "./ledger/replica.ts";
import { SqlLedger } from "./ledger/sql-ledger.ts";
import { openWitness } from "./ledger/witness.ts";
import { HelpfulRedis } from "./limits/helpful-redis.ts";
import { InFlight } from "./limits/in-flight.ts";
import { createRateLimiter } from "./limits/rate-limiter.ts";
import { SlowAnswers } from "./limits/slow-answers.ts";
import { type VendorPace, VendorQuota } from "./limits/vendor-quota.ts";
import { openDatabases } from "./open-database.ts";
import { DailyReconciliation } from "./reconcile/daily-reconciliation.ts";
import { PendingPrices } from "./reconcile/pending-prices.ts";
import { Reconciler } from "./reconcile/reconciler.ts";
import { repeat } from "./schedule.ts";
import { openInstallKeys } from "./secrets/install-keys.ts";
import type { KeyRing } from "./secrets/key-ring.ts";
import { loadKeyRing } from "./secrets/master-key.ts";
import { MasterKeyLease } from "./secrets/master-key-lease.ts";
import { findKeyProblem, MasterKeyRotation } from "./secrets/master-key-rotation.ts";
import { openSecretStore } from "./secrets/secret-store.ts";
import { CallLog } from "./telemetry/call-log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { openUpstreams } from "./upstreams.ts";

export const VERSION = "0.1.0";
const CHECKPOINT_EVERY_MS = 60_000;
/** Each flush checks for itself; this is for a replica that has nothing to flush, and for what others have seen. */
const CHECK_HISTORY_EVERY_MS = 2_000;
const RECONCILE_CHECK_MS = 60_000;
const LOOK_FOR_ALERTS_EVERY_MS = 5_000;
const SEND_ALERTS_EVERY_MS = 1_000;
/** What a replica that died left undone. */
const RESUME_ROTATION_EVERY_MS = 60_000;
/** Often enough that several failures are survived: what is unwrapped is lent for minutes. */
const RENEW_MASTER_KEY_EVERY_MS = 30_000;
const DRAIN_MS_MAX = 25_000;
const BREAK_OFF_MS_MAX = 1_000;

/** A running server: two listeners, and how to end it. */
export interface RunningServer {
  readonly dataUrl: string;
  readonly adminUrl: string;
  /** What a person needs to know, as text. */
  readonly banner: string;
  /** Stops accepting, lets open calls end (at most 25 s), writes what they owe, and closes everything. */
  stop(): Promise<void>;
}

/** Composes the whole server from its configuration. Rejects when any part cannot start; nothing is left open then. */
export async function startServer(config: Config): Promise<RunningServer> {
  const closers: (() => Promise<unknown> | unknown)[] = [];
  try {
    return await compose(config, closers);
  } catch (error) {
    for (const close of closers.reverse()) await close();
    throw error;
  }
}

async function compose(
  config: Config,
  closers: (() => Promise<unknown> | unknown)[],
): Promise<RunningServer> {
  const logger = pino({ level: config.logLevel, base: { replica: config.replicaName } }, pino.destination(2));
  const keyRing = await openKeyRing(config);

  const databases = await openDatabases(config);
  closers.push(() => databases.close());
  // Without its database this process can only refuse; the next one replays the journal and goes on.
  void databases.died?.then((error) => {
    logger.fatal({ code: errorCode(error) }, "the embedded database has ended");
    process.exit(1);
  });
  if (databases.isOwner && !databases.isEmbedded)
    logger.warn(
      "the role of KEYBRAKE_DATABASE_URL owns the audit log's tables and could change them: see KEYBRAKE_DATABASE_OWNER_URL",
    );
  const installKeys = await openInstallKeys(databases.general, keyRing);
  const keyProblem = await findKeyProblem(databases.general, keyRing);
  if (keyProblem !== null) throw new ConfigError([keyProblem]);
  const inFlight = new InFlight();
  const metrics = createMetrics({
    inFlight: () => inFlight.total,
    queues: () => quota.describe(),
  });
  const onError = (what: string, error: unknown) => {
    metrics.backgroundErrors.inc({ what });
    logger.error({ what, code: errorCode(error) }, "background work failed");
  };

  if (keyRing.isLent) {
    const lease = new MasterKeyLease(keyRing, () => openKeyRing(config), {
      onError: (error) => onError("unwrap the master key", error),
      onChange: (isLost) => {
        if (isLost) logger.fatal("the master key cannot be unwrapped any more: no call is sent without it");
        else logger.warn("the master key was unwrapped again");
      },
    });
    closers.push(
      repeat(
        RENEW_MASTER_KEY_EVERY_MS,
        () => lease.renew(),
        (error) => onError("unwrap the master key", error),
      ),
    );
  }

  const clock = await learnClock(databases.general);
  const monotonicMs = () => clock.monotonicMs();
  const replicaEvents = {
    onError,
    onSwept: (count: number) => {
      metrics.swept.inc(count);
      logger.warn({ count }, "open calls of dead replicas became unknown");
    },
  };
  const replica = new Replica(
    databases.general,
    config.replicaName,
    VERSION,
    monotonicMs,
    replicaEvents,
    keyRing.ids,
  );
  const signTombstone = (tombstone: Tombstone) =>
    sign(null, Buffer.from(tombstoneText(tombstone)), installKeys.checkpointKey);
  // Before this process takes an epoch: its number may be one that was given out in what is lost.
  const checkpoints =
    config.checkpointFile === null ? null : new Checkpoints(config.checkpointFile, installKeys.checkpointKey);
  const witness = openWitness(config.dataDir, installKeys.installationId, installKeys.checkpointKey);
  if (witness === null)
    logger.warn(
      { dataDir: config.dataDir },
      "cannot write there, so a loss of history while stopped is not noticed",
    );
  const history = new History({
    database: databases.general,
    witness,
    replicaName: config.replicaName,
    now: () => clock.now(),
    onChange: (isLost) => {
      metrics.historyLost.set(isLost ? 1 : 0);
      if (isLost)
        logger.fatal("the database has lost history: nothing goes out until an operator accepts that");
      else logger.warn("an operator has accepted the loss of history");
    },
  });
  await history.open(checkpoints?.list() ?? []);
  // A living lease in an embedded database can only be an earlier process's, because the directory is locked.
  if (databases.isEmbedded)
    await databases.general.query("UPDATE replicas SET stopped_at = now() WHERE stopped_at IS NULL");
  closers.push(await startMaintenance(databases.long, config.retentionDays, signTombstone, onError));
  await replica.start();
  closers.push(() => replica.stop());
  if (databases.isEmbedded) await replayIntents(databases.ledger, config.dataDir, replica.epoch);
  const limit = config.monthlyRequestLimit;
  await databases.general.query("SELECT set_budget('installation', '', 'monthly', 'requests', $1)", [limit]);

  closers.push(
    repeat(
      CHECK_HISTORY_EVERY_MS,
      () => history.check(),
      (error) => onError("look for lost history", error),
    ),
  );
  await planLedgerApply(databases.ledger, replica.epoch);
  const batcherEvents = {
    onError,
    onFlush: ({ databaseMs, day, size, tookMs }: Parameters<BatcherEvents["onFlush"]>[0]) => {
      clock.learn(databaseMs, day);
      metrics.flushSize.observe(size);
      metrics.flushSeconds.observe(tookMs / 1_000);
    },
  };
  const batcher = new Batcher(databases.ledger, replica, monotonicMs, batcherEvents, history);
  closers.push(() => batcher.close(1_000));
  const keys = new SqlKeyStore(databases.general, monotonicMs);
  const secrets = openSecretStore(databases.general, keyRing, installKeys.installationId);
  const rotation = new MasterKeyRotation(databases.general, keyRing, installKeys.installationId, (rowId) =>
    logger.error({ row: rowId }, "a stored secret cannot be opened and keeps its master key"),
  );
  await rotation.resume();
  closers.push(
    repeat(
      RESUME_ROTATION_EVERY_MS,
      () => rotation.resume(),
      (error) => onError("change the master key", error),
    ),
  );
  const redis =
    config.redisUrl === null
      ? null
      : new HelpfulRedis(config.redisUrl, (error) => onError("ask Redis", error));
  closers.push(() => redis?.close());
  const limiter = createRateLimiter(redis, () => replica.living);
  const quota = new VendorQuota(
    {
      database: databases.general,
      redis,
      livingReplicas: () => replica.living,
      paces: pacesOf(config),
      monotonicMs,
    },
    {
      onWaited: (vendor, ms) => metrics.queueSeconds.observe({ vendor }, ms / 1_000),
      onRefused: (vendor) => metrics.queueRefused.inc({ vendor }),
      onThrottled: (vendor, agentId) => metrics.countThrottled(vendor, agentId),
      onError: (error) => onError("read a vendor's pace", error),
      announce: (secretId, retryAfterMs) => changes.announceThrottle(secretId, retryAfterMs),
    },
  );
  const ledger = new SqlLedger(batcher, databases.general, replica, clock);
  const onChange = () => {
    ledger.noteChange();
    keys.forget();
    quota.forget();
  };
  const changes = new Changes(databases.general, redis, {
    onChange,
    onThrottle: (secretId, retryAfterMs) => quota.slowDown(secretId, retryAfterMs),
    onError: (error) => onError("tell of changes", error),
  });
  await changes.start(config.redisUrl);
  closers.push(() => changes.close());
  const upstreams = await openUpstreams(config);
  closers.push(() => upstreams.close());

  const plane: DataPlane = {
    ledger,
    keys,
    secrets,
    clock,
    limiter,
    inFlight,
    slowAnswers: new SlowAnswers(),
    quota,
    routes: upstreams.routes,
    rates: config.rates,
    prices: config.prices,
    pepper: createSecretKey(installKeys.pepper),
    idempotencySecret: createSecretKey(installKeys.idempotencySecret),
    log: new CallLog(logger, metrics),
    describeBudgets: (vaultKeyId) => listKeyBudgets(databases.general, vaultKeyId),
  };
  const pendingPrices = new PendingPrices(plane, databases.general, replica);
  closers.push(
    repeat(
      config.followUpSeconds * 1_000,
      () => pendingPrices.settleDue(),
      (error) => onError("settle late prices", error),
    ),
  );
  const reconciler = new Reconciler(plane, databases.long);
  const daily = new DailyReconciliation({
    reconciler,
    database: databases.general,
    replica,
    registry: metrics.registry,
    logger,
    hour: config.reconcileHour,
  });
  closers.push(
    repeat(
      RECONCILE_CHECK_MS,
      () => daily.runDue(),
      (error) => onError("reconcile", error),
    ),
  );
  const alertAddresses = new AlertAddresses(config.alertPrivateHosts);
  const alertChannels = new AlertChannels(databases.general, keyRing, installKeys.installationId);
  const alertDeliveries = new AlertDeliveries({
    database: databases.general,
    channels: alertChannels,
    addresses: alertAddresses,
    now: () => clock.now(),
    version: VERSION,
    onAttempt: (outcome) => metrics.alertAttempts.inc({ outcome }),
    onError: (error) => onError("send alerts", error),
  });
  closers.push(() => alertDeliveries.close());
  const alertWatch = new AlertWatch(databases.general, replica, {
    onRaised: (count) => metrics.alertsRaised.inc(count),
    onError,
  });
  closers.push(
    repeat(
      LOOK_FOR_ALERTS_EVERY_MS,
      () => alertWatch.look(),
      (error) => onError("look for alerts", error),
    ),
    repeat(
      SEND_ALERTS_EVERY_MS,
      () => alertDeliveries.sendDue(),
      (error) => onError("send alerts", error),
    ),
  );
  const checkpoint = async () => checkpoints?.write(await listChainHeads(databases.general), clock.now());
  closers.push(repeat(CHECKPOINT_EVERY_MS, checkpoint, (error) => onError("write a checkpoint", error)));
  const adminToken = openAdminToken(config.adminToken, config.dataDir);
  const dataServer = createDataPlaneServer(plane);
  const dataUrl = await listen(dataServer, config.host, config.port);
  closers.push(() => dataServer.close());
  const controlPlane = createControlPlane({
    database: databases.general,
    longDatabase: databases.long,
    queryDatabase: databases.queries,
    adminTokenHash: createHash("sha256").update(adminToken.token).digest(),
    pepper: installKeys.pepper,
    secrets,
    onChange: () => {
      onChange();
      changes.announceChange();
    },
    replica,
    history,
    keyRing,
    rotation,
    plane,
    reconciler,
    dataUrl: config.dataUrl ?? dataUrl,
    alerts: { channels: alertChannels, deliveries: alertDeliveries, addresses: alertAddresses },
    settings: {
      config,
      dataUrl: config.dataUrl ?? dataUrl,
      version: VERSION,
      isOwner: databases.isOwner,
      paceOf: (vendor, mode) => quota.limitOf(vendor, mode, null),
    },
    isReady: async () => replica.holdsLease() && !history.isLost && keyRing.isUsable,
    metrics: metrics.registry,
    logger,
    version: VERSION,
    checkpointKey: installKeys.checkpointKey,
    readCheckpoints: async () => checkpoints?.list() ?? [],
  });
  const adminServer = http.createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, controlPlane);
  const adminUrl = await listen(adminServer, config.host, config.adminPort);
  closers.push(() => adminServer.close());

  const isDemo = config.isSandbox && Object.values(config.upstreamUrls).every((url) => url === null);
  const admin = createAdminClient({ baseUrl: adminUrl, token: adminToken.token });
  const crew = isDemo ? await openDemoCrew(admin, config.dataDir) : [];
  const { code: loginCode } = await admin.loginCodes.create();
  const stop = async () => {
    dataServer.close();
    adminServer.close();
    adminServer.closeAllConnections();
    dataServer.closeIdleConnections();
    // A connection that is kept alive and busy would never become idle: its next answer is its last.
    dataServer.prependListener("request", (_request, response) => {
      response.shouldKeepAlive = false;
    });
    await waitUntil(() => inFlight.total === 0, DRAIN_MS_MAX);
    // What still hangs at a vendor is broken off while its outcome can be written down.
    await upstreams.close();
    await waitUntil(() => inFlight.total === 0, BREAK_OFF_MS_MAX);
    await batcher.close(3_000);
    await checkpoint().catch((error: unknown) => onError("write a checkpoint", error));
    await history.check().catch((error: unknown) => onError("look for lost history", error));
    dataServer.closeAllConnections();
    for (const close of closers.reverse())
      await Promise.resolve(close()).catch((error: unknown) => onError("stop", error));
  };
  const banner = renderBanner({
    dataUrl,
    adminUrl,
    mode: `${databases.isEmbedded ? `embedded database in ${config.dataDir}` : "PostgreSQL"}${isDemo ? ", sandbox vendors" : ""}`,
    newAdminToken: adminToken.isNew ? adminToken.token : null,
    adminTokenFile: adminToken.file,
    loginUrl: `${adminUrl}/#login=${loginCode}`,
    crew,
  });
  logger.info({ version: VERSION, embedded: databases.isEmbedded, sandbox: isDemo }, "keybrake started");
  return { dataUrl, adminUrl, banner, stop };
}

/** A documented limit is that of the vendor's own address: another one, a mock or a sandbox, has none that is known. */
function pacesOf(config: Config): Readonly<Record<VendorName, VendorPace>> {
  return Object.fromEntries(
    VENDOR_NAMES.map((vendor) => [
      vendor,
      {
        requestsPerSecond: config.vendorRequestsPerSecond[vendor],
        isVendorsOwn: config.upstreamUrls[vendor] === null && !config.isSandbox,
      },
    ]),
  ) as Record<VendorName, VendorPace>;
}

/** The database's time as it is now, from which the clock goes on. */
/** Rejects with a ConfigError when the keys are not there, not readable, or cannot be unwrapped. */
async function openKeyRing(config: Config): Promise<KeyRing> {
  const keyRing = await loadKeyRing(
    {
      value: config.masterKey,
      file: config.masterKeyFile,
      generateIn: config.databaseUrl === null ? config.dataDir : null,
      transit: config.masterKeyTransit,
    },
    { value: config.previousMasterKey, file: config.previousMasterKeyFile },
  );
  if (typeof keyRing === "string") throw new ConfigError([keyRing]);
  return keyRing;
}

async function learnClock(database: Database): Promise<DatabaseClock> {
  const [row] = await database.query("SELECT epoch_ms(clock_timestamp()) AS at, ledger_day()::text AS day");
  return new DatabaseClock(Number(row?.["at"]), row?.["day"] as string);
}

function listen(server: http.Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo;
      const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
      resolve(`http://${shown}:${address.port}`);
    });
  });
}

async function waitUntil(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isDone() && performance.now() < deadline) await delay(50);
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
