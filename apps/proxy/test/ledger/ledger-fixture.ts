import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Database, Row } from "../../src/ledger/database.ts";
import type { FlushRecord } from "../../src/ledger/intent-journal.ts";
import { LEDGER_APPLY_SQL } from "../../src/ledger/ledger-apply.ts";
import { migrate } from "../../src/ledger/migrate.ts";

/** What a call of this fixture may cost at worst, in micro-dollars. */
export const HOLD_MICROS = 10_000_000n;
/** What a settled call of this fixture costs. */
export const COST_MICROS = 7_000_000n;

type Op = Readonly<Record<string, unknown>>;

/** A key with budgets of every window and unit, of its own and of the whole installation. */
export interface Seed {
  readonly secretId: string;
  readonly keyId: string;
}

/** Brings the schema up and makes the key, unless it is there. */
export async function seedLedger(database: Database): Promise<Seed> {
  await migrate(database);
  await database.query("SELECT ensure_partitions(1)");
  const [known] = await database.query("SELECT id, secret_id FROM vault_keys");
  if (known !== undefined) return { keyId: known["id"] as string, secretId: known["secret_id"] as string };

  await database.query("SELECT set_budget('installation', '', 'total', 'usd', $1)", [10n ** 15n]);
  const secretId = textOf(
    await database.query(
      "INSERT INTO secrets (name, vendor, envelope) VALUES ('s', 'stripe', '\\x00') RETURNING id",
    ),
  );
  return { secretId, keyId: await makeKey(database, secretId, "ab") };
}

/** Makes another key under the same secret; `hash` is any byte in hexadecimal. */
export async function makeKey(database: Database, secretId: string, hash: string): Promise<string> {
  const budgets = [
    { window: "daily", unit: "usd", limit: 10n ** 14n },
    { window: "monthly", unit: "usd", limit: 10n ** 14n },
    { window: "daily", unit: "calls", limit: 1_000_000n },
  ];
  return textOf(
    await database.query(
      `SELECT id FROM create_vault_key(decode(repeat($1, 32), 'hex'), 'vault_x', NULL, 'agent-1', 'run-1', $2, 'stripe',
         '{}', $3, NULL, NULL)`,
      [
        hash,
        secretId,
        JSON.stringify(budgets.map((budget) => ({ ...budget, limit: budget.limit.toString() }))),
      ],
    ),
  );
}

/** Takes a new epoch, with a lease that outlasts a test. */
export async function takeEpoch(database: Database): Promise<bigint> {
  const [row] = await database.query(
    "INSERT INTO replicas (name, version, lease_until) VALUES ('test', '0', now() + interval '1 hour') RETURNING epoch",
  );
  return row?.["epoch"] as bigint;
}

/** An operation that asks for a hold. */
export function reserveOp({ keyId, secretId }: Seed, changes: Op = {}): Op & { readonly id: string } {
  return {
    kind: "reserve",
    id: randomUUID(),
    vault_key_id: keyId,
    policy_version: 1,
    secret_id: secretId,
    agent_id: "agent-1",
    crew_run_id: "run-1",
    vendor: "stripe",
    method: "POST",
    path: "/v1/payment_intents",
    endpoint: "POST /v1/payment_intents",
    direction: "in",
    accounted: true,
    amount: "1000",
    currency: "usd",
    hold_micros: HOLD_MICROS.toString(),
    metadata: { order: "ü-1" },
    deadline_ms: 600_000,
    ...changes,
  };
}

/** An operation that ends a call. */
export function settleOp({ secretId }: Seed, id: string, state: "settled" | "released" = "settled"): Op {
  const outcome = state === "settled" ? { status_code: 200, cost_micros: COST_MICROS.toString() } : {};
  return { kind: "settle", id, secret_id: secretId, state, ...outcome };
}

/** A journal record of so many bytes and a few more, of no call. */
export function recordOf(size: number): FlushRecord {
  return { kind: "flush", at: 1_700_000_000_000, day: "2023-11-14", calls: [{ id: "x".repeat(size) }] };
}

/** Applies operations in one flush, and returns their codes: null = allowed, or nothing to say. */
export async function flush(
  database: Database,
  epoch: bigint,
  ops: readonly Op[],
): Promise<(string | null)[]> {
  const batch = ops.map((op, index) => ({ i: index + 1, ...op }));
  const [row] = await database.query(LEDGER_APPLY_SQL, [epoch, JSON.stringify(batch), null, [], [], []]);
  const answer = row?.["result"] as
    | { results: readonly { i: number; code: string | null }[] | null }
    | undefined;
  return batch.map(({ i }) => answer?.results?.find((result) => result.i === i)?.code ?? null);
}

/** The state of every call that has a row. */
export async function statesOf(database: Database): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query("SELECT id, state FROM calls");
  return new Map(rows.map((row) => [row["id"] as string, row["state"] as string]));
}

/** Fails unless every window's sums are those of its calls, and every epoch's chain is whole. All calls are `seed`'s. */
export async function expectConsistent(database: Database): Promise<void> {
  const wrong = await database.query(`
    SELECT b.scope, b.time_window, b.unit, x.reserved, x.settled, e.* FROM budget_windows x JOIN budgets b ON b.id = x.budget_id
    CROSS JOIN LATERAL (
      SELECT
        coalesce(sum(CASE b.unit WHEN 'usd' THEN micros(c.reserved_usd) ELSE (c.replay_of IS NULL)::integer END)
          FILTER (WHERE c.state IN ('reserved', 'unknown')), 0)::bigint AS open,
        coalesce(sum(CASE b.unit WHEN 'usd' THEN micros(c.cost_usd) ELSE (c.replay_of IS NULL)::integer END) FILTER (WHERE c.state = 'settled'), 0)::bigint AS done,
        coalesce(bool_and(EXISTS (SELECT 1 FROM reservations r WHERE r.call_id = c.id) = (c.state IN ('reserved', 'unknown'))), true) AS held
      FROM calls c WHERE c.verdict = 'allow' AND (b.scope <> 'vault_key' OR c.vault_key_id::text = b.scope_value)
        AND window_start(b.time_window, (c.requested_at AT TIME ZONE 'UTC')::date) = x.window_start
    ) e WHERE x.reserved <> e.open OR x.settled <> e.done OR NOT e.held`);
  assert.deepEqual(wrong, [], "a window's sums are not those of its calls");
  const broken = await database.query(`
    SELECT v.* FROM (SELECT DISTINCT epoch FROM audit_chain) c
    CROSS JOIN LATERAL verify_links(c.epoch, 0, chain_genesis(c.epoch), 100000, now(), '-infinity') v WHERE v.problem IS NOT NULL`);
  assert.deepEqual(broken, [], "a link of the audit chain is broken");
}

function textOf(rows: readonly Row[]): string {
  return String(Object.values(rows[0] ?? {})[0]);
}
