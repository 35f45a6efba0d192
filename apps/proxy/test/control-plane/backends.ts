import { it } from "vitest";
import type { Database } from "../../src/ledger/database.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createTestDatabase, createTestDataDir, DATABASE_URL } from "../support/databases.ts";

/** The databases of one test file, migrated, and how to get rid of them. */
export interface TestDatabases {
  /** As the server has them: on PostgreSQL under a role that may change the ledger through its functions only. */
  readonly database: Database;
  readonly longDatabase: Database;
  /** For setting scenes and looking at rows, as the owner of the tables. */
  readonly ownerDatabase: Database;
  close(): Promise<void>;
}

const MONTHS_AHEAD = 2;

async function openPostgresDatabases(): Promise<TestDatabases> {
  const { url, runtimeUrl, drop } = await createTestDatabase();
  const database = openPostgres(runtimeUrl, { connectionsMax: 6 });
  const longDatabase = openPostgres(runtimeUrl, { connectionsMax: 2, queryTimeoutMs: null });
  const ownerDatabase = openPostgres(url, { connectionsMax: 4 });
  return {
    database,
    longDatabase,
    ownerDatabase,
    close: async () => {
      await ownerDatabase.close();
      await database.close();
      await longDatabase.close();
      await drop();
    },
  };
}

async function openPgliteDatabases(): Promise<TestDatabases> {
  const dataDir = await createTestDataDir();
  const database = await openPglite(dataDir.path);
  return {
    database,
    longDatabase: database,
    ownerDatabase: database,
    close: async () => {
      await database.close();
      dataDir.remove();
    },
  };
}

/** Both engines; a file loops over them. Without a PostgreSQL server one test says that it is left out. */
export const BACKENDS: readonly { readonly name: string; readonly open: () => Promise<TestDatabases> }[] = [
  { name: "PGlite", open: openPgliteDatabases },
  ...(DATABASE_URL === undefined ? [] : [{ name: "PostgreSQL", open: openPostgresDatabases }]),
];

/** Says in each file that loops over the backends whether one is missing; with CI=true that is a failure. */
export function requireBackends(): void {
  it("runs on PostgreSQL as well", (context) => {
    if (DATABASE_URL !== undefined) return;
    if (process.env["CI"] === "true") throw new Error("KEYBRAKE_TEST_DATABASE_URL is not set");
    context.skip("KEYBRAKE_TEST_DATABASE_URL is not set");
  });
}

/** Gives the ledger what it needs before the first call: this month's partition, and a replica that lives. */
export async function startEpoch(database: Database): Promise<bigint> {
  await database.query("SELECT ensure_partitions($1)", [MONTHS_AHEAD]);
  const [row] = await database.query(
    "INSERT INTO replicas (name, version, lease_until) VALUES ('test', '0', now() + interval '1 hour') RETURNING epoch",
  );
  return row?.["epoch"] as bigint;
}
