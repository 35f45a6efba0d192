// Every request of the web console's pages on a large audit log, one at a time: how long the server takes.
import { cpus } from "node:os";
import { createAdminClient } from "@keybrake/client";
import pg from "pg";
import { fillAuditLog } from "./audit-log.ts";
import { type Keybrake, startKeybrake } from "./keybrake.ts";

const CALLS = Number(process.env["KEYBRAKE_BENCH_CALLS"] ?? 5_000_000);
const ROUNDS = 20;
const MS_MAX = 300;
const PAGES_DEEP = 1_000;
const SUMMED_MS_MAX = 600_000;

interface Figure {
  readonly name: string;
  readonly times: readonly number[];
  readonly note: string;
}

/** Fills a database, asks for everything, and prints the table. Fails when a request took longer than it may. */
export async function measureConsole(url: string): Promise<void> {
  const startedMs = performance.now();
  const first = await startKeybrake({ KEYBRAKE_DATABASE_URL: url, ...KEYS });
  await fillAuditLog(url, createAdminClient({ baseUrl: first.adminUrl, token: first.token }), CALLS);
  await first.stop();
  const filledMs = performance.now();
  const server = await startKeybrake({ KEYBRAKE_DATABASE_URL: url, ...KEYS });
  try {
    await waitForSums(url);
    const summedMs = performance.now();
    console.error(`filled in ${seconds(filledMs - startedMs)}, summed up in ${seconds(summedMs - filledMs)}`);
    printTable(await measureAll(server));
  } finally {
    await server.stop();
  }
}

