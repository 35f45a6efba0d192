import { randomBytes } from "node:crypto";
import type { AdminClient } from "@keybrake/client";
import { Pool } from "undici";
import { issueKey, storeSecret } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Several replicas on one database of their own, or one on an embedded database. */
export interface Replicas {
  readonly servers: readonly TestServer[];
  readonly admin: AdminClient;
  /** Null = embedded. */
  readonly database: EmptyDatabase | null;
  issue(
    agentId: string,
    policy?: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly id: string; readonly vaultKey: string }>;
  close(): Promise<void>;
}

/** How to start them. */
export interface ReplicasOptions {
  readonly stripeUrl: string;
  /** How many; more than one needs PostgreSQL. */
  readonly count?: number;
  readonly redisUrl?: string;
  /** The address of the database for all replicas but the first. */
  readonly otherDatabaseUrl?: (url: string) => string;
  readonly env?: Readonly<Record<string, string>>;
}

const WIDE = { allowed_endpoints: ["* /v1/payment_intents"], daily_usd_cap: 1_000_000_000, expires_in: "1h" };

/** Starts them. */
export async function openReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { stripeUrl, count = 1, redisUrl, otherDatabaseUrl = (url) => url, env } = options;
  const database = POSTGRES_URL === undefined ? null : await createEmptyDatabase();
  if (database === null && count > 1) throw new Error("several replicas need PostgreSQL");
  const shared = {
    stripeUrl,
    ...(redisUrl === undefined ? {} : { redisUrl }),
    masterKey: randomBytes(32).toString("base64"),
    adminToken: randomBytes(24).toString("hex"),
    ...(env === undefined ? {} : { env }),
  };
  const start = (databaseUrl: string | undefined) =>
    startTestServer({ ...shared, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  const first = await start(database?.url);
  const others = await Promise.all(
    Array.from({ length: count - 1 }, () => start(otherDatabaseUrl(database?.url ?? ""))),
  );
  const servers = [first, ...others];
  await storeSecret(first.admin);
  return {
    servers,
    admin: first.admin,
    database,
    issue: (agentId, policy = {}) => issueKey(first.admin, agentId, { ...WIDE, ...policy }),
    close: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await database?.drop();
    },
  };
}

/** One call's answer. */
export interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly tookMs: number;
  readonly retryAfter: string | null;
  /** Of its row in the audit log. */
  readonly callId: string;
}

/** Creates a payment intent (or what else `form` and `path` say) with a key. */
export async function charge(
  pool: Pool,
  vaultKey: string,
  { form = "amount=1000&currency=usd", path = "/v1/payment_intents" } = {},
): Promise<Answer> {
  const startedAtMs = performance.now();
  const answer = await pool.request({
    method: "POST",
    path,
    headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/x-www-form-urlencoded" },
    body: form,
  });
  const text = await answer.body.text();
  const retryAfter = answer.headers["retry-after"];
  return {
    status: answer.statusCode,
    code: /"code":"([a-z_]+)"/.exec(text)?.[1] ?? null,
    tookMs: performance.now() - startedAtMs,
    retryAfter: typeof retryAfter === "string" ? retryAfter : null,
    callId: String(answer.headers["keybrake-call-id"]),
  };
}

/** So many callers that do one thing again and again until they are stopped; resolves with all answers. */
export function keepCalling(
  server: TestServer,
  callers: number,
  call: (pool: Pool) => Promise<Answer>,
): { readonly answers: readonly Answer[]; stop(): Promise<readonly Answer[]> } {
  const pool = new Pool(server.dataUrl, { connections: callers });
  const answers: Answer[] = [];
  let isRunning = true;
  const ended = Array.from({ length: callers }, async () => {
    while (isRunning) answers.push(await call(pool));
  });
  return {
    answers,
    stop: async () => {
      isRunning = false;
      await Promise.all(ended);
      await pool.close();
      return answers;
    },
  };
}
