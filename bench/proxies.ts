// One run on one machine: the bare proxy and ours, in turns, on the same upstream and under the same load.
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { createAdminClient } from "@keybrake/client";
import { type Child, startChild } from "./child.ts";
import { startKeybrake } from "./keybrake.ts";
import { findGenerator, type LoadResult, load } from "./load.ts";
import { withDatabase } from "./own-database.ts";

const CONNECTIONS = Number(process.env["KEYBRAKE_BENCH_CONNECTIONS"] ?? 64);
const SECONDS = Number(process.env["KEYBRAKE_BENCH_SECONDS"] ?? 10);
const WARM_UP_SECONDS = 4;
const MANY_KEYS = 1_000;
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Bench {
  readonly generator: Awaited<ReturnType<typeof findGenerator>>;
  readonly upstreamUrl: string;
}

interface Row extends LoadResult {
  readonly name: string;
  readonly cpuMicros: number;
  readonly residentMiB: number;
}

/** Measures all of them and prints the table. */
export async function measureProxies(databaseUrl: string): Promise<void> {
  const generator = await findGenerator();
  const upstream = await startChild([here("./upstream.ts")], /listening \d+/);
  try {
    const upstreamUrl = `http://127.0.0.1:${/listening (\d+)/.exec(upstream.output())?.[1]}`;
    const bench: Bench = { generator, upstreamUrl };
    const rows = [await measureBare(bench)];
    rows.push(
      ...(await withDatabase(databaseUrl, (url) =>
        measureOurs(bench, "PostgreSQL", { KEYBRAKE_DATABASE_URL: url }),
      )),
    );
    rows.push(...(await measureOurs(bench, "embedded", {})));
    printTable(rows, generator);
  } finally {
    await upstream.stop();
  }
}

async function measureBare(bench: Bench): Promise<Row> {
  const child = await startChild([here("./bare-proxy.ts"), bench.upstreamUrl], /listening \d+/);
  try {
    const url = `http://127.0.0.1:${/listening (\d+)/.exec(child.output())?.[1]}`;
    return await measure(bench, "bare http-proxy-middleware", child, url, ["none"]);
  } finally {
    await child.stop();
  }
}

async function measureOurs(bench: Bench, mode: string, env: Record<string, string>): Promise<Row[]> {
  const server = await startKeybrake({ KEYBRAKE_STRIPE_UPSTREAM_URL: bench.upstreamUrl, ...env });
  try {
    const { child, dataUrl } = server;
    const keys = await issueKeys(server.adminUrl, server.token);
    const hot = await measure(bench, `keybrake, ${mode}, one hot key`, child, dataUrl, keys.slice(0, 1));
    const many = await measure(bench, `keybrake, ${mode}, ${MANY_KEYS} keys`, child, dataUrl, keys.slice(1));
    return [hot, many];
  } finally {
    await server.stop();
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

async function measure(
  { generator }: Bench,
  name: string,
  child: Child,
  url: string,
  keys: readonly string[],
): Promise<Row> {
  await load(generator, url, keys, { connections: CONNECTIONS, seconds: WARM_UP_SECONDS });
  const before = child.cpuMicros();
  const result = await load(generator, url, keys, { connections: CONNECTIONS, seconds: SECONDS });
  const cpuMicros = (child.cpuMicros() - before) / Math.max(1, result.calls);
  console.error(`${name}: ${result.perSecond.toFixed(0)} calls/s`);
  return { ...result, name, cpuMicros, residentMiB: child.residentMiB() };
}

function printTable(measured: readonly Row[], generator: Bench["generator"]): void {
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
