import type { Config } from "./config.ts";
import { lockDataDir } from "./ledger/data-dir-lock.ts";
import { type Database, sqlStateOf } from "./ledger/database.ts";
import { migrate } from "./ledger/migrate.ts";
import { openPglite } from "./ledger/pglite.ts";
import { openPostgres } from "./ledger/postgres.ts";

/** The connections of one process, by what they are for. */
export interface Databases {
  /** The ledger's own: one flush at a time, never behind a person's query. */
  readonly ledger: Database;
  /** Everything short. */
  readonly general: Database;
  /** Migrations, exports, sums, verifications: no statement timeout. */
  readonly long: Database;
  /** For queries that people write. */
  readonly queries: Database;
  readonly isEmbedded: boolean;
  /** Whether this process could change the audit log past the ledger's functions: its role owns the tables. */
  readonly isOwner: boolean;
  /** Resolves when the embedded engine has ended by itself: nothing can be decided any more. Null with PostgreSQL. */
  readonly died: Promise<Error> | null;
  close(): Promise<void>;
}

/** Opens PostgreSQL, or the embedded database under a lock of its directory, and brings the schema up to date. */
export async function openDatabases(config: Config): Promise<Databases> {
  const { databaseUrl, databaseOwnerUrl, dataDir } = config;
  if (databaseUrl !== null && databaseOwnerUrl !== null) await migrateAsOwner(databaseOwnerUrl, databaseUrl);
  const opened = databaseUrl === null ? await openEmbedded(dataDir) : openExternal(databaseUrl);
  try {
    await migrate(opened.long).catch((error: unknown) => {
      throw isForbidden(error) ? new Error(FORBIDDEN, { cause: error }) : error;
    });
    return { ...opened, isOwner: await isOwner(opened.general) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Brings the schema up to date as its owner, and gives the role in `databaseUrl` what the server needs of it. Returns the
 * migrations that were applied. Rejects when that role does not exist, or could undo what the rights are for.
 */
export async function migrateAsOwner(ownerUrl: string, databaseUrl: string): Promise<readonly string[]> {
  const owner = openPostgres(ownerUrl, { connectionsMax: 1, queryTimeoutMs: null });
  try {
    const applied = await migrate(owner);
    await grantRuntime(owner, decodeURIComponent(new URL(databaseUrl).username));
    return applied;
  } finally {
    await owner.close();
  }
}

async function grantRuntime(owner: Database, role: string): Promise<void> {
  const [row] = await owner.query(
    `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1) AS exists,
       EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1 AND pg_has_role(rolname, current_user, 'MEMBER')) AS is_owner`,
    [role],
  );
  if (row?.["exists"] !== true) {
    const statement = `CREATE ROLE "${role.replaceAll('"', '""')}" LOGIN PASSWORD '…'`;
    throw new Error(
      `the role \`${role}\` of KEYBRAKE_DATABASE_URL does not exist: run ${statement}, and start again`,
    );
  }
  // The owner, or one of its members, or a superuser: no right can be kept from it, and the start will say so.
  if (row["is_owner"] === true) return;
  await owner.query("SELECT grant_runtime($1)", [role]).catch((error: unknown) => {
    const hint = error instanceof Error && "hint" in error ? `: ${String(error.hint)}` : "";
    throw new Error(`${error instanceof Error ? error.message : String(error)}${hint}`, { cause: error });
  });
}

async function isOwner(database: Database): Promise<boolean> {
  const [row] = await database.query(
    "SELECT pg_has_role(relowner, 'USAGE') AS is_owner FROM pg_class WHERE oid = 'calls'::regclass",
  );
  return row?.["is_owner"] === true;
}

const FORBIDDEN =
  "the database's schema is not up to date, and this role may not change it: set KEYBRAKE_DATABASE_OWNER_URL to the " +
  "owner of the tables, or run `npx keybrake migrate` with it";

function isForbidden(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return sqlStateOf(cause) === "42501";
}

type Opened = Omit<Databases, "isOwner">;

function openExternal(url: string): Opened {
  const ledger = openPostgres(url, { connectionsMax: 2 });
  const general = openPostgres(url, { connectionsMax: 8 });
  const long = openPostgres(url, { connectionsMax: 6, queryTimeoutMs: null, addsUp: true });
  const queries = openPostgres(url, { connectionsMax: 2, queryTimeoutMs: 30_000, isPrepared: false });
  const close = async () => {
    await Promise.all([ledger, general, long, queries].map((database) => database.close()));
  };
  return { ledger, general, long, queries, isEmbedded: false, died: null, close };
}

async function openEmbedded(dataDir: string): Promise<Opened> {
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
