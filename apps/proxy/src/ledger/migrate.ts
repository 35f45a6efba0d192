import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { type Database, type Row, sqlStateOf } from "./database.ts";

/** A numbered file of SQL. Once applied anywhere it never changes. */
interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;
/** Apart from every lock of the ledger, which is not there yet. */
const ADVISORY_LOCK = 7_301_002;
const ALREADY_APPLIED = "KBM01";
const REFUSED = "KBM02";

/**
 * Brings the schema up to the newest migration in `directory`, and returns the names of those that this call applied.
 * Each is one transaction: a process killed half-way leaves nothing half-applied. Of several starters one works and
 * the others wait and find it done, so `database` must not limit how long a statement takes.
 *
 * Rejects when the database has migrations that this version does not know, or when one that is applied has changed.
 */
export async function migrate(
  database: Database,
  directory: URL = new URL("./migrations/", import.meta.url),
): Promise<readonly string[]> {
  const migrations = await readMigrations(directory);
  // Only a first look, so that a start with nothing to do asks for no lock: the scripts decide.
  const seen = await readApplied(database);
  const newest = migrations.length;
  const beyond = seen.find((row) => Number(row["number"]) > newest);
  if (beyond !== undefined) throw new Error(describeNewer(Number(beyond["number"]), newest));

  const applied: string[] = [];
  for (const migration of migrations) {
    const known = seen.find((row) => row["number"] === migration.number);
    if (known?.["sha256"] === migration.sha256) continue;
    if (await apply(database, migration, newest)) applied.push(migration.name);
  }
  return applied;
}

/** False when somebody else has applied it. */
async function apply(database: Database, migration: Migration, newest: number): Promise<boolean> {
  try {
    await database.script(scriptOf(migration, newest));
    return true;
  } catch (error) {
    if (sqlStateOf(error) === ALREADY_APPLIED) return false;
    const reason = error instanceof Error ? error.message : String(error);
    if (sqlStateOf(error) === REFUSED) throw new Error(reason, { cause: error });
    throw new Error(`migration \`${migration.name}\` was not applied: ${reason}`, { cause: error });
  }
}

/**
 * The whole of it is decided behind the lock, in the transaction that changes the schema. READ COMMITTED is said
 * aloud, because after waiting for the lock the look must see what its holder committed.
 */
function scriptOf({ number, name, sha256, sql }: Migration, newest: number): string {
  return `
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL statement_timeout = 0;
    SELECT pg_advisory_xact_lock(${ADVISORY_LOCK});
    CREATE TABLE IF NOT EXISTS schema_migrations (
      number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
    );
    DO $keybrake_migrate$
    DECLARE
      known text := (SELECT m.sha256 FROM schema_migrations m WHERE m.number = ${number});
      latest integer := (SELECT max(m.number) FROM schema_migrations m);
    BEGIN
      IF latest > ${newest} THEN
        RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = format(${quote(describeNewer("%s", newest))}, latest);
      ELSIF known = ${quote(sha256)} THEN
        RAISE EXCEPTION USING ERRCODE = '${ALREADY_APPLIED}', MESSAGE = 'already applied';
      ELSIF known IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = ${quote(describeChanged(name))};
      END IF;
    END $keybrake_migrate$;
    ${sql}
    ;
    INSERT INTO schema_migrations (number, name, sha256) VALUES (${number}, ${quote(name)}, ${quote(sha256)});
    COMMIT;`;
}

async function readMigrations(directory: URL): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  return await Promise.all(
    names.map(async (name, index) => {
      const number = Number(FILE_NAME.exec(name)?.[1] ?? Number.NaN);
      if (number !== index + 1) {
        throw new Error(
          `migration \`${name}\` is out of line: files are named 0001_first.sql, 0002_second.sql and so on`,
        );
      }
      const sql = await readFile(new URL(name, directory), "utf8");
      return {
        number,
        name: name.slice(0, -".sql".length),
        sha256: createHash("sha256").update(sql).digest("hex"),
        sql,
      };
    }),
  );
}

async function readApplied(database: Database): Promise<readonly Row[]> {
  const [found] = await database.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS is_there");
  return found?.["is_there"] === true
    ? await database.query("SELECT number, sha256 FROM schema_migrations")
    : [];
}

function describeNewer(latest: number | string, newest: number): string {
  return (
    `the database has migration ${latest} and this version of Keybrake knows ${newest} only: ` +
    "start the newer version, or restore a backup from before it was started"
  );
}

function describeChanged(name: string): string {
  return `migration \`${name}\` was changed after it was applied to this database: install the version that applied it, or a newer one`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
