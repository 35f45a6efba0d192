import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isKeybrakeError, type KeyIdentity, type ReserveRequest, type SettleRequest } from "@keybrake/core";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { LedgerOp } from "../../src/ledger/batcher.ts";
import { type Database, sqlStateOf } from "../../src/ledger/database.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createTestDatabase, DATABASE_URL, skipSuite, type TestDatabase } from "../support/databases.ts";
import { type ReplicaParts, startReplica } from "./replica-parts.ts";
import { createSecret } from "./sql-ledger-harness.ts";
import { pollUntil } from "./sql-store.ts";

/** Far below the product's five seconds, so that a stall outlasts it soon. */
const STATEMENT_TIMEOUT_MS = 300;
const FLUSH_MOST = 200;
const QUEUE_MOST = 20_000;
const EVENTUALLY = { timeout: 10_000, interval: 20 };
const NUL = String.fromCharCode(0);

describe("what a database error means", () => {
  it.each(["EPIPE", "EPERM", "EBUSY", "ECONNRESET", "ETIMEDOUT"])(
    "takes %s for a database that did not answer",
    (code) => {
      // Node's codes for a broken connection can look like a SQLSTATE; believing so would drop settlements.
      expect(sqlStateOf(Object.assign(new Error("write"), { code }))).toBeNull();
    },
  );

  it.each(["23505", "22P05", "40P01", "KB001"])("takes %s for an answer", (code) => {
    expect(sqlStateOf(Object.assign(new Error("refused"), { code }))).toBe(code);
  });

  it.each(["57P01", "57P03", "08006"])("takes %s for a connection that ended", (code) => {
    expect(sqlStateOf(Object.assign(new Error("ended"), { code }))).toBeNull();
  });
});

if (DATABASE_URL === undefined) skipSuite("batcher on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describe("batcher on PostgreSQL", () => testBatcher());

let server: TestDatabase;
let control: Database;
let ledgerDatabase: Database;
let parts: ReplicaParts;
let key: KeyIdentity;

function testBatcher(): void {
  beforeAll(async () => {
    server = await createTestDatabase();
    control = openPostgres(server.url, { connectionsMax: 4, queryTimeoutMs: null });
    ledgerDatabase = openPostgres(server.url, { connectionsMax: 2, queryTimeoutMs: STATEMENT_TIMEOUT_MS });
    parts = await startReplica(ledgerDatabase, control);
    key = await createKey();
  });
  afterAll(async () => {
    await parts.close();
    await Promise.all([ledgerDatabase.close(), control.close()]);
    await server.drop();
  });
  describe("a flush", () => testFlushes());
  describe("an operation that the database refuses", () => testPoison());
  describe("a database that refuses everybody", () => testRefusals());
  describe("a queue", () => testBounds());
}

async function createKey(): Promise<KeyIdentity> {
  const secretId = await createSecret(control);
  const [agentId, crewRunId] = [randomUUID(), randomUUID()];
  const budgets = JSON.stringify([{ window: "total", unit: "usd", limit: "1000000000" }]);
  const [row] = await control.query(
    "SELECT id FROM create_vault_key(sha256($1::text::bytea), 'x', NULL, $1, $2, $3, 'stripe', '{}', $4::jsonb, NULL, NULL)",
    [agentId, crewRunId, secretId, budgets],
  );
  return { vaultKeyId: row?.["id"] as string, policyVersion: 1, secretId, agentId, crewRunId };
}

function callOf(metadata: Readonly<Record<string, string>> = {}): ReserveRequest {
  const nothing = {
    claimedAgentId: null,
    claimedCrewRunId: null,
    endpoint: null,
    direction: null,
    amount: null,
  };
  const more = { currency: null, customerId: null, exposureId: null, idempotency: null, duplicate: null };
  const request = { vendor: "stripe", method: "POST", path: "/v1/refunds", accounted: true, holdMicros: 10n };
  return { callId: randomUUID(), identity: key, metadata, ...nothing, ...more, ...request };
}

function endOf(call: ReserveRequest, reason: string | null = null): SettleRequest {
  const nothing = { exposure: null, amount: null, currency: null, customerId: null, vendorRequestId: null };
  const more = { vendorObjectId: null, latencyMs: null, upstreamMs: null, statusCode: 200, reason };
  return {
    callId: call.callId,
    secretId: key.secretId,
    state: "settled",
    costMicros: 4n,
    mayOverrun: false,
    throttle: null,
    ...nothing,
    ...more,
  };
}

/** A reservation as an operation, for more of them at once than a ledger's caller would make. */
function opOf(): LedgerOp {
  return {
    kind: "reserve",
    id: randomUUID(),
    vault_key_id: key.vaultKeyId,
    method: "POST",
    path: "/",
    hold_micros: "1",
  };
}

/** `reserved`, the code of a denial, or the code of the fault that it was rejected with. */
async function answerTo(call: ReserveRequest, ledger = parts.ledger): Promise<string> {
  try {
    const result = await ledger.reserve(call);
    return result.kind === "denied" ? result.denial.code : result.kind;
  } catch (error) {
    if (!isKeybrakeError(error)) throw error;
    return error.code;
  }
}

async function statesOf(calls: readonly { readonly callId: string }[]): Promise<(string | undefined)[]> {
  const rows = await control.query("SELECT id, state FROM calls WHERE id = ANY ($1)", [
    calls.map((call) => call.callId),
  ]);
  return calls.map((call) => rows.find((row) => row["id"] === call.callId)?.["state"] as string | undefined);
}

/** Keeps every flush waiting for a lock while `work` runs. */
async function whileStalled(work: (reached: () => Promise<void>) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: server.url, application_name: "keybrake test" });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock(ledger_barrier())");
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%ledger_flush%' AND wait_event_type = 'Lock'";
    await work(() => pollUntil(async () => (await client.query(waiting)).rowCount !== 0));
  } finally {
    await client.end();
  }
}

