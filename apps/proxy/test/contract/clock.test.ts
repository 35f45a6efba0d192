import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type ClockHarness, describeClock } from "@keybrake/core/testing";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { type ReplicaParts, startReplica } from "./replica-parts.ts";
import { advanceDay } from "./sql-ledger-harness.ts";
import { openPgliteStore, openPostgresStore, type SqlStore } from "./sql-store.ts";

async function openHarness(openStore: () => Promise<SqlStore>): Promise<ClockHarness> {
  const store = await openStore();
  const { control } = store;
  const parts = await startReplica(store.ledgerDatabase, store.generalDatabase);
  return {
    clock: parts.clock,
    storeNow: async () => {
      const [row] = await control.query("SELECT clock_timestamp() AS now");
      return row?.["now"] as Date;
    },
    storeDay: async () => {
      const [row] = await control.query("SELECT ledger_day()::text AS day");
      return row?.["day"] as string;
    },
    advanceDay: async () => {
      await advanceDay(control);
    },
    hear: (tookMs) => hear(store, parts, tookMs),
    close: async () => {
      await parts.close();
      await store.close();
    },
  };
}

/** The clock learns from every flush; a flush takes long when the barrier is held, or the one connection is busy. */
async function hear({ faults, control }: SqlStore, { ledger }: ReplicaParts, tookMs: number): Promise<void> {
  const deny = async () => void (await ledger.deny(ANY_DENIAL()));
  if (tookMs === 0) return deny();
  if (faults === null) {
    await Promise.all([control.query("SELECT pg_sleep($1)", [tookMs / 1_000]), deny()]);
    return;
  }
  const resume = await faults.stall();
  const denied = deny();
  await delay(tookMs);
  await resume();
  await denied;
}

const ANY_DENIAL = () => ({
  callId: randomUUID(),
  identity: null,
  claimedAgentId: null,
  claimedCrewRunId: null,
  vendor: null,
  method: "POST",
  path: "/v1/refunds",
  endpoint: null,
  direction: null,
  amount: null,
  currency: null,
  customerId: null,
  metadata: {},
  denial: { code: "vault_key_missing", reason: "the request has no vault key" } as const,
  statusCode: 401,
  latencyMs: 0,
});

describeClock("PGlite", () => openHarness(openPgliteStore));

if (DATABASE_URL === undefined) skipSuite("clock on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describeClock("PostgreSQL", () => openHarness(openPostgresStore));
