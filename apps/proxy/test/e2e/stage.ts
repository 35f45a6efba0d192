import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Call, createAgentClient, type Me } from "@keybrake/client";
import { type FakeStripe, openFakeStripe, type RecordedRequest } from "@keybrake/sandbox";
import type Stripe from "stripe";
import { afterAll, beforeAll, test } from "vitest";
import { CANARY_SECRET, issueKey, storeSecret, stripeClient } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { newDataDir, type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";

/** How long a row may take to leave the state `reserved`; far more than any call of these tests. */
const ROW_WAIT_MS_MAX = 15_000;
const ROW_POLL_MS = 15;

/** The vendor's answer is awaited for 80 seconds. Servers under test give up after these milliseconds instead. */
const HASTY_TIMEOUT_MS = 4_000;

/** What the yen, the dinar and the krona are worth here; the pound is known to nobody. */
const RATES = { jpy: "0.0067", kwd: "3.26", isk: "0.0075" };
const MARKUP_BPS = 200;

const GENEROUS = { daily_usd_cap: 1000, allowed_endpoints: ["* /v1/**"], expires_in: "1h" };

/** An agent of the crew: its vault key, the official SDK as it configures it, and what the books say about it. */
export interface Agent {
  readonly id: string;
  readonly agentId: string;
  readonly vaultKey: string;
  /** With the SDK's own defaults. */
  readonly stripe: Stripe;
  /** The same, but it never retries by itself: one call is one request. */
  readonly once: Stripe;
  /** Every audit row of the key, oldest first, once none of them is still open. */
  rows(): Promise<Call[]>;
  /** The same as `[endpoint, state, reserved, cost]`, or `[endpoint, code]` of a refusal. */
  books(): Promise<string[][]>;
  /** What counts against the key's daily cap, holds included, in dollars. */
  used(): Promise<string>;
  me(): Promise<Me>;
}

export interface AgentOptions {
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly agentId?: string;
  readonly crewRunId?: string;
}

/** A server process, the fake Stripe behind it, and agents with keys of their own. */
export class Stage {
  readonly server: TestServer;
  /** Null = embedded. */
  readonly database: EmptyDatabase | null;
  fake: FakeStripe;
  #agents = 0;

  constructor(server: TestServer, database: EmptyDatabase | null, fake: FakeStripe) {
    this.server = server;
    this.database = database;
    this.fake = fake;
  }

  /** Issues a key to a new agent, or to the one named. */
  agent(options: AgentOptions = {}): Promise<Agent> {
    return createAgent(this.server, { agentId: `agent_${++this.#agents}`, ...options });
  }

  /** The official SDK with the real key, past Keybrake: what happens at the vendor without us. */
  get direct(): Stripe {
    return stripeClient(this.fake.url, CANARY_SECRET);
  }

  /** Starts to watch the vendor; the returned function gives what has arrived there since. */
  watch(): () => readonly RecordedRequest[] {
    const { fake } = this;
    const seen = fake.requests.at(-1)?.sequence ?? 0;
    return () => fake.requests.filter((request) => request.sequence > seen);
  }

  /** Dollars (in cents) that the vendor has taken from cards so far. */
  get captured(): number {
    return this.fake.money()["usd"]?.captured ?? 0;
  }
}

/** Issues a key. Unless the policy says otherwise it may do everything below /v1, for a thousand dollars a day. */
export async function createAgent(server: TestServer, options: AgentOptions = {}): Promise<Agent> {
  const { policy, agentId = "agent", crewRunId } = options;
  const { id, vaultKey } = await issueKey(server.admin, agentId, { ...GENEROUS, ...policy }, crewRunId);
  const me = () => createAgentClient({ baseUrl: server.dataUrl, vaultKey }).me();
  const rows = () => readRows(server, id);
  return {
    id,
    agentId,
    vaultKey,
    stripe: stripeClient(server.dataUrl, vaultKey),
    once: stripeClient(server.dataUrl, vaultKey, { maxNetworkRetries: 0 }),
    rows,
    books: async () => (await rows()).map(summarize),
    me,
    used: async () => {
      const { budgets } = await me();
      return budgets.find(({ unit, window }) => unit === "usd" && window === "daily")?.used ?? "no daily cap";
    },
  };
}

/** `METHOD /path` of what reached the vendor, without queries. */
export function pathsOf(requests: readonly RecordedRequest[]): string[] {
  return requests.map(({ method, url }) => `${method} ${url.split("?")[0]}`);
}

/** The form fields of a request as the vendor saw them. */
export function fieldsOf(request: RecordedRequest | undefined): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(request?.body ?? ""));
}

