import type { Database, Row } from "./database.ts";

/** What the chain says of one call. `isVerified` is what could be checked: see `coversRow`. */
export interface ChainEntry {
  readonly kind: "decision" | "unknown" | "outcome";
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly writtenAt: Date;
  /** Whether the row as it is now was held against the entry's digest; an `unknown` that was resolved cannot be. */
  readonly coversRow: boolean;
  readonly isVerified: boolean;
}

/** A call as far as its links are looked for. */
export interface ChainedCall {
  readonly id: string;
  readonly requestedAt: string;
  readonly completedAt: string | null;
}

/** A hold that is swept becomes `unknown` in this time, unless every replica was away. */
const OPEN_MS_MAX = 15 * 60_000;

/**
 * The entries of a call, oldest first. Its decision is written at the instant of its request, and its last entry at
 * that of its completion, so few links are looked at; only for a call whose decision is not found there, such as one
 * that the intent journal put back, every link between the two.
 */
export async function listChainEntries(
  database: Database,
  call: ChainedCall,
): Promise<readonly ChainEntry[]> {
  const { requestedAt, completedAt } = call;
  const endMs = Date.parse(completedAt ?? requestedAt);
  const nearMs = Math.min(Date.parse(requestedAt) + OPEN_MS_MAX, endMs);
  const near = await selectEntries(database, call.id, [
    [requestedAt, new Date(nearMs).toISOString()],
    ...(completedAt === null || endMs === nearMs ? [] : [[completedAt, completedAt] as const]),
  ]);
  if (completedAt === null || endMs === nearMs || near.some(({ kind }) => kind === "decision")) return near;
  return selectEntries(database, call.id, [[requestedAt, completedAt]]);
}

/**
 * A link is sound when it continues the link before it (or the end that a tombstone states, or the chain's beginning),
 * its hash is that of its entries, and the link after it continues it.
 */
async function selectEntries(
  database: Database,
  callId: string,
  ranges: readonly (readonly [from: string, to: string])[],
): Promise<readonly ChainEntry[]> {
  const rows = await database.query(
    `SELECT x.*, x.is_sound AND (NOT x.covers_row OR x.digest = x.row_digest) AS is_verified FROM (
       SELECT u.kind, a.epoch, a.seq, a.written_at, u.digest,
         u.kind <> 'unknown' OR c.state = 'unknown' AS covers_row,
         CASE u.kind WHEN 'decision' THEN decision_digest(c) ELSE outcome_digest(c) END AS row_digest,
         a.prev_hash IS NOT DISTINCT FROM coalesce(
           (SELECT p.hash FROM audit_chain p WHERE p.epoch = a.epoch AND p.seq = a.seq - 1),
           (SELECT decode(t.heads -> a.epoch::text ->> 'hash', 'hex') FROM audit_tombstones t
             WHERE (t.heads -> a.epoch::text ->> 'seq')::bigint = a.seq - 1 LIMIT 1),
           CASE a.seq WHEN 1 THEN chain_genesis(a.epoch) END)
         AND a.hash = sha256(a.prev_hash
           || (SELECT string_agg(d, ''::bytea ORDER BY o) FROM unnest(a.digests) WITH ORDINALITY AS e (d, o)))
         AND NOT EXISTS (SELECT 1 FROM audit_chain n
           WHERE n.epoch = a.epoch AND n.seq = a.seq + 1 AND n.prev_hash <> a.hash) AS is_sound
       FROM unnest($2::timestamptz[], $3::timestamptz[]) AS t (since, until)
       JOIN audit_chain a ON a.written_at >= t.since AND a.written_at <= t.until AND a.call_ids @> ARRAY[$1::uuid]
       CROSS JOIN LATERAL unnest(a.call_ids, a.requested_ats, a.kinds, a.digests) AS u (id, at, kind, digest)
       JOIN calls c ON c.id = u.id AND c.requested_at = u.at
       WHERE u.id = $1 AND u.kind IN ('decision', 'unknown', 'outcome')
     ) x ORDER BY x.written_at, x.epoch, x.seq, x.kind`,
    [callId, ranges.map(([from]) => from), ranges.map(([, to]) => to)],
  );
  return rows.map(readEntry);
}

function readEntry(row: Row): ChainEntry {
  return {
    kind: row["kind"] as ChainEntry["kind"],
    epoch: row["epoch"] as bigint,
    seq: row["seq"] as bigint,
    writtenAt: row["written_at"] as Date,
    coversRow: row["covers_row"] as boolean,
    isVerified: row["is_verified"] as boolean,
  };
}
