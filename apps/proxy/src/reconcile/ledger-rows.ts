import { type CallState, parseUsd } from "@keybrake/core";
import type { Database, Row } from "../ledger/database.ts";

/** What a comparison needs of one audited call. */
export interface LedgerCall {
  readonly id: string;
  readonly requestedAt: Date;
  readonly completedAt: Date | null;
  readonly state: CallState;
  readonly agentId: string | null;
  readonly crewRunId: string | null;
  readonly endpoint: string | null;
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly costMicros: bigint;
  readonly heldMicros: bigint;
  readonly requestId: string | null;
  readonly objectId: string | null;
  /** The key as the vendor saw it. */
  readonly idempotencyKey: string | null;
  /** True when it repeated a call whose reservation it shares. */
  readonly isReplay: boolean;
  readonly secretId: string;
  /** True when its key may act on a connected account, whose records are not among those of the secret. */
  readonly mayActElsewhere: boolean;
}

const PAGE_SIZE = 1_000;
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Allowed calls that can change something, of every secret of the vendor, oldest first. */
const PAGE = `
  SELECT c.id, c.requested_at, c.requested_at::text AS position, c.completed_at, c.state, c.agent_id, c.crew_run_id,
    c.endpoint, c.amount, c.currency, c.cost_usd, c.reserved_usd, c.vendor_request_id, c.vendor_object_id,
    c.idempotency_key_hash, c.replay_of, k.secret_id, k.policy #>> '{stripe,account}' AS account
  FROM calls c JOIN vault_keys k ON k.id = c.vault_key_id
  WHERE c.vendor = $1 AND c.verdict = 'allow' AND c.method NOT IN ('GET', 'HEAD')
    AND c.requested_at < $2 AND c.requested_at >= $3::timestamptz
    AND (c.requested_at, c.id) > ($3::timestamptz, $4::uuid)
  ORDER BY c.requested_at, c.id LIMIT $5`;

/** Reads them page by page; nothing stays open between two pages. */
export async function* readLedgerCalls(
  database: Database,
  vendor: string,
  from: Date,
  until: Date,
): AsyncGenerator<LedgerCall> {
  let position = from.toISOString();
  let id = NO_ID;
  while (true) {
    const rows = await database.query(PAGE, [vendor, until, position, id, PAGE_SIZE]);
    for (const row of rows) yield readRow(row);
    const last = rows.at(-1);
    if (rows.length < PAGE_SIZE || last === undefined) return;
    position = last["position"] as string;
    id = last["id"] as string;
  }
}

function readRow(row: Row): LedgerCall {
  return {
    id: row["id"] as string,
    requestedAt: row["requested_at"] as Date,
    completedAt: row["completed_at"] as Date | null,
    state: row["state"] as CallState,
    agentId: row["agent_id"] as string | null,
    crewRunId: row["crew_run_id"] as string | null,
    endpoint: row["endpoint"] as string | null,
    amount: bigintOf(row["amount"]),
    currency: row["currency"] as string | null,
    costMicros: microsOf(row["cost_usd"]),
    heldMicros: microsOf(row["reserved_usd"]),
    requestId: row["vendor_request_id"] as string | null,
    objectId: row["vendor_object_id"] as string | null,
    idempotencyKey: row["idempotency_key_hash"] as string | null,
    isReplay: row["replay_of"] !== null,
    secretId: row["secret_id"] as string,
    mayActElsewhere: row["account"] !== null,
  };
}

/** A numeric of the ledger, which a credit may have made negative, as micro-dollars. */
function microsOf(value: unknown): bigint {
  const text = String(value ?? "0");
  const isNegative = text.startsWith("-");
  const micros = parseUsd(isNegative ? text.slice(1) : text);
  if (micros === null) throw new TypeError("a numeric of the ledger is no amount of dollars");
  return isNegative ? -micros : micros;
}

function bigintOf(value: unknown): bigint | null {
  return value === null || value === undefined ? null : BigInt(value as bigint | string | number);
}

/** What the ledger counts for an object, and since when. */
export interface CountedExposure {
  readonly amount: bigint;
  readonly currency: string;
  readonly updatedAt: Date;
}

const EXPOSURES = `
  SELECT object_id, amount, currency, updated_at FROM exposures
  WHERE secret_id = $1::uuid AND object_id = ANY ($2::text[])`;

/** Finds what is counted for objects, whenever their calls were made. */
export async function findExposures(
  database: Database,
  secretId: string,
  objectIds: readonly string[],
): Promise<ReadonlyMap<string, CountedExposure>> {
  const found = new Map<string, CountedExposure>();
  for (let start = 0; start < objectIds.length; start += PAGE_SIZE) {
    const rows = await database.query(EXPOSURES, [secretId, objectIds.slice(start, start + PAGE_SIZE)]);
    for (const row of rows) {
      found.set(row["object_id"] as string, {
        amount: bigintOf(row["amount"]) ?? 0n,
        currency: row["currency"] as string,
        updatedAt: row["updated_at"] as Date,
      });
    }
  }
  return found;
}
