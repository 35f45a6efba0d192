import { createHash, randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { it } from "vitest";
import { ensurePartitions } from "../../src/ledger/maintenance.ts";
import { migrate } from "../../src/ledger/migrate.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";

/** Where tests may create databases of their own; undefined where there is no PostgreSQL. */
export const DATABASE_URL = process.env["KEYBRAKE_TEST_DATABASE_URL"];
/** Where tests may count; undefined where there is no Redis. */
export const REDIS_URL = process.env["KEYBRAKE_TEST_REDIS_URL"];

/** Where the embedded template is kept from one run to the next. */
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/keybrake-test/", import.meta.url));
const PGLITE_PACKAGE = new URL("../../node_modules/@electric-sql/pglite/package.json", import.meta.url);
const MIGRATIONS = new URL("../../src/ledger/migrations/", import.meta.url);
const TEMPLATE_AGE_MS_MAX = 6 * 3_600_000;
/** Roles are the whole server's: there is one for all test databases. */
const RUNTIME_ROLE = "keybrake_test_runtime";
const TEMPLATE_PREFIX = "keybrake_template_";
/** Held while the template is made or copied: PostgreSQL copies only a database that nobody is connected to. */
const TEMPLATE_LOCK = 7_301_901;

/** A PostgreSQL database with the newest schema and nothing in it. */
export interface TestDatabase {
  readonly url: string;
  /** The same, as the role that a server runs under when it is not the tables' owner. */
  readonly runtimeUrl: string;
  drop(): Promise<void>;
}

/**
 * Creates a migrated database, as a copy of a template that is made once for each state of the migrations and kept on
 * the server; templates of other states are removed. Rejects when KEYBRAKE_TEST_DATABASE_URL is not set.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  if (DATABASE_URL === undefined) throw new Error("set KEYBRAKE_TEST_DATABASE_URL, or run `npm test`");
  const name = `keybrake_test_${randomBytes(6).toString("hex")}`;
  await onServer(DATABASE_URL, async (client) => {
    await client.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
    const template = `${TEMPLATE_PREFIX}${fingerprint()}`;
    await ensureTemplate(client, DATABASE_URL, template);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  const runtimeUrl = new URL(urlOf(DATABASE_URL, name));
  runtimeUrl.username = RUNTIME_ROLE;
  runtimeUrl.password = RUNTIME_ROLE;
  return {
    url: urlOf(DATABASE_URL, name),
    runtimeUrl: runtimeUrl.href,
    drop: () =>
      onServer(DATABASE_URL, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** A data directory with an embedded database of the newest schema and nothing in it. */
export interface TestDataDir {
  readonly path: string;
  remove(): void;
}

/** Copies a data directory from a template that is made once: making a database takes ten times as long. */
export async function createTestDataDir(): Promise<TestDataDir> {
  const template = join(CACHE, `pglite-${fingerprint(readFileSync(PGLITE_PACKAGE))}`);
  if (!existsSync(template)) await makeDataDirTemplate(template);
  const path = mkdtempSync(join(tmpdir(), "keybrake-test-"));
  cpSync(template, path, { recursive: true });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

async function makeDataDirTemplate(template: string): Promise<void> {
  removeOldTemplates();
  const unfinished = mkdtempSync(join(CACHE, "unfinished-"));
  const database = await openPglite(unfinished);
  try {
    await migrate(database);
    await ensurePartitions(database);
  } finally {
    await database.close();
  }
  try {
    renameSync(unfinished, template);
  } catch {
    // Another run was first.
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Other runs may be copying the younger ones. */
function removeOldTemplates(): void {
  mkdirSync(CACHE, { recursive: true });
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (ageMs > TEMPLATE_AGE_MS_MAX) rmSync(path, { recursive: true, force: true });
  }
}

/** Stands in for a suite whose backend is absent: one skip that says why, and with CI=true a failure. */
export function skipSuite(name: string, variable: string): void {
  it(name, (context) => {
    if (["1", "true"].includes(process.env["CI"] ?? "")) throw new Error(`${variable} is not set`);
    context.skip(`${variable} is not set`);
  });
}

async function ensureTemplate(client: pg.Client, serverUrl: string, template: string): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE starts_with(datname, $1)",
    [TEMPLATE_PREFIX],
  );
  if (rows.some(({ datname }) => datname === template)) return;
  for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
  const roles = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [RUNTIME_ROLE]);
  if (roles.rows.length === 0)
    await client.query(`CREATE ROLE ${RUNTIME_ROLE} LOGIN PASSWORD '${RUNTIME_ROLE}'`);
  // Under another name until it is whole: a run that is killed meanwhile leaves nothing that looks like a template.
  const unfinished = `${TEMPLATE_PREFIX}unfinished`;
  await client.query(`CREATE DATABASE ${unfinished}`);
  const database = openPostgres(urlOf(serverUrl, unfinished), { connectionsMax: 1, queryTimeoutMs: null });
  try {
    await migrate(database);
    await ensurePartitions(database);
    await database.query("SELECT grant_runtime($1)", [RUNTIME_ROLE]);
  } finally {
    await database.close();
  }
  await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
}

/** Names a state of the schema. The month is part of it, because partitions are. */
function fingerprint(...more: readonly Buffer[]): string {
  const hash = createHash("sha256").update(new Date().toISOString().slice(0, 7));
  for (const name of readdirSync(MIGRATIONS).sort()) hash.update(readFileSync(new URL(name, MIGRATIONS)));
  for (const part of more) hash.update(part);
  return hash.digest("hex").slice(0, 12);
}

async function onServer(serverUrl: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
