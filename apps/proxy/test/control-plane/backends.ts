import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "vitest";
import type { Database } from "../../src/ledger/database.ts";
import { migrate } from "../../src/ledger/migrate.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";

/** The databases of one test file, migrated, and how to get rid of them. */
export interface TestDatabases {
  readonly database: Database;
  readonly longDatabase: Database;
  close(): Promise<void>;
}

const SERVER_URL = process.env["KEYBRAKE_TEST_DATABASE_URL"];
const MONTHS_AHEAD = 2;

async function openPostgresDatabases(serverUrl: string): Promise<TestDatabases> {
  const name = `keybrake_control_${randomBytes(6).toString("hex")}`;
  const server = openPostgres(serverUrl, { connectionsMax: 1, queryTimeoutMs: null });
  await server.script(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const database = openPostgres(url.href, { connectionsMax: 6 });
  const longDatabase = openPostgres(url.href, { connectionsMax: 2, queryTimeoutMs: null });
  await migrate(longDatabase);
  return {
    database,
    longDatabase,
    close: async () => {
      await database.close();
      await longDatabase.close();
      await server.script(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.close();
    },
  };
}

async function openPgliteDatabases(): Promise<TestDatabases> {
  const dataDir = mkdtempSync(join(tmpdir(), "keybrake-control-"));
  const database = await openPglite(dataDir);
  await migrate(database);
  return {
    database,
    longDatabase: database,
    close: async () => {
      await database.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Both engines; a file loops over them. Without a PostgreSQL server one test says that it is left out. */
export const BACKENDS: readonly { readonly name: string; readonly open: () => Promise<TestDatabases> }[] = [
  { name: "PGlite", open: openPgliteDatabases },
  ...(SERVER_URL === undefined
    ? []
    : [{ name: "PostgreSQL", open: () => openPostgresDatabases(SERVER_URL) }]),
];

/** Says in each file that loops over the backends whether one is missing; with CI=true that is a failure. */
export function requireBackends(): void {
  it("runs on PostgreSQL as well", (context) => {
    if (SERVER_URL !== undefined) return;
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
