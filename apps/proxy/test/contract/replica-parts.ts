import { randomUUID } from "node:crypto";
import { isKeybrakeError } from "@keybrake/core";
import { Batcher, type BatcherEvents } from "../../src/ledger/batcher.ts";
import type { Database } from "../../src/ledger/database.ts";
import { DatabaseClock } from "../../src/ledger/database-clock.ts";
import { Replica } from "../../src/ledger/replica.ts";
import { SqlLedger } from "../../src/ledger/sql-ledger.ts";

const WARM_UPS_MAX = 20;

/** The parts of one replica that keep its ledger, composed as the server composes them. */
export interface ReplicaParts {
  readonly ledger: SqlLedger;
  readonly batcher: Batcher;
  readonly replica: Replica;
  readonly clock: DatabaseClock;
  readonly flushes: readonly Parameters<BatcherEvents["onFlush"]>[0][];
  /** Everything that went wrong in the background. */
  readonly errors: readonly { readonly what: string; readonly error: unknown }[];
  /** Ends it without draining. */
  close(): Promise<void>;
}

/** The first flushes plan the whole function, which can take longer than a caller waits. */
async function warmUp(batcher: Batcher): Promise<void> {
  for (let attempt = 0; attempt < WARM_UPS_MAX; attempt++) {
    const op = { kind: "reserve", id: randomUUID(), method: "POST", path: "/", hold_micros: "0" } as const;
    try {
      await batcher.apply(op);
      return;
    } catch (error) {
      if (!isKeybrakeError(error)) throw error;
    }
  }
}

/** Starts a replica: `ledgerDatabase` carries its flushes, `generalDatabase` everything else. */
export async function startReplica(
  ledgerDatabase: Database,
  generalDatabase: Database,
  name = "contract",
): Promise<ReplicaParts> {
  const parts = await composeReplica(ledgerDatabase, generalDatabase, name);
  await warmUp(parts.batcher);
  return parts;
}

/** The same without its first flush, and with the master keys that the replica has, if the installation uses one. */
export async function composeReplica(
  ledgerDatabase: Database,
  generalDatabase: Database,
  name: string,
  masterKeyIds: readonly string[] = [],
): Promise<ReplicaParts> {
  const [row] = await generalDatabase.query(
    "SELECT epoch_ms(clock_timestamp()) AS at, ledger_day()::text AS day",
  );
  const clock = new DatabaseClock(Number(row?.["at"]), row?.["day"] as string);
  const monotonicMs = () => clock.monotonicMs();
  const flushes: Parameters<BatcherEvents["onFlush"]>[0][] = [];
  const errors: { what: string; error: unknown }[] = [];
  const onError = (what: string, error: unknown) => errors.push({ what, error });
  const events = { onError, onSwept: () => undefined };
  const replica = new Replica(generalDatabase, name, "0.0.0", monotonicMs, events, masterKeyIds);
  await replica.start();
  const batcher = new Batcher(ledgerDatabase, replica, monotonicMs, {
    onError,
    onFlush: (flush) => {
      clock.learn(flush.databaseMs, flush.day);
      flushes.push(flush);
    },
  });
  return {
    ledger: new SqlLedger(batcher, generalDatabase, replica, clock),
    batcher,
    replica,
    clock,
    flushes,
    errors,
    close: async () => {
      await batcher.close(0);
      await replica.stop();
    },
  };
}