/** The master key stays the same over the restart. */
const KEYS = { KEYBRAKE_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") };

async function measureAll(server: Keybrake): Promise<readonly Figure[]> {
  const get = createGet(server);
  const call = (await get("/calls?agent_id=hot_agent&state=settled&limit=1")).body.data?.[0];
  const old = (await get(`/calls?to=${daysAgo(20)}&limit=1`)).body.data?.[0];
  const deep = await findDeepCursor(get);
  const day = `from=${daysAgo(1)}`;
  const paths = [
    "/calls",
    `/calls?cursor=${deep}`,
    "/calls?agent_id=hot_agent",
    "/calls?agent_id=agent_3",
    `/calls?crew_run_id=${call?.["crew_run_id"]}`,
    `/calls?vault_key_id=${call?.["vault_key_id"]}`,
    `/calls?from=${daysAgo(12)}&to=${daysAgo(11)}`,
    "/calls?state=reserved",
    "/calls?state=unknown",
    "/calls?state=denied",
    "/calls?verdict=deny&denial_code=daily_cap_exceeded",
    "/calls?vendor=resend&agent_id=hot_agent",
    "/calls?status_code=402",
    "/calls?status_code=599",
    "/calls?claimed=true",
    "/calls?min_cost_usd=99.9",
    "/calls?min_cost_usd=100000",
    "/calls?customer_id=cus_77",
    "/calls?vendor_request_id=req_1",
    "/calls?q=refunds",
    "/calls?q=night%20shift&limit=200",
    "/calls?q=there-is-none",
    "/calls?agent_id=hot_agent&q=there-is-none",
    `/calls/${call?.["id"]}`,
    `/calls/${call?.["id"]}/evidence`,
    `/calls/${old?.["id"]}/evidence`,
    "/activity",
    "/activity?bucket=minute",
    `/activity?bucket=hour&from=${daysAgo(7)}`,
    `/activity?bucket=day&from=${daysAgo(30)}`,
    "/activity?agent_id=hot_agent",
    `/activity?bucket=day&from=${daysAgo(30)}&agent_id=hot_agent`,
    "/activity?bucket=minute&agent_id=hot_agent",
    ...["agent_id", "vault_key_id", "crew_run_id", "vendor", "endpoint", "day"].map(
      (group) => `/spend?group_by=${group}`,
    ),
    `/spend?group_by=agent_id&${day}`,
    "/spend?group_by=day&agent_id=hot_agent",
    "/spend?group_by=endpoint&vendor=resend",
    "/runs",
    `/runs?from=${daysAgo(7)}`,
    `/runs?from=${daysAgo(30)}`,
    `/runs?from=${daysAgo(30)}&q=run-100`,
    `/runs?agent_id=agent_3&from=${daysAgo(7)}`,
    "/agents",
    "/agents?q=19",
    "/vendor-quota",
    "/vault-keys",
    "/vault-keys?q=key%2077",
    "/vault-keys?secret=resend&status=active",
    `/vault-keys/${call?.["vault_key_id"]}`,
    "/budgets",
    "/budgets?scope=vault_key",
    "/denials",
    "/secrets",
    "/admin-events",
    "/kill-switch",
    "/audit/history",
  ];
  const figures: Figure[] = [];
  for (const path of paths) figures.push(await measure(get, path));
  figures.push(await measureWholeSearch(get));
  return figures;
}

type Answer = {
  readonly data?: readonly Record<string, unknown>[];
  readonly next_cursor?: string | null;
  readonly searched_to?: string | null;
};
type Get = (path: string) => Promise<{ readonly ms: number; readonly body: Answer }>;

function createGet({ adminUrl, token }: Keybrake): Get {
  return async (path) => {
    const startMs = performance.now();
    const response = await fetch(`${adminUrl}/api/v1${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const text = await response.text();
    const ms = performance.now() - startMs;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return { ms, body: JSON.parse(text) as Answer };
  };
}

async function measure(get: Get, path: string): Promise<Figure> {
  const times: number[] = [];
  let note = "";
  for (let round = 0; round < ROUNDS; round++) {
    const { ms, body } = await get(path);
    times.push(ms);
    if (body.data !== undefined) note = `${body.data.length} rows`;
    if (typeof body.searched_to === "string") note += `, back to ${body.searched_to.slice(0, 10)}`;
  }
  return { name: path.replace(/(cursor=)[^&]+/, "$1…"), times, note };
}

async function findDeepCursor(get: Get): Promise<string> {
  let cursor = "";
  for (let page = 0; page < PAGES_DEEP; page++) {
    const { body } = await get(`/calls${cursor === "" ? "" : `?cursor=${cursor}`}`);
    if (typeof body.next_cursor !== "string") break;
    cursor = body.next_cursor;
  }
  return cursor;
}

/** A search for what is not there, by its cursors to the end of the log. */
async function measureWholeSearch(get: Get): Promise<Figure> {
  const times: number[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { ms, body } = await get(`/calls?q=there-is-none${cursor === "" ? "" : `&cursor=${cursor}`}`);
    times.push(ms);
    cursor = body.next_cursor ?? null;
  }
  const totalMs = times.reduce((sum, ms) => sum + ms, 0);
  return { name: "every page of that search", times, note: `${times.length} pages in ${seconds(totalMs)}` };
}

/** The server sums up old hours behind its start. */
async function waitForSums(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const endMs = performance.now() + SUMMED_MS_MAX;
    while (performance.now() < endMs) {
      const { rows } = await client.query<{ done: boolean }>(
        "SELECT summed_to >= summable_to() AS done FROM call_sums",
      );
      if (rows[0]?.done === true) {
        await client.query("VACUUM ANALYZE call_hours");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error("the hours were not summed up in time");
  } finally {
    await client.end();
  }
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function printTable(figures: readonly Figure[]): void {
  console.log(
    `\n${CALLS} calls in 30 days on PostgreSQL; ${cpus().length} cores shared with everything else on this machine, so a maximum may be somebody else's; node ${process.version}; milliseconds at the client, ${ROUNDS} times each; at most ${MS_MAX}\n`,
  );
  console.log(`${"".padEnd(78)}  first     p50     max`);
  let slow = 0;
  for (const { name, times, note } of figures) {
    const sorted = [...times].sort((a, b) => a - b);
    const p50 = sorted[Math.floor(sorted.length / 2)] ?? 0;
    const max = sorted.at(-1) ?? 0;
    if (p50 > MS_MAX) slow++;
    const cells = [times[0] ?? 0, p50, max].map((ms) => ms.toFixed(0).padStart(7)).join(" ");
    console.log(`${name.slice(0, 78).padEnd(78)}${cells}   ${max > MS_MAX ? "SLOW  " : ""}${note}`);
  }
  if (slow > 0) {
    console.log(`\n${slow} requests take longer than ${MS_MAX} ms`);
    process.exitCode = 1;
  }
}
