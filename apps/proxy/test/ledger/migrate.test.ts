import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/ledger/database.ts";
import { migrate } from "../../src/ledger/migrate.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { startChild } from "./child.ts";
import { makeTempDir } from "./temp-dir.ts";

const NO_POSTGRES = POSTGRES_URL === undefined;
if (NO_POSTGRES) {
  process.stderr.write("no PostgreSQL: set KEYBRAKE_TEST_DATABASE_URL, or run `npm test`\n");
  if (process.env["CI"] === "true")
    throw new Error("KEYBRAKE_TEST_DATABASE_URL must be set where CI is true");
}

/** The advisory lock of `migrate`. */
const MIGRATION_LOCK = 7_301_002;
const FIRST = "CREATE TABLE first (a integer);\nINSERT INTO first VALUES (1); -- the end";
const SECOND = "CREATE FUNCTION second() RETURNS integer LANGUAGE sql AS $$ SELECT 2 $$;\n";

/** A directory of migrations, named 0001_one.sql, 0002_two.sql and so on. */
function directoryOf(path: string, ...files: readonly string[]): URL {
  for (const [index, sql] of files.entries()) {
    writeFileSync(join(path, `000${index + 1}_${["one", "two", "three"][index]}.sql`), sql);
  }
  return pathToFileURL(`${path}/`);
}

async function columnOf(database: Database, text: string): Promise<unknown[]> {
  return (await database.query(text)).map((row) => Object.values(row)[0]);
}

/** What holds on both engines. `reset` empties the database. */
function describeMigrate(name: string, open: () => Promise<Database>, close: () => Promise<void>): void {
  describe(`migrate on ${name}`, () => {
    let database: Database;
    let temp: ReturnType<typeof makeTempDir>;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => close());
    beforeEach(async () => {
      temp = makeTempDir();
      await database.script("DROP SCHEMA public CASCADE; CREATE SCHEMA public;");
    });
    afterEach(() => temp[Symbol.dispose]());

    it("applies what is new, in order and once, and says what it applied", async () => {
      expect(await migrate(database, directoryOf(temp.path, FIRST))).toEqual(["0001_one"]);
      expect(await migrate(database, directoryOf(temp.path, FIRST, SECOND))).toEqual(["0002_two"]);
      expect(await migrate(database, directoryOf(temp.path, FIRST, SECOND))).toEqual([]);

      expect(await columnOf(database, "SELECT a FROM first")).toEqual([1]);
      expect(await columnOf(database, "SELECT name FROM schema_migrations ORDER BY number")).toEqual([
        "0001_one",
        "0002_two",
      ]);
    });

    it("leaves nothing of a migration that fails, and goes on from there", async () => {
      const broken = directoryOf(temp.path, FIRST, "CREATE TABLE second (a integer);\nSELECT 1 / 0;");
      await expect(migrate(database, broken)).rejects.toThrow(
        "migration `0002_two` was not applied: division by zero",
      );

      expect(await columnOf(database, "SELECT to_regclass('second')::text")).toEqual([null]);
      expect(await columnOf(database, "SELECT name FROM schema_migrations")).toEqual(["0001_one"]);
      expect(await migrate(database, directoryOf(temp.path, FIRST, SECOND))).toEqual(["0002_two"]);
    });

    it("R6: refuses a database that a newer version has migrated, and touches nothing", async () => {
      await migrate(database, directoryOf(temp.path, FIRST, SECOND));
      using older = makeTempDir();
      const message =
        "the database has migration 2 and this version of Keybrake knows 1 only: start the newer version";
      await expect(migrate(database, directoryOf(older.path, FIRST))).rejects.toThrow(message);
    });

    it("refuses an applied migration that was changed since", async () => {
      await migrate(database, directoryOf(temp.path, FIRST));
      const changed = directoryOf(temp.path, `${FIRST}\n`, SECOND);
      await expect(migrate(database, changed)).rejects.toThrow(
        "migration `0001_one` was changed after it was applied",
      );
      expect(await columnOf(database, "SELECT to_regprocedure('second()')::text")).toEqual([null]);
    });

    it("refuses a gap in the numbers", async () => {
      writeFileSync(join(temp.path, "0002_two.sql"), SECOND);
      await expect(migrate(database, directoryOf(temp.path))).rejects.toThrow(
        "migration `0002_two.sql` is out of line",
      );
    });

    // The look before the script is only a look: here every starter looks before any of them has begun.
    it("has several starters at once agree: each migration is applied by one of them", async () => {
      const directory = directoryOf(temp.path, FIRST, SECOND);
      const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(database, directory)));
      expect(applied.flat().sort()).toEqual(["0001_one", "0002_two"]);
      expect(await columnOf(database, "SELECT a FROM first")).toEqual([1]);
    });

    it("brings the real schema up, and finds it done the next time", async () => {
      const applied = await migrate(database);
      expect(applied.slice(0, 3)).toEqual(["0001_tables", "0002_functions", "0003_restore_intent"]);
      expect(await migrate(database)).toEqual([]);
    });
  });
}

{
  const temp = makeTempDir();
  let database: Database;
  const open = async () => {
    database = await openPglite(temp.path);
    return database;
  };
  describeMigrate("PGlite", open, async () => {
    await database.close();
    temp[Symbol.dispose]();
  });
}

