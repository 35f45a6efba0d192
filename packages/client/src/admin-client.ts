import type { z } from "zod";
import type { Call, ListCalls } from "./contract/call.ts";
import type { KeybrakeEvent } from "./contract/event.ts";
import type { Page } from "./contract/page.ts";
import type { ROUTES } from "./contract/routes.ts";
import { readEvents, readLines } from "./event-stream.ts";
import { API_ROOT, OPERATIONS, type OperationName } from "./operations.ts";
import { createTransport, type Transport } from "./transport.ts";

/** How to reach the control plane. */
export interface AdminClientOptions {
  /** Such as `http://127.0.0.1:8788`. */
  readonly baseUrl: string;
  /** Null in a browser that has a session: its cookie proves who asks. */
  readonly token: string | null;
  /** In a session: what `session.get()` answered as `csrf`; every change needs it. */
  readonly csrf?: () => string | null;
  /** For another `fetch`, such as one with its own connection pool. */
  readonly fetch?: typeof fetch;
  /** Until one answer is complete; 30 s by default. A verification and a query may take longer. */
  readonly timeoutMs?: number;
}

type Routes = typeof ROUTES;
type Schema<Value> = Value extends z.ZodType ? Value : never;
type QueryOf<Name extends OperationName> = z.input<Schema<Routes[Name]["query"]>>;
type BodyOf<Name extends OperationName> = z.input<Schema<Routes[Name]["body"]>>;
type AnswersOf<Name extends OperationName> = Routes[Name]["answers"];
type AnswerOf<Name extends OperationName> = z.output<
  Schema<Extract<AnswersOf<Name>[keyof AnswersOf<Name>], { schema: unknown }>["schema"]>
>;

/** A verification reads the whole log. */
const VERIFY_TIMEOUT_MS = 15 * 60_000;
/** A dry run reads for at most 20 s. */
const DRY_RUN_TIMEOUT_MS = 60_000;
/** A reconciliation reads hundreds of pages at the vendor. */
const RECONCILE_TIMEOUT_MS = 15 * 60_000;
const SQL_TIMEOUT_MS = 60_000;
/** The server sends a heartbeat every 15 s. */
const EVENT_SILENCE_MS_MAX = 45_000;

/** How to follow events. */
export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Called once the server follows: nothing that happens from then on is missed. */
  readonly onOpen?: () => void;
}

export type AdminClient = ReturnType<typeof createAdminClient>;

/**
 * Makes a client of the admin API. Every method rejects with a `KeybrakeApiError` when the server refuses, and with a
 * `KeybrakeConnectionError` when there is no answer in time; nothing is ever tried twice. Answers have the types of
 * the contract and are not checked again, so that a newer server may add to them.
 */
