// One run on one machine: the bare proxy and ours, in turns, on the same upstream and under the same load.
// Needs KEYBRAKE_TEST_DATABASE_URL; `npm run bench` starts a private PostgreSQL and sets it.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createAdminClient } from "@keybrake/client";
import pg from "pg";
import { type Child, startChild } from "./child.ts";
import { findGenerator, type LoadResult, load } from "./load.ts";

const CONNECTIONS = Number(process.env["KEYBRAKE_BENCH_CONNECTIONS"] ?? 64);
const SECONDS = Number(process.env["KEYBRAKE_BENCH_SECONDS"] ?? 10);
const WARM_UP_SECONDS = 4;
const MANY_KEYS = 1_000;
const PROXY = fileURLToPath(new URL("../apps/proxy/dist/main.js", import.meta.url));
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Row extends LoadResult {
  readonly name: string;
  readonly cpuMicros: number;
  readonly residentMiB: number;
}

const databaseUrl = process.env["KEYBRAKE_TEST_DATABASE_URL"];
if (databaseUrl === undefined) throw new Error("KEYBRAKE_TEST_DATABASE_URL is not set: run `npm run bench`");
const generator = await findGenerator();
const upstream = await startChild([here("./upstream.ts")], /listening \d+/);
const upstreamUrl = `http://127.0.0.1:${/listening (\d+)/.exec(upstream.output())?.[1]}`;

const rows: Row[] = [];
try {
  rows.push(await measureBare());
  rows.push(
    ...(await withDatabase(databaseUrl, (url) => measureOurs("PostgreSQL", { KEYBRAKE_DATABASE_URL: url }))),
  );
  rows.push(...(await measureOurs("embedded", {})));
  printTable(rows);
} finally {
  await upstream.stop();
}

async function measureBare(): Promise<Row> {
  const child = await startChild([here("./bare-proxy.ts"), upstreamUrl], /listening \d+/);
  try {
    const url = `http://127.0.0.1:${/listening (\d+)/.exec(child.output())?.[1]}`;
    return await measure("bare http-proxy-middleware", child, url, ["none"]);
  } finally {
    await child.stop();
  }
}

async function measureOurs(mode: string, env: Record<string, string>): Promise<Row[]> {
  const directory = mkdtempSync(path.join(tmpdir(), "keybrake-bench-"));
  const token = randomBytes(24).toString("hex");
  const child = await startChild([PROXY], /operators +http:\S+/, {
    NODE_ENV: "production",
    KEYBRAKE_PORT: "0",
    KEYBRAKE_ADMIN_PORT: "0",
    KEYBRAKE_DATA_DIR: directory,
    KEYBRAKE_SANDBOX: "0",
    KEYBRAKE_STRIPE_UPSTREAM_URL: upstreamUrl,
    KEYBRAKE_ADMIN_TOKEN: token,
    KEYBRAKE_LOG_LEVEL: "warn",
    KEYBRAKE_MASTER_KEY: randomBytes(32).toString("base64"),
    ...env,
  });
  try {
    const dataUrl = /agents +(http:\S+)/.exec(child.output())?.[1] ?? "";
    const keys = await issueKeys(/operators +(http:\S+)/.exec(child.output())?.[1] ?? "", token);
    const hot = await measure(`keybrake, ${mode}, one hot key`, child, dataUrl, keys.slice(0, 1));
    const many = await measure(`keybrake, ${mode}, ${MANY_KEYS} keys`, child, dataUrl, keys.slice(1));
    return [hot, many];
  } finally {
    await child.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function issueKeys(adminUrl: string, token: string): Promise<string[]> {
  const admin = createAdminClient({ baseUrl: adminUrl, token });
  await admin.secrets.create({ name: "bench", vendor: "stripe", value: "sk_test_bench0000000000000000" });
  const keys: string[] = [];
  for (let index = 0; index <= MANY_KEYS; index++) {
    const policy = {
      vendor: "stripe",
      daily_usd_cap: 1_000_000_000,
      daily_call_cap: 100_000_000,
      allowed_endpoints: ["POST /v1/payment_intents"],
    } as const;
    const created = await admin.vaultKeys.create({
      agent_id: `agent_${index}`,
      secret: "bench",
      policy: { ...policy, allowed_endpoints: [...policy.allowed_endpoints] },
    });
    keys.push(created.vault_key);
  }
  return keys;
}

async function measure(name: string, child: Child, url: string, keys: readonly string[]): Promise<Row> {
  await load(generator, url, keys, { connections: CONNECTIONS, seconds: WARM_UP_SECONDS });
  const before = child.cpuMicros();
  const result = await load(generator, url, keys, { connections: CONNECTIONS, seconds: SECONDS });
  const cpuMicros = (child.cpuMicros() - before) / Math.max(1, result.calls);
  console.error(`${name}: ${result.perSecond.toFixed(0)} calls/s`);
  return { ...result, name, cpuMicros, residentMiB: child.residentMiB() };
}

async function withDatabase<T>(url: string, use: (url: string) => Promise<T>): Promise<T> {
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

function printTable(measured: readonly Row[]): void {
  const bare = measured[0];
  console.log(
    `\n${cpus().length} cores shared by proxy, database, upstream and ${generator}; ${CONNECTIONS} connections, ${SECONDS} s each; node ${process.version}\n`,
  );
  console.log(
    `${"".padEnd(36)} calls/s    p50 ms    p99 ms   CPU µs/call   × bare CPU   × bare calls/s   RSS MiB   failed`,
  );
  for (const row of measured) {
    const cells = [
      row.perSecond.toFixed(0).padStart(7),
      row.p50Ms.toFixed(1).padStart(9),
      row.p99Ms.toFixed(1).padStart(9),
      row.cpuMicros.toFixed(0).padStart(13),
      (row.cpuMicros / (bare?.cpuMicros ?? 1)).toFixed(2).padStart(12),
      (row.perSecond / (bare?.perSecond ?? 1)).toFixed(2).padStart(15),
      row.residentMiB.toFixed(0).padStart(9),
      String(row.failed).padStart(8),
    ];
    console.log(row.name.padEnd(36), cells.join(" "));
  }
}