describe.skipIf(NO_POSTGRES)("with PostgreSQL", () => {
  let empty: EmptyDatabase;
  let database: Database;
  describeMigrate(
    "PostgreSQL",
    async () => {
      empty = await createEmptyDatabase();
      database = openPostgres(empty.url, { connectionsMax: 6, queryTimeoutMs: null });
      return database;
    },
    async () => {
      await database.close();
      await empty.drop();
    },
  );
});

/** The pids of the `count` backends that wait for the advisory lock `key`; asks again until there are so many. */
async function backendsWaitingFor(
  empty: EmptyDatabase,
  key: number,
  count: number,
): Promise<readonly number[]> {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const rows = await empty.query(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [key],
    );
    if (rows.length === count) return rows.map((row) => row["pid"] as number);
  }
  throw new Error(`there are not ${count} who wait for the advisory lock ${key}`);
}

describe.skipIf(NO_POSTGRES)("migrate on PostgreSQL, caught half-way", () => {
  // A connection of the test holds lock 42, so the migration stands in the middle for as long as the test likes.
  const BLOCKED =
    "CREATE TABLE half (a integer);\nSELECT pg_advisory_xact_lock(42);\nCREATE TABLE whole (a integer);";
  let empty: EmptyDatabase;
  let database: Database;
  beforeEach(async () => {
    empty = await createEmptyDatabase();
    database = openPostgres(empty.url, { queryTimeoutMs: null });
  });
  afterEach(async () => {
    await database.close();
    await empty.drop();
  });

  it("has the other starters wait, and find it done", async () => {
    using temp = makeTempDir();
    const directory = directoryOf(temp.path, BLOCKED);
    await empty.query("SELECT pg_advisory_lock(42)");
    const starters = [1, 2, 3].map(() => migrate(database, directory));
    await backendsWaitingFor(empty, 42, 1);
    await backendsWaitingFor(empty, MIGRATION_LOCK, 2);
    await empty.query("SELECT pg_advisory_unlock(42)");
    expect((await Promise.all(starters)).flat()).toEqual(["0001_one"]);
  });

  it("leaves nothing when the server ends the connection", async () => {
    using temp = makeTempDir();
    const directory = directoryOf(temp.path, BLOCKED);
    await empty.query("SELECT pg_advisory_lock(42)");
    const running = migrate(database, directory);
    const failed = expect(running).rejects.toThrow();
    const [pid] = await backendsWaitingFor(empty, 42, 1);
    await empty.query("SELECT pg_terminate_backend($1)", [pid]);
    await failed;

    expect(await columnOf(database, "SELECT to_regclass('half')::text")).toEqual([null]);
    expect(await columnOf(database, "SELECT to_regclass('schema_migrations')::text")).toEqual([null]);
  });

  it("R7: applies it whole or not at all when the process is killed, and the next start waits for the outcome", async () => {
    using temp = makeTempDir();
    const directory = directoryOf(temp.path, BLOCKED);
    await empty.query("SELECT pg_advisory_lock(42)");
    const child = startChild("migrate-child.ts", "postgres", empty.url, directory.href);
    await backendsWaitingFor(empty, 42, 1);
    await child.kill();
    expect(await columnOf(database, "SELECT to_regclass('half')::text")).toEqual([null]);

    const next = migrate(database, directory);
    await empty.query("SELECT pg_advisory_unlock(42)");
    await next;
    expect(await columnOf(database, "SELECT to_regclass('whole')::text")).toEqual(["whole"]);
    expect(await columnOf(database, "SELECT count(*) FROM schema_migrations")).toEqual([1n]);
  });
});

describe("migrate on PGlite, killed half-way", () => {
  it("R7: leaves nothing, and the next start applies all of it", async () => {
    using temp = makeTempDir();
    using migrations = makeTempDir();
    const dataDir = join(temp.path, "data");
    // COPY leaves a file outside of the transaction: that is how the test knows that the middle is reached.
    const half = "CREATE TABLE half (a integer);\nCOPY (SELECT 1) TO '/pglite/data/reached';";
    const directory = directoryOf(
      migrations.path,
      `${half}\nDO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$;`,
    );
    const child = startChild("migrate-child.ts", "pglite", dataDir, directory.href);
    await child.line("migrating");
    while (!existsSync(join(dataDir, "pgdata", "reached")))
      await new Promise((resolve) => setImmediate(resolve));
    await child.kill();

    const database = await openPglite(dataDir);
    try {
      expect(await columnOf(database, "SELECT to_regclass('half')::text")).toEqual([null]);
      expect(await columnOf(database, "SELECT to_regclass('schema_migrations')::text")).toEqual([null]);
      expect(await migrate(database, directoryOf(migrations.path, FIRST))).toEqual(["0001_one"]);
    } finally {
      await database.close();
    }
  });
});

// A migration that ends its own transaction would be half applied when what follows fails.
it("has no migration that begins or ends a transaction itself", () => {
  const directory = new URL("../../src/ledger/migrations/", import.meta.url);
  for (const name of readdirSync(directory)) {
    expect(readFileSync(new URL(name, directory), "utf8"), name).not.toMatch(
      /^\s*(BEGIN|COMMIT|ROLLBACK)\s*;/im,
    );
  }
});
