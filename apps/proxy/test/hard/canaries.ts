import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openFakeResend, openFakeStripe, openFakeTwilio } from "@keybrake/sandbox";
import { Redis } from "ioredis";
import { ACCOUNT_SID, RESEND_SECRET, TWILIO_SECRET } from "../e2e/crew-of-three.ts";
import { findPostgres, openPrivatePostgres } from "../lifecycle/private-postgres.ts";
import { hasRedis, openPrivateRedis, type PrivateRedis } from "../lifecycle/private-redis.ts";
import {
  DATABASE_PASSWORD,
  failToStart,
  newCanaries,
  Outputs,
  secretsOf,
  work,
  workWithMessengers,
} from "../security/canary-work.ts";
import { CANARY_SECRET } from "../support/crew.ts";
import { newDataDir, type ServerOptions, startTestServer } from "../support/server.ts";
import type { Figure, Finding } from "./figure.ts";

/** Files that hold such a secret because that is what they are for. */
const KEY_FILES = new Set(["master-key", "admin-token"]);
const CREATION = "creation of a key";

/** What was found of real secrets, master key, admin token, database password and vault keys in all that was written. */
export interface CanaryFinding {
  readonly bytes: number;
  /** Requests that the vendors saw, by vendor: that there was something to leak. */
  readonly requests: Readonly<Record<string, number>>;
  readonly leaks: readonly string[];
  /** In the answers to their creation each vault key stands: that the search works. */
  readonly found: number;
}

/** Agents and operators at all vendors, right and wrong, with crashes; embedded, and on PostgreSQL and Redis. */
export async function searchForCanaries(programs: string): Promise<CanaryFinding> {
  const outputs = new Outputs();
  const fakes = {
    stripe: await openFakeStripe({ secretKeys: [CANARY_SECRET] }),
    twilio: await openFakeTwilio({ accountSid: ACCOUNT_SID, authToken: TWILIO_SECRET }),
    resend: await openFakeResend({ apiKey: RESEND_SECRET }),
  };
  const [embedded, shared] = [newCanaries(), newCanaries()];
  const env = {
    KEYBRAKE_TWILIO_UPSTREAM_URL: fakes.twilio.url,
    KEYBRAKE_RESEND_UPSTREAM_URL: fakes.resend.url,
    KEYBRAKE_FOLLOW_UP_SECONDS: "1",
    KEYBRAKE_LOG_LEVEL: "trace",
  };
  const postgres = await openPrivatePostgres(programs);
  const redis = await openPrivateRedis();
  try {
    const monitor = await watchRedis(redis, outputs);
    const dataDir = mkdtempSync(path.join(tmpdir(), "keybrake-canary-"));
    const vaultKeys = [
      await live({ ...embedded, stripeUrl: fakes.stripe.url, env, dataDir }, fakes, outputs),
      await live(
        {
          ...shared,
          stripeUrl: fakes.stripe.url,
          env,
          databaseUrl: withPassword(postgres.url),
          redisUrl: redis.url,
          dataDir: await newDataDir(false),
        },
        fakes,
        outputs,
      ),
    ];
    monitor.disconnect();
    await dumpRedis(redis, outputs);
    outputs.add(
      "pg_dump",
      execFileSync(path.join(programs, "pg_dump"), [postgres.url], { maxBuffer: 2 ** 30 }),
    );
    const [row] = await postgres.query("SHOW data_directory");
    await postgres.kill();
    addFiles(String(row?.["data_directory"]), outputs);
    const secrets = [secretsOf(embedded), secretsOf(shared), ...vaultKeys];
    const leaks = secrets.flatMap((kind) => outputs.scan(kind, CREATION));
    const requests = Object.fromEntries(
      Object.entries(fakes).map(([vendor, fake]) => [vendor, fake.requests.length]),
    );
    return {
      bytes: outputs.bytes,
      requests,
      leaks,
      found: vaultKeys.flatMap((keys) => outputs.scan(keys)).length,
    };
  } finally {
    await redis.close();
    await postgres.close();
    await Promise.all(Object.values(fakes).map((fake) => fake.close()));
  }
}

type Fakes = Parameters<typeof workWithMessengers>[1] & { readonly stripe: Parameters<typeof work>[1] };

/** One server's life: work, a crash, work again after a new start, an end in order, and starts that fail. */
async function live(
  options: ServerOptions & { readonly dataDir: string },
  fakes: Fakes,
  outputs: Outputs,
): Promise<Record<string, Buffer>> {
  let server = await startTestServer(options);
  const vaultKeys = await work(server, fakes.stripe, outputs);
  await server.kill();
  outputs.add("log", server.output());
  server = await startTestServer(options);
  Object.assign(vaultKeys, await workWithMessengers(server, fakes, outputs));
  await server.stop({ keepData: true });
  outputs.add("log", server.output());
  await failToStart({ ...options, masterKey: randomBytes(32).toString("base64") }, outputs);
  await failToStart({ ...options, env: { ...options.env, KEYBRAKE_NONSENSE: CANARY_SECRET } }, outputs);
  addFiles(options.dataDir, outputs);
  rmSync(options.dataDir, { recursive: true });
  return vaultKeys;
}

/** Taken by a server that trusts its own machine, and never to be seen again all the same. */
function withPassword(url: string): string {
  const address = new URL(url);
  address.password = DATABASE_PASSWORD;
  return address.href;
}

function addFiles(directory: string, outputs: Outputs): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && !KEY_FILES.has(entry.name)) outputs.add(`file ${file}`, readFileSync(file));
  }
}

/** Keeps every command that Redis is given. */
async function watchRedis(redis: PrivateRedis, outputs: Outputs): Promise<Redis> {
  const client = new Redis(redis.url);
  // What it keeps is to be searched as it is.
  await client.config("SET", "rdbcompression", "no");
  const monitor = await client.monitor();
  monitor.on("monitor", (_time: string, args: readonly string[]) =>
    outputs.add("Redis, told", args.join(" ")),
  );
  client.disconnect();
  return monitor;
}

async function dumpRedis(redis: PrivateRedis, outputs: Outputs): Promise<void> {
  const client = new Redis(redis.url);
  for (const key of await client.keys("*"))
    outputs.add(
      `Redis ${key}`,
      Buffer.concat([Buffer.from(key), (await client.dumpBuffer(key)) ?? Buffer.of()]),
    );
  client.disconnect();
}

export const canaries: Figure = {
  name: "D1 canaries",
  goal: "all vendors, errors, rotations, crashes: no secret in any of its forms in logs, answers, metrics, data directories, Redis, pg_dump, PostgreSQL's own files",
  findObstacle: () =>
    findPostgres() === null ? "needs PostgreSQL's programs" : hasRedis() ? null : "needs redis-server",
  run: async (): Promise<Finding> => {
    const { bytes, requests, leaks, found } = await searchForCanaries(findPostgres() ?? "");
    return {
      isReached: leaks.length === 0 && found > 0 && Object.values(requests).every((count) => count > 20),
      measured:
        `${Object.entries(requests)
          .map(([vendor, count]) => `${count} requests to ${vendor}`)
          .join(
            ", ",
          )}; ${bytes.toLocaleString("en-US")} bytes scanned for every secret in raw, hex, percent, JSON, base64 and base64url: ${leaks.length} hits` +
        (leaks.length === 0 ? "" : ` (${leaks.slice(0, 3).join("; ")})`),
    };
  },
};