function testFlushes(): void {
  it("takes everything that waits, but at most two hundred operations", async () => {
    const before = parts.flushes.length;
    const calls = Array.from({ length: 450 }, () => callOf());
    const answers = await Promise.all(calls.map((call) => answerTo(call)));
    expect(new Set(answers)).toEqual(new Set(["reserved"]));
    expect(parts.flushes.slice(before).map((flush) => flush.size)).toEqual([FLUSH_MOST, FLUSH_MOST, 50]);
  });

  it("whose replica was taken for dead is decided in a new epoch", async () => {
    const epoch = parts.replica.epoch;
    await control.query("UPDATE replicas SET lease_until = now() - interval '1 second' WHERE epoch = $1", [
      epoch,
    ]);
    const calls = Array.from({ length: 20 }, () => callOf());
    const answers = await Promise.all(calls.map((call) => answerTo(call)));
    expect(new Set(answers)).toEqual(new Set(["reserved"]));
    expect(parts.replica.epoch).toBeGreaterThan(epoch);
    expect(parts.replica.holdsLease()).toBe(true);
  });

  it("that comes too late for a denial writes its row all the same", async () => {
    const { holdMicros: _, exposureId: __, accounted: ___, idempotency: ____, ...facts } = callOf();
    const denial = { code: "endpoint_not_allowed", reason: "no" } as const;
    await whileStalled(async () => {
      const denied = parts.ledger.deny({ ...facts, denial, statusCode: 403, latencyMs: 0 });
      await expect(denied).rejects.toMatchObject({ code: "ledger_unavailable" });
    });
    await vi.waitFor(async () => expect(await statesOf([facts])).toEqual(["denied"]), EVENTUALLY);
  });
}

function testPoison(): void {
  it("fails alone: the others of its flush are decided", async () => {
    const poison = callOf({ note: `a${NUL}b` });
    const calls = [
      ...Array.from({ length: 30 }, () => callOf()),
      poison,
      ...Array.from({ length: 30 }, () => callOf()),
    ];
    const answers = await Promise.all(calls.map((call) => answerTo(call)));
    expect(answers.filter((answer) => answer === "reserved")).toHaveLength(60);
    expect(answers[30]).toBe("ledger_unavailable");
    expect(await statesOf([poison])).toEqual([undefined]);
  });

  it("because it is too large is given up, and the ledger goes on", async () => {
    // An index takes no more than 2.7 kB; this is no fault of its value, so the database says it in another way.
    const {
      holdMicros: _,
      exposureId: __,
      accounted: ___,
      idempotency: ____,
      ...facts
    } = callOf({
      agent_id: randomBytes(9_000).toString("base64"),
    });
    const denial = { code: "endpoint_not_allowed", reason: "no" } as const;
    const denied = parts.ledger.deny({ ...facts, denial, statusCode: 403, latencyMs: 0 });
    await expect(denied).rejects.toMatchObject({ code: "ledger_unavailable" });
    await vi.waitFor(async () => expect(await answerTo(callOf())).toBe("reserved"), EVENTUALLY);
  });

  it("does not reject when it is a settlement, and the others of its flush are applied", async () => {
    const calls = Array.from({ length: 20 }, () => callOf());
    await Promise.all(calls.map((call) => parts.ledger.reserve(call)));
    const errors = parts.errors.length;
    await Promise.all(
      calls.map((call, index) => parts.ledger.settle(endOf(call, index === 7 ? `a${NUL}b` : null))),
    );
    const states = await statesOf(calls);
    expect(states.filter((state) => state === "settled")).toHaveLength(19);
    // Nobody knows how that call ended, so it stays counted, and the operator is told.
    expect(states[7]).toBe("reserved");
    expect(parts.errors.length).toBeGreaterThan(errors);
  });
}

