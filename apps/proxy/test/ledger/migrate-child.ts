import { migrate } from "../../src/ledger/migrate.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";

// Started by migrate.test.ts, to be killed: migrates the database that it is given.
const [, , kind, where = "", directory = ""] = process.argv;
const database = kind === "pglite" ? await openPglite(where) : openPostgres(where, { queryTimeoutMs: null });
process.stdout.write("migrating\n");
await migrate(database, new URL(directory));
await database.close();
