import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import autocannon from "autocannon";

const run = promisify(execFile);
const BODY = "amount=1000&currency=usd&payment_method=pm_card_visa";
const TYPE = "application/x-www-form-urlencoded";

/** What a load run saw. Latencies in milliseconds. */
export interface LoadResult {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** The load generators: wrk costs the least of the cores that everything shares, autocannon comes with npm. */
export async function findGenerator(): Promise<"wrk" | "autocannon"> {
  try {
    await run("wrk", ["-v"]);
    return "wrk";
  } catch (error) {
    // wrk prints its version and exits with 1.
    return error instanceof Error && "code" in error && error.code === "ENOENT" ? "autocannon" : "wrk";
  }
}

/** Posts payment intents as fast as the connections allow, each with the next of the keys. */
export async function load(
  generator: "wrk" | "autocannon",
  url: string,
  keys: readonly string[],
  options: { connections: number; seconds: number },
): Promise<LoadResult> {
  return generator === "wrk" ? loadWithWrk(url, keys, options) : loadWithAutocannon(url, keys, options);
}

async function loadWithWrk(
  url: string,
  keys: readonly string[],
  options: { connections: number; seconds: number },
) {
  const directory = mkdtempSync(path.join(tmpdir(), "keybrake-bench-"));
  const script = path.join(directory, "load.lua");
  writeFileSync(
    script,
    `local keys = { ${keys.map((key) => `"${key}"`).join(", ")} }
local next = 0
local requests = {}
function init(args)
  for i, key in ipairs(keys) do
    requests[i] = wrk.format("POST", "/v1/payment_intents", { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "${TYPE}" }, "${BODY}")
  end
end
function request()
  next = next % #keys + 1
  return requests[next]
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
`,
  );
  try {
    const { stdout } = await run("wrk", [
      "-t1",
      `-c${options.connections}`,
      `-d${options.seconds}s`,
      "-s",
      script,
      url,
    ]);
    const [, calls = 0, micros = 1, p50 = 0, p99 = 0, failed = 0] = (
      /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(stdout) ?? []
    ).map(Number);
    return { calls, perSecond: (calls / micros) * 1e6, p50Ms: p50 / 1e3, p99Ms: p99 / 1e3, failed };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function loadWithAutocannon(
  url: string,
  keys: readonly string[],
  options: { connections: number; seconds: number },
) {
  const result = await autocannon({
    url: `${url}/v1/payment_intents`,
    connections: options.connections,
    duration: options.seconds,
    requests: keys.map((key) => ({
      method: "POST" as const,
      headers: { authorization: `Bearer ${key}`, "content-type": TYPE },
      body: BODY,
    })),
  });
  return {
    calls: result.requests.total,
    perSecond: result.requests.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failed: result.non2xx + result.errors + result.timeouts,
  };
}
