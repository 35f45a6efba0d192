import { randomBytes } from "node:crypto";
import type { BudgetSpec, CallState, CredentialMode, KeyIdentity, VaultKeyRecord } from "@keybrake/core";
import type { BudgetName, CallRow, LedgerHarness, NewKey } from "@keybrake/core/testing";
import { verifyAudit } from "../../src/ledger/audit-verify.ts";
import type { Database, Row } from "../../src/ledger/database.ts";
import { eraseSecret } from "../../src/secrets/secret-rows.ts";
import { type ReplicaParts, startReplica } from "./replica-parts.ts";
import type { SqlStore } from "./sql-store.ts";

const SWEEP_MOST = 500;
const LIFETIME = null;

/** What the ledger's contract suite needs, over a SQL store. */
export async function openSqlLedgerHarness(openStore: () => Promise<SqlStore>): Promise<LedgerHarness> {
  const store = await openStore();
  const parts = await startReplica(store.ledgerDatabase, store.generalDatabase);
  return {
    ledger: parts.ledger,
    faults: store.faults,
    monotonicMs: () => parts.clock.monotonicMs(),
    ...controlOf(store),
    ...viewOf(store.control),
    ...timeOf(store.control),
    openPeer: () => openPeer(store),
    sweep: async () => {
      await store.control.query("SELECT ledger_sweep($1, $2)", [parts.replica.epoch, SWEEP_MOST]);
    },
    close: async () => {
      await parts.close();
      await store.close();
    },
  };
}

function controlOf(store: SqlStore) {
  const { control } = store;
  return {
    createSecret: (mode?: CredentialMode) => createSecret(control, mode),
    deleteSecret: async (secretId: string) => {
      await eraseSecret(control, secretName(secretId));
    },
    createKey: (key: NewKey) => createKey(control, key),
    updateKey: async (vaultKeyId: string, budgets: readonly BudgetSpec[]) => {
      const [row] = await control.query(
        "SELECT policy_version FROM update_vault_key($1, $2::jsonb, $3::jsonb, NULL, NULL)",
        [vaultKeyId, "{}", writeBudgets(budgets)],
      );
      return (row?.["policy_version"] as number | undefined) ?? null;
    },
    expireKey: async (vaultKeyId: string) => {
      await control.query("UPDATE vault_keys SET expires_at = clock_timestamp() WHERE id = $1", [vaultKeyId]);
    },
    revoke: async (scope: string, value: string) => {
      const rows = await store.transact([
        ["SELECT revoke_vault_keys($1, $2, 'contract')", [scope, value]],
        ["SELECT id FROM calls WHERE verdict = 'allow'", []],
      ]);
      return new Set(rows.map((row) => row["id"] as string));
    },
    setKillSwitch: async (isEngaged: boolean) => {
      await control.query("SELECT set_kill_switch($1, 'contract')", [isEngaged]);
    },
    setBudget: (name: BudgetName, limit: bigint) => setBudget(control, name, limit),
    endBudget: (name: BudgetName) => setBudget(control, name, null),
  };
}

/** Stores a secret that nobody opens; its name follows from its id. */
export async function createSecret(control: Database, mode: CredentialMode = "live"): Promise<string> {
  const [row] = await control.query(
    `INSERT INTO secrets (id, name, vendor, mode, envelope)
     SELECT id, 's' || replace(id::text, '-', ''), 'stripe', $1, '\\x00' FROM gen_random_uuid() AS g (id) RETURNING id`,
    [mode],
  );
  return row?.["id"] as string;
}

function secretName(secretId: string): string {
  return `s${secretId.replaceAll("-", "")}`;
}

async function createKey(control: Database, key: NewKey): Promise<KeyIdentity> {
  const { agentId, crewRunId, secretId, expiresAt } = key;
  const [row] = await control.query(
    `SELECT id FROM create_vault_key($1, 'vault_contract_…', NULL, $2, $3, $4, 'stripe', '{}', $5::jsonb, $6, $7, $8,
       (SELECT policy_version FROM vault_keys WHERE id = $8))`,
    [
      ...[randomBytes(32), agentId, crewRunId, secretId, writeBudgets(key.budgets), LIFETIME, expiresAt],
      key.parent?.vaultKeyId ?? null,
    ],
  );
  return { vaultKeyId: row?.["id"] as string, policyVersion: 1, secretId, agentId, crewRunId };
}

function writeBudgets(budgets: readonly BudgetSpec[]): string {
  return JSON.stringify(budgets.map((budget) => ({ ...budget, limit: budget.limit.toString() })));
}

async function setBudget(control: Database, name: BudgetName, limit: bigint | null): Promise<void> {
  const { scope, value, window, unit } = name;
  await control.query("SELECT set_budget($1, $2, $3, $4, $5)", [
    scope,
    value,
    window,
    unit,
    limit?.toString() ?? null,
  ]);
}

