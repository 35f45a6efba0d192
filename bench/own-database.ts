import pg from "pg";

/** Makes a database on the server, for as long as `use` takes. */
export async function withDatabase<T>(url: string, use: (url: string) => Promise<T>): Promise<T> {
  const name = `keybrake_bench_${process.pid}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
    const own = new URL(url);
    own.pathname = `/${name}`;
    const result = await use(own.href);
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    return result;
  } finally {
    await client.end();
  }
}