function testRefusals(): void {
  it("because a lock outlasts the statement timeout loses no settlement", async () => {
    const call = callOf();
    expect(await answerTo(call)).toBe("reserved");
    let settled: Promise<void> | undefined;
    await whileStalled(async (reached) => {
      settled = parts.ledger.settle(endOf(call));
      await reached();
      await delay(STATEMENT_TIMEOUT_MS * 3);
    });
    await settled;
    expect(await statesOf([call])).toEqual(["settled"]);
  });

  it("because somebody cancels its statements loses no settlement", async () => {
    const call = callOf();
    expect(await answerTo(call)).toBe("reserved");
    let settled: Promise<void> | undefined;
    await whileStalled(async (reached) => {
      settled = parts.ledger.settle(endOf(call));
      await reached();
      await control.query(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%ledger_flush%' AND pid <> pg_backend_pid()`,
      );
    });
    await settled;
    expect(await statesOf([call])).toEqual(["settled"]);
  });

  it("because it takes no connections loses no settlement, and rejects reservations", async () => {
    const call = callOf();
    expect(await answerTo(call)).toBe("reserved");
    const name = new URL(server.url).pathname.slice(1);
    let settled: Promise<void> | undefined;
    await onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    try {
      await control.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%ledger_flush%' AND pid <> pg_backend_pid()`,
      );
      settled = parts.ledger.settle(endOf(call));
      // Long enough that the settlement, too, is refused by the database and not only by a broken connection.
      for (let attempt = 0; attempt < 5; attempt++)
        expect(await answerTo(callOf())).toBe("ledger_unavailable");
    } finally {
      await onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    }
    await settled;
    expect(await statesOf([call])).toEqual(["settled"]);
    expect(await answerTo(callOf())).toBe("reserved");
  });
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: DATABASE_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function testBounds(): void {
  it("that is full turns reservations and denials away, but no settlement", async () => {
    const held = callOf();
    expect(await answerTo(held)).toBe("reserved");
    const waiting: Promise<unknown>[] = [];
    let settled: Promise<void> | undefined;
    await whileStalled(async (reached) => {
      waiting.push(answerTo(callOf()));
      await reached();
      for (let index = 0; index < QUEUE_MOST; index++) {
        waiting.push(parts.batcher.apply(opOf()).catch((error: unknown) => error));
      }
      expect(await answerTo(callOf())).toBe("overloaded");
      settled = parts.ledger.settle(endOf(held));
      await Promise.all(waiting);
    });
    await settled;
    expect(await statesOf([held])).toEqual(["settled"]);
  });

  it("that is closed leaves nobody waiting", async () => {
    const database = openPostgres(server.url, {
      connectionsMax: 1,
      queryTimeoutMs: STATEMENT_TIMEOUT_MS * 4,
    });
    const closing = await startReplica(database, control, "closing");
    await whileStalled(async (reached) => {
      const answers = [answerTo(callOf(), closing.ledger)];
      await reached();
      answers.push(answerTo(callOf(), closing.ledger));
      expect(await closing.batcher.close(50)).toBe(2);
      const late = delay(2_000, "nobody answered");
      for (const answer of answers) expect(await Promise.race([answer, late])).toBe("ledger_unavailable");
    });
    expect(await answerTo(callOf(), closing.ledger)).toBe("ledger_unavailable");
    await closing.close();
    await database.close();
  });
}