function viewOf(control: Database) {
  return {
    findKeyStatus: async (vaultKeyId: string) => {
      const [row] = await control.query("SELECT status FROM vault_keys WHERE id = $1", [vaultKeyId]);
      return (row?.["status"] as VaultKeyRecord["status"] | undefined) ?? null;
    },
    findCall: async (callId: string) => {
      const [row] = await control.query("SELECT * FROM calls WHERE id = $1", [callId]);
      return row === undefined ? null : readCall(row);
    },
    listCalls: async (vaultKeyId: string) => {
      const rows = await control.query("SELECT * FROM calls WHERE vault_key_id = $1", [vaultKeyId]);
      return rows.map(readCall);
    },
    findBudgetUse: async ({ scope, value, window, unit, mode = "live" }: BudgetName, day?: string) => {
      const [row] = await control.query(
        `SELECT w.limit_micros, w.reserved, w.settled, w.overrun FROM budgets b
         JOIN budget_windows w ON w.budget_id = b.id
           AND w.window_start = window_start(b.time_window, coalesce($5::date, ledger_day())) AND w.mode = $6
         WHERE b.scope = $1 AND b.scope_value = $2 AND b.time_window = $3 AND b.unit = $4 AND b.deleted_at IS NULL`,
        [scope, value, window, unit, day ?? null, mode],
      );
      if (row === undefined) return null;
      const [limit, reserved] = [row["limit_micros"] as bigint, row["reserved"] as bigint];
      return { limit, reserved, settled: row["settled"] as bigint, overrun: row["overrun"] as bigint };
    },
    findChainProblem: () => findChainProblem(control),
  };
}

function readCall(row: Row): CallRow {
  const text = (name: string) => row[name] as string | null;
  const whole = (name: string) => row[name] as number | null;
  return {
    id: row["id"] as string,
    state: row["state"] as CallState,
    verdict: row["verdict"] as CallRow["verdict"],
    denialCode: text("denial_code"),
    denialReason: text("denial_reason"),
    vaultKeyId: text("vault_key_id"),
    agentId: text("agent_id"),
    crewRunId: text("crew_run_id"),
    claimedAgentId: text("claimed_agent_id"),
    claimedCrewRunId: text("claimed_crew_run_id"),
    vendor: text("vendor"),
    method: row["method"] as string,
    path: row["path"] as string,
    endpoint: text("endpoint"),
    direction: text("direction"),
    statusCode: whole("status_code"),
    amount: row["amount"] as bigint | null,
    currency: text("currency"),
    reservedMicros: readMicros(row["reserved_usd"]) ?? 0n,
    costMicros: readMicros(row["cost_usd"]) ?? 0n,
    overrunMicros: readMicros(row["overrun_usd"]),
    customerId: text("customer_id"),
    vendorRequestId: text("vendor_request_id"),
    vendorObjectId: text("vendor_object_id"),
    replayOf: text("replay_of"),
    metadata: row["metadata"] as CallRow["metadata"],
    latencyMs: whole("latency_ms"),
    upstreamMs: whole("upstream_ms"),
    outcomeReason: text("outcome_reason"),
    completedAt: row["completed_at"] as Date | null,
  };
}

/** Dollars with exactly six decimals, as numeric(20,6) is written. */
function readMicros(usd: unknown): bigint | null {
  return usd === null ? null : BigInt((usd as string).replace(".", ""));
}

/** Nobody writes while it looks, so every row can be counted, the youngest too. */
async function findChainProblem(control: Database): Promise<string | null> {
  const { firstProblem } = await verifyAudit(control, {
    isTombstoneSigned: () => true,
    isGapSigned: () => true,
  });
  if (firstProblem !== null) return firstProblem.problem;
  const [row] = await control.query(
    `SELECT (SELECT count(*) FROM calls) AS decided, (SELECT count(*) FROM calls WHERE state IN ('denied', 'settled', 'released')) AS ended,
       count(*) FILTER (WHERE k = 'decision') AS decisions, count(*) FILTER (WHERE k = 'outcome') AS outcomes
     FROM audit_chain a CROSS JOIN LATERAL unnest(a.kinds) AS u (k)`,
  );
  const [decided, decisions] = [row?.["decided"], row?.["decisions"]];
  const [ended, outcomes] = [row?.["ended"], row?.["outcomes"]];
  if (decided === decisions && ended === outcomes) return null;
  return `${decided} calls and ${decisions} decisions, ${ended} ends and ${outcomes} outcomes`;
}

function timeOf(control: Database) {
  return {
    now: async () => {
      const [row] = await control.query("SELECT clock_timestamp() AS now");
      return row?.["now"] as Date;
    },
    advanceDay: () => advanceDay(control),
    passDeadlines: async () => {
      await control.query("UPDATE reservations SET deadline = clock_timestamp() - interval '1 second'");
    },
    ageIdempotencyKeys: async (hours: number) => {
      await control.query(
        "UPDATE idempotency_keys SET requested_at = requested_at - $1 * interval '1 hour'",
        [hours],
      );
    },
  };
}

/** Lets the ledger's day be the next one, as if it had been seen already. */
export async function advanceDay(
  control: Database,
): Promise<{ readonly before: string; readonly after: string }> {
  const [row] = await control.query(
    `UPDATE installation i SET last_day = ledger_day() + 1 FROM (SELECT ledger_day()::text AS before) o
     RETURNING o.before, i.last_day::text AS after`,
  );
  return { before: row?.["before"] as string, after: row?.["after"] as string };
}

async function openPeer(store: SqlStore) {
  const database = store.openDatabase();
  const parts: ReplicaParts = await startReplica(database, database, "peer");
  return {
    ledger: parts.ledger,
    loseLease: async () => {
      await store.control.query(
        "UPDATE replicas SET lease_until = clock_timestamp() - interval '1 second' WHERE epoch = $1",
        [parts.replica.epoch],
      );
    },
    close: () => parts.close(),
  };
}
