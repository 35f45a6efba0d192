import type { KeyObject } from "node:crypto";
import { API_ROOT, createOpenApiDocument } from "@keybrake/client/contract";
import express, { type Express } from "express";
import helmet from "helmet";
import type { Registry } from "prom-client";
import type { DataPlane } from "../data-plane/data-plane.ts";
import type { ChainHead } from "../ledger/audit-verify.ts";
import type { Database } from "../ledger/database.ts";
import type { History } from "../ledger/history.ts";
import type { Reconciler } from "../reconcile/reconciler.ts";
import { withUnavailable } from "../secrets/available-database.ts";
import type { KeyRing } from "../secrets/key-ring.ts";
import type { MasterKeyRotation } from "../secrets/master-key-rotation.ts";
import type { SecretRecord } from "../secrets/secret-rows.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import { mountActivity } from "./activity.ts";
import { mountAdminEvents } from "./admin-events.ts";
import { mountAdminTokens } from "./admin-tokens.ts";
import { AdminTrail, type TrailReplica } from "./admin-trail.ts";
import { mountAgents } from "./agents.ts";
import { type AlertParts, mountAlertChannels } from "./alert-channels.ts";
import { mountAlerts } from "./alerts.ts";
import { mountAudit, mountHistory } from "./audit.ts";
import { authenticateAdmin, type TokenAuthority } from "./authenticate-admin.ts";
import { mountBudgets } from "./budgets.ts";
import { mountCallEvidence } from "./call-evidence.ts";
import { mountCalls } from "./calls.ts";
import { mountConsole } from "./console.ts";
import { mountDenials } from "./denials.ts";
import { mountDryRun } from "./dry-run.ts";
import { mountEvents } from "./events.ts";
import { Guesses } from "./guesses.ts";
import { mountKillSwitch } from "./kill-switch.ts";
import { LiveTail } from "./live-tail.ts";
import { mountMasterKey } from "./master-key.ts";
import { type AdminApi, mountOtherMethods } from "./operation-handler.ts";
import { mountPolicies } from "./policies.ts";
import { mountPrices } from "./prices.ts";
import { type ControlPlaneLogger, createErrorHandler, ProblemError } from "./problem.ts";
import { mountReconcile } from "./reconcile.ts";
import { mountRuns } from "./runs.ts";
import { mountSecrets } from "./secrets.ts";
import { mountLogin, mountSessions } from "./sessions.ts";
import { mountSettings, type SettingsParts } from "./settings.ts";
import { mountSpend } from "./spend.ts";
import { mountSql } from "./sql-query.ts";
import { mountVaultKeys } from "./vault-keys.ts";
import { mountVendorQuotas } from "./vendor-quotas.ts";

/** Everything the control plane works with. On PGlite all three databases are the same one. */
export interface ControlPlaneDependencies {
  /** For everything short. */
  readonly database: Database;
  /** Without a statement timeout: exports, sums, verifications. */
  readonly longDatabase: Database;
  /**
   * For queries that people write: best with a statement timeout of half a minute and two connections of its own.
   * Without it they run on `database`, in its shorter time.
   */
  readonly queryDatabase?: Database;
  readonly secrets: EnvelopeSecretStore;
  /** SHA-256 of the bootstrap token, which is an admin's. */
  readonly adminTokenHash: Uint8Array;
  /** Keys the hash of vault keys and admin tokens. */
  readonly pepper: Uint8Array;
  /** Signs tombstones, and what an operator accepts. */
  readonly checkpointKey: KeyObject;
  /** Whether the database has what was seen in it. */
  readonly history: Pick<History, "check">;
  /** Chain heads that were kept outside the database, their signatures checked; without it only the database is asked. */
  readonly readCheckpoints?: () => Promise<readonly ChainHead[]>;
  /** Called when a key, a secret or the kill switch has changed, after the commit and before the answer. */
  readonly onChange: () => void;
  /** Whether calls can be served: the database answers and the lease holds. No answer within 2 s means no. */
  readonly isReady: () => Promise<boolean>;
  /** The master keys of this process, and the change from one to the other. */
  readonly keyRing: KeyRing;
  readonly rotation: MasterKeyRotation;
  /** In whose audit chain the entries of operators stand. */
  readonly replica: TrailReplica;
  /** Reads at vendors with stored credentials; absent = the operations that need it are not there. */
  readonly plane?: DataPlane;
  /** Compares days with vendors' records; without it that operation does not exist. */
  readonly reconciler?: Pick<Reconciler, "run" | "now">;
  /** Where agents reach the data plane: who creates a key is told. */
  readonly dataUrl: string;
  /** Where alerts go, and who sends them. */
  readonly alerts: AlertParts;
  /** What the server was started with; without it that operation does not exist. */
  readonly settings?: SettingsParts;
  readonly metrics: Registry;
  readonly logger: ControlPlaneLogger;
  readonly version: string;
}

const READY_TIMEOUT_MS = 2_000;
/** What a page of ours may do: everything from here, nothing from elsewhere, and nobody may put it into a frame. */
const CONTENT_POLICY = {
  "default-src": ["'self'"],
  "img-src": ["'self'", "data:"],
  "object-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
  "frame-ancestors": ["'none'"],
};