/** Keeps asking until `isTrue`; rejects after fifteen seconds. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ROW_WAIT_MS_MAX;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`in vain waited until ${what}`);
    await delay(ROW_POLL_MS);
  }
}

async function readRows(server: TestServer, vaultKeyId: string): Promise<Call[]> {
  let rows: Call[] = [];
  await until("no call is open any more", async () => {
    rows = [...(await server.admin.calls.list({ vault_key_id: vaultKeyId, limit: 1000 })).data];
    return rows.every(({ state }) => state !== "reserved");
  });
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function summarize(row: Call): string[] {
  const what = row.endpoint ?? `${row.method} ${row.path}`;
  return row.state === "denied"
    ? [what, row.denial_code ?? ""]
    : [what, row.state, row.reserved_usd, row.cost_usd];
}

/** A place for the ledger. */
export interface Backend {
  readonly name: string;
  readonly createDatabase: () => Promise<EmptyDatabase | null>;
}

const EMBEDDED: Backend = { name: "embedded", createDatabase: async () => null };
const POSTGRES: Backend = { name: "PostgreSQL", createDatabase: createEmptyDatabase };

/** Every place for the ledger that this machine has. */
export const BACKENDS: readonly Backend[] = POSTGRES_URL === undefined ? [EMBEDDED] : [EMBEDDED, POSTGRES];

/** For what does not depend on the ledger: whichever starts faster. */
export const ANY_BACKEND: Backend = POSTGRES_URL === undefined ? EMBEDDED : POSTGRES;

/** Says whether a backend is missing; with CI=true that is a failure. */
export function requireBackends(): void {
  test("runs on PostgreSQL as well", (context) => {
    if (POSTGRES_URL !== undefined) return;
    if (["1", "true"].includes(process.env["CI"] ?? ""))
      throw new Error("KEYBRAKE_TEST_DATABASE_URL is not set");
    context.skip("KEYBRAKE_TEST_DATABASE_URL is not set");
  });
}

export type LastingOptions = ServerOptions & { readonly dataDir: string };

/** What a server needs to start again on the same ledger. */
export async function lastingOptions(database: EmptyDatabase | null): Promise<LastingOptions> {
  return {
    adminToken: randomBytes(24).toString("hex"),
    dataDir: await newDataDir(database === null),
    ...(database === null
      ? {}
      : { databaseUrl: database.url, masterKey: randomBytes(32).toString("base64") }),
  };
}

/** Removes what `lastingOptions` and `createDatabase` made. */
export async function removeLedger(
  options: { readonly dataDir: string },
  database: EmptyDatabase | null,
): Promise<void> {
  rmSync(options.dataDir, { recursive: true, force: true });
  await database?.drop();
}

/** Opens a stage before the tests of a suite and closes it after them. */
export function useStage(backend: Backend): () => Stage {
  let stage: Stage | undefined;
  beforeAll(async () => {
    const fake = await openFakeStripe({ secretKeys: [CANARY_SECRET] });
    const database = await backend.createDatabase();
    const options = await lastingOptions(database);
    const env = { KEYBRAKE_RATES_FILE: writeRates(options.dataDir), NODE_OPTIONS: hastenTimeouts() };
    const server = await startTestServer({ ...options, stripeUrl: fake.url, env });
    await storeSecret(server.admin);
    stage = new Stage(server, database, fake);
  }, 120_000);
  afterAll(async () => {
    await stage?.server.stop();
    await stage?.fake.close();
    await stage?.database?.drop();
  });
  return () => {
    if (stage === undefined) throw new Error("the stage is not open");
    return stage;
  };
}

/** Writes the rate table of these tests; returns its path. */
export function writeRates(directory: string): string {
  const file = path.join(directory, "usd-rates.json");
  const asOf = new Date().toISOString().slice(0, 10);
  writeFileSync(file, JSON.stringify({ as_of: asOf, usd_per: RATES, markup_bps: MARKUP_BPS }));
  return file;
}

/**
 * Makes the one timer of 80 seconds that the server waits for a vendor with fire early, so that a vendor that hangs
 * costs a test seconds: the product's code is untouched, only that clock is faster.
 */
function hastenTimeouts(): string {
  const code = `const wait = globalThis.setTimeout;
    globalThis.setTimeout = Object.assign((work, ms, ...rest) => wait(work, ms === 80000 ? ${HASTY_TIMEOUT_MS} : ms, ...rest), wait);`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}