export function createAdminClient(options: AdminClientOptions) {
  const { baseUrl, token: credential, csrf, fetch, timeoutMs } = options;
  const transport = createTransport({ baseUrl, credential, csrf, fetch, timeoutMs });
  const send = createSend(transport);
  return {
    secrets: {
      create: (body: BodyOf<"createSecret">) => send("createSecret", { body }),
      list: (query: QueryOf<"listSecrets"> = {}) => send("listSecrets", { query }),
      update: (name: string, body: BodyOf<"updateSecret">) =>
        send("updateSecret", { params: { name }, body }),
      rotate: (name: string, body: BodyOf<"rotateSecret">) =>
        send("rotateSecret", { params: { name }, body }),
      delete: (name: string): Promise<void> => send("deleteSecret", { params: { name } }),
    },
    vaultKeys: {
      create: (body: BodyOf<"createVaultKey">) => send("createVaultKey", { body }),
      list: (query: QueryOf<"listVaultKeys"> = {}) => send("listVaultKeys", { query }),
      get: (id: string) => send("getVaultKey", { params: { id } }),
      update: (id: string, body: BodyOf<"updateVaultKey">) =>
        send("updateVaultKey", { params: { id }, body }),
      revoke: (id: string, body: BodyOf<"revokeVaultKey"> = {}) =>
        send("revokeVaultKey", { params: { id }, body }),
    },
    runs: {
      list: (query: QueryOf<"listRuns"> = {}) => send("listRuns", { query }),
      revoke: (crewRunId: string, body: BodyOf<"revokeRun"> = {}) =>
        send("revokeRun", { params: { crew_run_id: crewRunId }, body }),
    },
    agents: {
      list: (query: QueryOf<"listAgents"> = {}) => send("listAgents", { query }),
      revoke: (agentId: string, body: BodyOf<"revokeAgent"> = {}) =>
        send("revokeAgent", { params: { agent_id: agentId }, body }),
    },
    /** What this version knows of the vendors' APIs. */
    endpoints: { list: (query: QueryOf<"listEndpoints"> = {}) => send("listEndpoints", { query }) },
    policies: {
      templates: (query: QueryOf<"listPolicyTemplates"> = {}) => send("listPolicyTemplates", { query }),
      /** What a policy would have done to recorded calls. Nothing is changed. */
      dryRun: (body: BodyOf<"dryRunPolicy">) => send("dryRunPolicy", { body, timeoutMs: DRY_RUN_TIMEOUT_MS }),
    },
    killSwitch: {
      get: () => send("getKillSwitch", {}),
      set: (body: BodyOf<"setKillSwitch">) => send("setKillSwitch", { body }),
    },
    calls: {
      list: (query: ListCalls = {}) => send("listCalls", { query }),
      get: (id: string) => send("getCall", { params: { id } }),
      /** What it counts in, and what the audit chain proves of it. */
      evidence: (id: string) => send("getCallEvidence", { params: { id } }),
      /** Every matching row as CSV, in parts of any size; `limit` is the most rows. */
      csv: (query: ListCalls = {}) => streamCalls(transport, query, "csv"),
      /** Every matching row, one by one; `limit` is the most rows. */
      ndjson: (query: ListCalls = {}) => parseCalls(streamCalls(transport, query, "ndjson")),
    },
    activity: { list: (query: QueryOf<"listActivity"> = {}) => send("listActivity", { query }) },
    vendorQuota: { list: (query: QueryOf<"listVendorQuota"> = {}) => send("listVendorQuota", { query }) },
    denials: { list: (query: QueryOf<"listDenials"> = {}) => send("listDenials", { query }) },
    spend: { list: (query: QueryOf<"listSpend">) => send("listSpend", { query }) },
    budgets: {
      create: (body: BodyOf<"createBudget">) => send("createBudget", { body }),
      list: (query: QueryOf<"listBudgets"> = {}) => send("listBudgets", { query }),
      delete: (id: string): Promise<void> => send("deleteBudget", { params: { id } }),
    },
    adminTokens: {
      create: (body: BodyOf<"createAdminToken">) => send("createAdminToken", { body }),
      list: (query: QueryOf<"listAdminTokens"> = {}) => send("listAdminTokens", { query }),
      revoke: (id: string): Promise<void> => send("revokeAdminToken", { params: { id } }),
    },
    masterKey: {
      get: () => send("getMasterKey", {}),
      rotate: () => send("rotateMasterKey", {}),
    },
    session: {
      create: (body: BodyOf<"createSession">) => send("createSession", { body }),
      get: () => send("getSession", {}),
      delete: (): Promise<void> => send("deleteSession", {}),
    },
    /** A code for a login link: ten minutes, once, in the name of whoever asks. */
    loginCodes: { create: () => send("createLoginCode", {}) },
    adminEvents: {
      list: (query: QueryOf<"listAdminEvents"> = {}) => send("listAdminEvents", { query }),
    },
    audit: {
      verify: () => send("verifyAudit", { timeoutMs: VERIFY_TIMEOUT_MS }),
      /** Whether the database lacks what it had, and what was lost and accepted before. */
      history: () => send("getAuditHistory", {}),
      /** Goes on without what was lost. */
      acceptHistory: (body: BodyOf<"acceptHistory">) => send("acceptHistory", { body }),
    },
    alerts: { list: (query: QueryOf<"listAlerts"> = {}) => send("listAlerts", { query }) },
    alertChannels: {
      create: (body: BodyOf<"createAlertChannel">) => send("createAlertChannel", { body }),
      list: (query: QueryOf<"listAlertChannels"> = {}) => send("listAlertChannels", { query }),
      update: (id: string, body: BodyOf<"updateAlertChannel">) =>
        send("updateAlertChannel", { params: { id }, body }),
      delete: (id: string): Promise<void> => send("deleteAlertChannel", { params: { id } }),
      /** Sends a test alert now, once, and tells what came of it. */
      test: (id: string) => send("testAlertChannel", { params: { id } }),
    },
    /** What is in force, and where it comes from. */
    settings: { get: () => send("getSettings", {}) },
    prices: {
      /** A price table with what Twilio's own pricing API says of some countries. Nothing is changed. */
      refresh: (body: BodyOf<"refreshPrices">) =>
        send("refreshPrices", { body, timeoutMs: RECONCILE_TIMEOUT_MS }),
    },
    /** Compares a day with the vendor's own records; with `apply` it settles what those decide. */
    reconcile: (body: BodyOf<"reconcile">) => send("reconcile", { body, timeoutMs: RECONCILE_TIMEOUT_MS }),
    sql: {
      query: (query: string) => send("runSql", { body: { query }, timeoutMs: SQL_TIMEOUT_MS }),
    },
    /** Follows calls, changes and alerts until `signal` is aborted or the loop is left. Nothing is replayed. */
    events: (options: FollowOptions = {}) => followEvents(transport, options),
  };
}

