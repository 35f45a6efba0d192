import { setTimeout as delay } from "node:timers/promises";
import type { LedgerFaults } from "@keybrake/core/testing";
import pg from "pg";
import type { Database, Row } from "../../src/ledger/database.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createTestDatabase, createTestDataDir } from "../support/databases.ts";
import { openTcpRelay, type TcpRelay } from "./tcp-relay.ts";

const POLL_MS = 5;
const POLLS_MAX = 2_000;
/** What the statement of a flush says. */
const FLUSH = "ledger_flush";
const IS_FLUSH = `query LIKE '%${FLUSH}%' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()`;

/** One migrated database, seen from beside the replicas that a test starts on it. */
export interface SqlStore {
  /** For setting scenes and looking at rows, on connections of its own. */
  readonly control: Database;
  /** The connections of the replica under test: those of its flushes can be hurt by `faults`. */
  readonly ledgerDatabase: Database;
  readonly generalDatabase: Database;
  readonly faults: LedgerFaults | null;
  /** Keeps everybody from a table; resolves with the function that ends it. Null when there is one connection only. */
  readonly lockTable: ((table: string) => Promise<() => Promise<void>>) | null;
  /** Opens the connections of one more replica; they are closed with the store. */
  openDatabase(): Database;
  /** Runs several statements in one transaction; returns the rows of the last. */
  transact(
    statements: readonly (readonly [text: string, values: readonly unknown[]])[],
  ): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/**
 * Opens a store on a PostgreSQL database of its own. Its replicas are the role that a server should be, which may write
 * to the ledger through its functions only; scenes are set by the owner.
 */
export async function openPostgresStore(): Promise<SqlStore> {
  const { url, runtimeUrl, drop } = await createTestDatabase();
  const target = new URL(runtimeUrl);
  const relay = await openTcpRelay(target.hostname, Number(target.port || 5432), FLUSH);
  const relayed = new URL(runtimeUrl);
  relayed.hostname = "127.0.0.1";
  relayed.port = String(relay.port);
  const opened: Database[] = [];
  const open = (address: string, connectionsMax: number) => {
    const database = openPostgres(address, { connectionsMax });
    opened.push(database);
    return database;
  };
  const own = new pg.Pool({ connectionString: url, max: 4, application_name: "keybrake test" });
  own.on("error", () => undefined);
  return {
    control: open(url, 6),
    ledgerDatabase: open(relayed.href, 2),
    generalDatabase: open(runtimeUrl, 4),
    faults: createFaults(own, relay),
    lockTable: (table) => lockTable(own, table),
    openDatabase: () => open(runtimeUrl, 2),
    transact: (statements) => transact(own, statements),
    close: async () => {
      await Promise.all(opened.map((database) => database.close()));
      await own.end();
      await relay.close();
      await drop();
    },
  };
}

/** Opens a store on an embedded database of its own, in a directory that goes with it. */
export async function openPgliteStore(): Promise<SqlStore> {
  const dataDir = await createTestDataDir();
  const database = await openPglite(dataDir.path);
  return {
    control: database,
    ledgerDatabase: database,
    generalDatabase: database,
    faults: null,
    lockTable: null,
    openDatabase: () => database,
    transact: async (statements) => {
      let rows: readonly Row[] = [];
      for (const [text, values] of statements) rows = await database.query(text, values);
      return rows;
    },
    close: async () => {
      await database.close();
      dataDir.remove();
    },
  };
}

function createFaults(own: pg.Pool, relay: TcpRelay): LedgerFaults {
  return {
    stall: async () => {
      const client = await own.connect();
      await client.query("SELECT pg_advisory_lock(ledger_barrier())");
      return async () => {
        await client.query("SELECT pg_advisory_unlock(ledger_barrier())");
        client.release();
      };
    },
    reached: () =>
      pollUntil(async () => {
        const { rows } = await own.query(
          `SELECT 1 FROM pg_stat_activity WHERE ${IS_FLUSH} AND wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      }),
    killConnections: async () => {
      await own.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${IS_FLUSH}`);
    },
    cutConnections: () => relay.cut(),
    delayNextOperation: () => relay.delayNextRequest(),
    loseNextAnswer: () => relay.loseNextAnswer(),
  };
}

async function lockTable(own: pg.Pool, table: string): Promise<() => Promise<void>> {
  const client = await own.connect();
  await client.query("BEGIN");
  await client.query(`LOCK TABLE ${pg.escapeIdentifier(table)} IN ACCESS EXCLUSIVE MODE`);
  return async () => {
    await client.query("ROLLBACK");
    client.release();
  };
}

async function transact(
  pool: pg.Pool,
  statements: readonly (readonly [text: string, values: readonly unknown[]])[],
): Promise<readonly Row[]> {
  const client = await pool.connect();
  try {
    let rows: readonly Row[] = [];
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    for (const [text, values] of statements) rows = (await client.query(text, [...values])).rows;
    await client.query("COMMIT");
    return rows;
  } finally {
    client.release();
  }
}

/** Asks again and again, for a few seconds, because a lock that somebody waits for tells nobody. */
export async function pollUntil(isSo: () => Promise<boolean>): Promise<void> {
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    if (await isSo()) return;
    await delay(POLL_MS);
  }
  throw new Error("what the test waits for did not happen");
}