/**
 * Makes the control plane: the admin API, health and metrics. It opens nothing and holds no timer while nobody follows
 * its events. Only health, metrics, the API's description, the login and the console's files answer without an admin token.
 */
export function createControlPlane(dependencies: ControlPlaneDependencies): Express {
  const { logger, version, pepper, adminTokenHash: bootstrapHash } = dependencies;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", "simple");
  app.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: CONTENT_POLICY } }));
  app.use((_request, response, next) => {
    response.setHeader("cache-control", "no-store");
    next();
  });
  mountHealth(app, dependencies);
  const description = createOpenApiDocument(version);
  app.get(`${API_ROOT}/openapi.json`, (_request, response) => {
    response.json(description);
  });
  const database = withUnavailable(dependencies.database);
  const trail = new AdminTrail(database, dependencies.replica);
  const authority: TokenAuthority = { database, pepper, bootstrapHash };
  const guesses = new Guesses();
  const login = createRouter();
  mountLogin({ router: login, trail }, authority, guesses);
  app.use(API_ROOT, login);
  app.use(API_ROOT, authenticateAdmin(authority, guesses, trail));
  app.use(API_ROOT, createApi(dependencies, trail, authority));
  mountConsole(app);
  app.use((request) => {
    throw new ProblemError("not_found", { detail: `there is nothing at \`${request.path}\`` });
  });
  app.use(createErrorHandler(logger));
  return app;
}

function createRouter(): express.Router {
  return express.Router({ caseSensitive: true, strict: true });
}

function createApi(
  dependencies: ControlPlaneDependencies,
  trail: AdminTrail,
  authority: TokenAuthority,
): express.Router {
  const {
    secrets,
    pepper,
    dataUrl,
    onChange,
    logger,
    checkpointKey,
    readCheckpoints = async () => [],
  } = dependencies;
  const database = withUnavailable(dependencies.database);
  const longDatabase = withUnavailable(dependencies.longDatabase);
  const queryDatabase = withUnavailable(dependencies.queryDatabase ?? dependencies.database);
  const tail = new LiveTail(database, (error) => {
    const stack = error instanceof Error ? error.stack : String(error);
    logger.error({ event: "control_plane.tail_failed", stack });
  });
  const router = createRouter();
  const api: AdminApi = { router, trail };
  const paceOf = ({ vendor, mode, requestsPerSecond }: SecretRecord) =>
    dependencies.plane?.quota.limitOf(vendor, mode, requestsPerSecond) ?? null;
  mountSecrets(api, secrets, { onChange, paceOf });
  mountVaultKeys(api, { database, secrets, pepper, dataUrl, onChange });
  mountPolicies(api);
  mountKillSwitch(api, database, onChange);
  mountCalls(api, database, longDatabase);
  mountCallEvidence(api, database, (vendor) => dependencies.plane?.quota.isVendorsOwn(vendor) ?? true);
  mountDenials(api, database);
  mountSpend(api, longDatabase);
  mountActivity(api, longDatabase);
  mountRuns(api, longDatabase);
  mountAgents(api, database);
  mountVendorQuotas(api, database, secrets, {
    replica: dependencies.replica,
    paceOf,
    queueOf: (secretId) => dependencies.plane?.quota.queueOf(secretId) ?? null,
  });
  mountBudgets(api, database, secrets);
  mountAdminTokens(api, database, pepper);
  mountAdminEvents(api, database);
  mountSessions(api, authority);
  mountMasterKey(api, dependencies.rotation, dependencies.keyRing);
  mountAudit(api, longDatabase, { signingKey: checkpointKey, readCheckpoints });
  mountHistory(api, database, checkpointKey, dependencies.history);
  if (dependencies.plane !== undefined) {
    mountPrices(api, dependencies.plane, secrets);
    mountDryRun(api, longDatabase, dependencies.plane);
  }
  if (dependencies.reconciler !== undefined) mountReconcile(api, dependencies.reconciler);
  mountAlerts(api, database);
  mountAlertChannels(api, dependencies.alerts);
  if (dependencies.settings !== undefined) mountSettings(api, database, dependencies.settings);
  mountEvents(api, tail);
  mountSql(api, queryDatabase);
  mountOtherMethods(router);
  return router;
}

function mountHealth(app: Express, { isReady, metrics }: ControlPlaneDependencies): void {
  app.get("/healthz", (_request, response) => {
    response.json({ status: "ok" });
  });
  app.get("/readyz", async (_request, response) => {
    if (!(await isReadyInTime(isReady))) throw new ProblemError("not_ready", { retryAfterSeconds: 1 });
    response.json({ status: "ready" });
  });
  app.get("/metrics", async (_request, response) => {
    const text = await metrics.metrics();
    response.setHeader("content-type", metrics.contentType);
    response.send(text);
  });
}

async function isReadyInTime(isReady: () => Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_TIMEOUT_MS);
  });
  try {
    return await Promise.race([isReady(), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
