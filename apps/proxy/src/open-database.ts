import type { Config } from "./config.ts";
import { lockDataDir } from "./ledger/data-dir-lock.ts";
import type { Database } from "./ledger/database.ts";
import { migrate } from "./ledger/migrate.ts";
import { openPglite } from "./ledger/pglite.ts";
import { openPostgres } from "./ledger/postgres.ts";

/** The connections of one process, by what they are for. */
export interface Databases {
  /** The ledger's own: one flush at a time, never behind a person's query. */
  readonly ledger: Database;
  /** Everything short. */
  readonly general: Database;
  /** Migrations, exports, verifications: no statement timeout. */
  readonly long: Database;
  /** For queries that people write. */
  readonly queries: Database;
  readonly isEmbedded: boolean;
  /** Resolves when the embedded engine has ended by itself: nothing can be decided any more. Null with PostgreSQL. */
  readonly died: Promise<Error> | null;
  close(): Promise<void>;
}

/** Opens PostgreSQL, or the embedded database under a lock of its directory, and brings the schema up to date. */
export async function openDatabases(config: Config): Promise<Databases> {
  const databases =
    config.databaseUrl === null ? await openEmbedded(config.dataDir) : openExternal(config.databaseUrl);
  try {
    await migrate(databases.long);
  } catch (error) {
    await databases.close();
    throw error;
  }
  return databases;
}

function openExternal(url: string): Databases {
  const ledger = openPostgres(url, { connectionsMax: 2 });
  const general = openPostgres(url, { connectionsMax: 8 });
  const long = openPostgres(url, { connectionsMax: 2, queryTimeoutMs: null });
  const queries = openPostgres(url, { connectionsMax: 2, queryTimeoutMs: 30_000, isPrepared: false });
  const close = async () => {
    await Promise.all([ledger, general, long, queries].map((database) => database.close()));
  };
  return { ledger, general, long, queries, isEmbedded: false, died: null, close };
}

async function openEmbedded(dataDir: string): Promise<Databases> {
  const lock = lockDataDir(dataDir);
  try {
    const database = await openPglite(dataDir, { waitsForDisk: true });
    const close = async () => {
      await database.close();
      lock.release();
    };
    return {
      ledger: database,
      general: database,
      long: database,
      queries: database,
      isEmbedded: true,
      died: database.died,
      close,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
