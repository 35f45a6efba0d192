import pg from "pg";
import type { Database, Row } from "./database.ts";

const INT8 = 20;
const INT8_ARRAY = 1016;
const CONNECT_TIMEOUT_MS = 900;
/** A statement of ours takes milliseconds; past this the connection is given up and its outcome is unknown. */
const QUERY_TIMEOUT_MS = 5_000;
const RELISTEN_DELAY_MS = 250;

const types = {
  getTypeParser(oid: number, format?: "text" | "binary") {
    if (oid === INT8) return (text: string) => BigInt(text);
    if (oid === INT8_ARRAY)
      return (text: string) => (text === "{}" ? [] : text.slice(1, -1).split(",").map(BigInt));
    return pg.types.getTypeParser(oid, format);
  },
} as pg.CustomTypesConfig;

/**
 * Opens a pool of connections to PostgreSQL 15 or newer. Nothing is contacted until the first query.
 * `queryTimeoutMs` bounds one statement; null = none (an audit verification, a migration). `isPrepared` is false where
 * people write the statements: each would be kept for good. `addsUp` is for sums over many groups: they stay in memory.
 */
export function openPostgres(
  url: string,
  options?: {
    connectionsMax?: number;
    queryTimeoutMs?: number | null;
    isPrepared?: boolean;
    addsUp?: boolean;
  },
): Database {
  const timeoutMs = options?.queryTimeoutMs === undefined ? QUERY_TIMEOUT_MS : options.queryTimeoutMs;
  const isPrepared = options?.isPrepared ?? true;
  const config: pg.PoolConfig = {
    connectionString: url,
    max: options?.connectionsMax ?? 8,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    types,
    application_name: "keybrake",
    keepAlive: true,
    ...(options?.addsUp === true ? { onConnect: prepareToAddUp } : {}),
    ...(timeoutMs === null ? {} : { query_timeout: timeoutMs, statement_timeout: timeoutMs }),
  };
  const pool = new pg.Pool(config);
  // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
  pool.on("error", () => undefined);
  // Nor has a connection one that is being closed, when the server ends it first.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const listeners = new Set<Listener>();
  return {
    kind: "postgres",
    query: async (text, values) =>
      (await pool.query({ ...(isPrepared ? nameOf(text) : {}), text, values: [...(values ?? [])] }))
        .rows as Row[],
    script: async (text) => {
      const client = await pool.connect();
      try {
        await client.query(text);
        client.release();
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
    listen: async (channel, onPayload) => {
      const listener = new Listener(config, channel, onPayload);
      listeners.add(listener);
      await listener.start();
    },
    close: async () => {
      for (const listener of listeners) await listener.stop();
      await pool.end();
    },
  };
}

/** 4 MB, the default, hold some ten thousand groups; the rest would go to disk. A sum is over before it could be compiled. */
async function prepareToAddUp(client: pg.ClientBase): Promise<void> {
  await client.query("SELECT set_config('work_mem', '32MB', false), set_config('jit', 'off', false)");
}

const names = new Map<string, string>();
const NAMES_MAX = 200;

/** Statements are prepared once a connection: our own texts are few. */
function nameOf(text: string): { name?: string } {
  const known = names.get(text);
  if (known !== undefined) return { name: known };
  if (names.size >= NAMES_MAX) return {};
  const name = `keybrake_${names.size}`;
  names.set(text, name);
  return { name };
}

/** One connection that listens, and reconnects for as long as it is not stopped. */
class Listener {
  readonly #config: pg.PoolConfig;
  readonly #channel: string;
  readonly #onPayload: (payload: string | null) => void;
  #client: pg.Client | null = null;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: pg.PoolConfig, channel: string, onPayload: (payload: string | null) => void) {
    this.#config = config;
    this.#channel = channel;
    this.#onPayload = onPayload;
  }

  async start(): Promise<void> {
    const { statement_timeout: _, query_timeout: __, ...rest } = this.#config;
    const client = new pg.Client(rest);
    this.#client = client;
    client.on("error", () => this.#restart(client));
    client.on("end", () => this.#restart(client));
    client.on("notification", (message) => this.#onPayload(message.payload ?? ""));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(this.#channel)}`);
      this.#onPayload(null);
    } catch {
      this.#restart(client);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  #restart(client: pg.Client): void {
    if (this.#isStopped || client !== this.#client) return;
    this.#client = null;
    this.#onPayload(null);
    client.end().catch(() => undefined);
    this.#timer = setTimeout(() => void this.start(), RELISTEN_DELAY_MS);
  }
}
