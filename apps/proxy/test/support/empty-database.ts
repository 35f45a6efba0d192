import { randomBytes } from "node:crypto";
import pg from "pg";

/** Where tests may create databases of their own; undefined where there is no PostgreSQL. */
export const POSTGRES_URL = process.env["KEYBRAKE_TEST_DATABASE_URL"];

/** An empty PostgreSQL database, for a server that migrates it itself. */
export interface EmptyDatabase {
  readonly url: string;
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/** Creates one. Rejects when KEYBRAKE_TEST_DATABASE_URL is not set: guard with `describe.skipIf`. */
export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  if (POSTGRES_URL === undefined) throw new Error("set KEYBRAKE_TEST_DATABASE_URL, or run `npm test`");
  const name = `keybrake_test_${randomBytes(6).toString("hex")}`;
  await runOnce(POSTGRES_URL, `CREATE DATABASE ${name}`);
  const own = new URL(POSTGRES_URL);
  own.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: own.href, max: 2 });
  // The server may end a connection while it is being closed, and the test has nothing to do with it any more.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return {
    url: own.href,
    query: async (text, values) => (await pool.query(text, [...(values ?? [])])).rows,
    drop: async () => {
      await pool.end();
      await runOnce(POSTGRES_URL, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function runOnce(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