/** Goes through every entry of a paged list: `for await (const key of eachItem(client.vaultKeys.list, {}))`. */
export async function* eachItem<Item, Query extends object>(
  list: (query: Query & { cursor?: string }) => Promise<Page<Item>>,
  query: Query,
): AsyncGenerator<Item, void, undefined> {
  let page = await list(query);
  while (true) {
    yield* page.data;
    if (page.next_cursor === null) return;
    page = await list({ ...query, cursor: page.next_cursor });
  }
}

interface SendOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: object;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

function createSend(transport: Transport) {
  return async <Name extends OperationName>(name: Name, options: SendOptions): Promise<AnswerOf<Name>> => {
    const { params = {}, query, body, timeoutMs } = options;
    const answer = await transport.json({
      ...addressOf(name, params),
      query: query as Record<string, string | number | undefined> | undefined,
      body,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return answer as AnswerOf<Name>;
  };
}

function addressOf(name: OperationName, params: Readonly<Record<string, string>>) {
  const { method, path } = OPERATIONS[name];
  const filled = path.replace(/\{(\w+)\}/g, (_, parameter: string) =>
    encodeURIComponent(params[parameter] ?? ""),
  );
  return { method, path: API_ROOT + filled };
}

function streamCalls(transport: Transport, query: ListCalls, format: "csv" | "ndjson") {
  const accept = format === "csv" ? "text/csv" : "application/x-ndjson";
  return transport.stream({ ...addressOf("listCalls", {}), query: { ...query, format }, accept });
}

async function* parseCalls(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Call, void, undefined> {
  for await (const line of readLines(chunks)) if (line !== "") yield JSON.parse(line) as Call;
}

async function* followEvents(
  transport: Transport,
  { signal, onOpen = () => undefined }: FollowOptions,
): AsyncGenerator<KeybrakeEvent, void, undefined> {
  const chunks = transport.stream({
    ...addressOf("streamEvents", {}),
    accept: "text/event-stream",
    timeoutMs: EVENT_SILENCE_MS_MAX,
    signal,
  });
  try {
    for await (const { event, data } of readEvents(tellFirst(chunks, onOpen))) {
      yield { event, data: JSON.parse(data) } as KeybrakeEvent;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** The server's first bytes say that it follows. */
async function* tellFirst(
  chunks: AsyncIterable<Uint8Array>,
  onFirst: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst) onFirst();
    isFirst = false;
    yield chunk;
  }
}
