import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AdminClient } from "@keybrake/client";
import { openPrivatePostgres, type PrivatePostgres } from "../lifecycle/private-postgres.ts";
import { openPrivateRedis, type PrivateRedis } from "../lifecycle/private-redis.ts";
import { storeSecret } from "../support/crew.ts";
import { newDataDir, startTestServer, type TestServer } from "../support/server.ts";

const START_TRIES_MAX = 5;

/** Replicas on a PostgreSQL and a Redis of their own, all of which may be killed and come back. */
export interface Victims {
  readonly postgres: PrivatePostgres;
  readonly redis: PrivateRedis;
  /** Where a replica is now; null while it is down. */
  dataUrl(replica: number): string | null;
  /** Of a replica that is up. */
  admin(): AdminClient;
  /** `kill -9`; it is started again, and `settled` waits for that. */
  killReplica(replica: number): Promise<void>;
  /** `kill -9` of all of PostgreSQL, which is up again when this resolves. */
  killPostgres(): Promise<void>;
  /** Resolves when everything that was killed is up again. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts so many replicas, one secret in their database. */
export async function openVictims(programs: string, stripeUrl: string, count: number): Promise<Victims> {
  const [postgres, redis] = [await openPrivatePostgres(programs), await openPrivateRedis()];
  const dataDirs = await Promise.all(Array.from({ length: count }, () => newDataDir(false)));
  const shared = {
    stripeUrl,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    masterKey: randomBytes(32).toString("base64"),
    adminToken: randomBytes(24).toString("hex"),
  };
  /** What kills the database may do so under a replica that is starting. */
  const start = async (replica: number): Promise<TestServer> => {
    for (let tries = 1; ; tries++) {
      try {
        return await startTestServer({ ...shared, dataDir: dataDirs[replica] ?? "" });
      } catch (error) {
        if (tries === START_TRIES_MAX) throw error;
        await delay(500);
      }
    }
  };
  const servers: (TestServer | null)[] = [];
  for (let replica = 0; replica < count; replica++) servers.push(await start(replica));
  let restarts: Promise<void> = Promise.resolve();
  const admin = () => {
    const server = servers.find((candidate) => candidate !== null);
    if (server === undefined || server === null) throw new Error("no replica is up");
    return server.admin;
  };
  await storeSecret(admin());
  return {
    postgres,
    redis,
    dataUrl: (replica) => servers[replica]?.dataUrl ?? null,
    admin,
    killReplica: async (replica) => {
      const server = servers[replica];
      servers[replica] = null;
      await server?.kill();
      restarts = restarts.then(async () => {
        servers[replica] = await start(replica);
      });
    },
    killPostgres: async () => {
      await postgres.kill();
      await postgres.start();
    },
    settled: () => restarts,
    close: async () => {
      await restarts.catch(() => undefined);
      await Promise.all(servers.map((server) => server?.stop()));
      await redis.close();
      await postgres.close();
    },
  };
}
