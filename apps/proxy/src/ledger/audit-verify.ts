import type { Database } from "./database.ts";
import { type HistoryGap, listHistoryGaps } from "./history-gaps.ts";
import type { Tombstone } from "./maintenance.ts";

/** A tombstone as it is stored, with its signature. */
export interface SignedTombstone extends Tombstone {
  readonly signature: Uint8Array;
}

/** Says whether something bears the installation's signature. */
export interface SignatureCheck {
  readonly isTombstoneSigned: (tombstone: SignedTombstone) => boolean;
  readonly isGapSigned: (gap: HistoryGap) => boolean;
}

/** The newest link of one epoch's chain at some time. */
export interface ChainHead {
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly hash: Uint8Array;
}

/** The first thing that is wrong. `epoch` and `seq` name the link, or the one beside a row that stands in none. */
export interface AuditProblem {
  readonly epoch: number | null;
  readonly seq: number | null;
  readonly problem: string;
}

/** What a verification found; it stops at the first problem, and the counts then say how far it came. */
export interface AuditFinding {
  readonly isSound: boolean;
  readonly links: number;
  readonly calls: number;
  /** Losses of history that an operator has accepted: they explain what is missing. */
  readonly gaps: number;
  readonly firstProblem: AuditProblem | null;
}

/** One statement, one snapshot: about a second of work, and on the embedded database nobody else works meanwhile. */
const LINKS_PER_QUERY = { postgres: 500, pglite: 50 } as const;
/** Rows younger than this are left out of the counts: their transactions may not have ended when counting began. */
const SETTLED_AFTER_SECONDS = 60;
const ATTEMPTS_MAX = 3;

/**
 * Recomputes every link of every epoch's chain, compares each digest with its row, and counts rows against entries, so
 * that a row which was changed, removed, added or moved is found, and a link likewise. Where retention removed
 * months, the chains must continue the heads that a signed tombstone names.
 *
 * What the database alone cannot show: somebody who may write to it cuts the newest links of a chain together with their
 * rows, or recomputes a chain to its end. `checkpoints` are heads that were kept elsewhere: each must still be there.
 */
export async function verifyAudit(
  database: Database,
  check: SignatureCheck,
  checkpoints: readonly ChainHead[] = [],
): Promise<AuditFinding> {
  for (let attempt = 1; ; attempt++) {
    const tombstones = await selectTombstones(database);
    const finding = await verifyOnce(database, tombstones, check, checkpoints);
    // Retention that ran meanwhile took links and rows away under our eyes: look again.
    const isUndisturbed = (await selectTombstones(database)).length === tombstones.length;
    if (finding.isSound || isUndisturbed || attempt === ATTEMPTS_MAX) return finding;
  }
}

interface Progress {
  links: number;
  decisions: bigint;
  outcomes: bigint;
  admins: bigint;
  /** Counts of refusals, each at the last link that states it. */
  counts: bigint;
  /** The number of the last link of each epoch. */
  readonly ends: Map<bigint, bigint>;
}

type Head = Omit<ChainHead, "epoch">;

async function verifyOnce(
  database: Database,
  tombstones: readonly SignedTombstone[],
  check: SignatureCheck,
  checkpoints: readonly ChainHead[],
): Promise<AuditFinding> {
  const progress: Progress = {
    links: 0,
    decisions: 0n,
    outcomes: 0n,
    admins: 0n,
    counts: 0n,
    ends: new Map(),
  };
  const gaps = await listHistoryGaps(database);
  const accepted = gaps.filter(({ acceptedAt }) => acceptedAt !== null);
  const finish = (firstProblem: AuditProblem | null): AuditFinding => {
    const { links, decisions } = progress;
    const isSound = firstProblem === null;
    return { isSound, links, calls: Number(decisions), gaps: accepted.length, firstProblem };
  };
  const forged = findForgery(tombstones, accepted, check) ?? findOpenGap(gaps);
  if (forged !== null) return finish(forged);
  const keptFrom = findKeptFrom(tombstones);
  const before = await selectCountingEnd(database);
  for (const epoch of await selectEpochs(database)) {
    const start = findHead(tombstones, epoch) ?? { seq: 0n, hash: await selectGenesis(database, epoch) };
    const problem = await verifyEpoch(database, epoch, start, before, keptFrom, progress);
    if (problem !== null) return finish(problem);
  }
  const wrong =
    (await findLostCheckpoint(database, tombstones, accepted, checkpoints)) ??
    findWrongEnd(tombstones, accepted, progress.ends);
  return finish(wrong ?? (await verifyCounts(database, keptFrom, before, progress)));
}

function findForgery(
  tombstones: readonly SignedTombstone[],
  accepted: readonly HistoryGap[],
  check: SignatureCheck,
): AuditProblem | null {
  const tombstone = tombstones.find((candidate) => !check.isTombstoneSigned(candidate));
  if (tombstone !== undefined) {
    const problem = `the tombstone of \`${tombstone.partitionName}\` has no valid signature`;
    return { epoch: null, seq: null, problem };
  }
  const gap = accepted.find((candidate) => !check.isGapSigned(candidate));
  if (gap === undefined) return null;
  return { epoch: null, seq: null, problem: `the accepted gap ${gap.id} in history has no valid signature` };
}

/** What a replica has seen and the database does not have is missing until somebody has answered for it. */
function findOpenGap(gaps: readonly HistoryGap[]): AuditProblem | null {
  const [lost] = gaps.find(({ acceptedAt }) => acceptedAt === null)?.lost ?? [];
  if (lost === undefined) return null;
  const problem = "history was lost here, and no operator has accepted that";
  return { epoch: Number(lost.epoch), seq: Number(lost.seq), problem };
}

/** The chains that an accepted gap has closed end where it says, unless retention has removed them whole. */
function findWrongEnd(
  tombstones: readonly SignedTombstone[],
  accepted: readonly HistoryGap[],
  ends: ReadonlyMap<bigint, bigint>,
): AuditProblem | null {
  for (const { closesEpoch, heads } of accepted) {
    const closed = [...Object.keys(heads).map(BigInt), ...ends.keys()].filter(
      (epoch) => epoch <= (closesEpoch ?? 0n),
    );
    for (const epoch of closed) {
      const stated = BigInt(heads[epoch.toString()]?.seq ?? 0);
      const found = ends.get(epoch) ?? findHead(tombstones, epoch)?.seq ?? 0n;
      if (found === stated) continue;
      const seq = Number(found > stated ? stated + 1n : stated);
      const problem = "an accepted gap says that this chain ends elsewhere";
      return { epoch: Number(epoch), seq, problem };
    }
  }
  return null;
}

async function verifyEpoch(
  database: Database,
  epoch: bigint,
  start: Head,
  before: string,
  keptFrom: string,
  progress: Progress,
): Promise<AuditProblem | null> {
  const most = LINKS_PER_QUERY[database.kind];
  let { seq, hash } = start;
  while (true) {
    const [row] = await database.query("SELECT * FROM verify_links($1, $2, $3, $4, $5, $6)", [
      epoch.toString(),
      seq.toString(),
      Buffer.from(hash),
      most,
      before,
      keptFrom,
    ]);
    const links = Number(row?.["links"]);
    progress.links += links;
    progress.decisions += row?.["decisions"] as bigint;
    progress.outcomes += row?.["outcomes"] as bigint;
    progress.admins += row?.["admins"] as bigint;
    progress.counts += row?.["counts"] as bigint;
    if (typeof row?.["problem"] === "string")
      return { epoch: Number(epoch), seq: Number(row["bad_seq"]), problem: row["problem"] };
    progress.ends.set(epoch, row?.["last_seq"] as bigint);
    if (links < most) return null;
    seq = row?.["last_seq"] as bigint;
    hash = row?.["last_hash"] as Uint8Array;
  }
}

/** A head that was kept elsewhere must be a link still, unless retention removed it, or an accepted gap did. */
async function findLostCheckpoint(
  database: Database,
  tombstones: readonly SignedTombstone[],
  accepted: readonly HistoryGap[],
  checkpoints: readonly ChainHead[],
): Promise<AuditProblem | null> {
  for (const { epoch, seq, hash } of checkpoints) {
    const removed = findHead(tombstones, epoch);
    if (removed !== null && seq <= removed.seq) continue;
    if (accepted.some((gap) => isExplained(gap, epoch, seq))) continue;
    const found = await selectHash(database, epoch, seq);
    if (found !== null && Buffer.from(found).equals(hash)) continue;
    const problem =
      found === null
        ? "a checkpoint names this link, but it is missing"
        : "the link is not the one that a checkpoint names";
    return { epoch: Number(epoch), seq: Number(seq), problem };
  }
  return null;
}

/**
 * Every kept call has one decision in the chain, every one that is at its end one outcome, every entry of the admin
 * trail stands there once, and every count of refusals is stated by a link.
 */
async function verifyCounts(
  database: Database,
  keptFrom: string,
  before: string,
  { decisions, outcomes, admins, counts }: Progress,
): Promise<AuditProblem | null> {
  const stood = await countAdminEvents(database, keptFrom, before);
  if (stood !== admins) {
    const problem = `there are ${stood} admin events, but the chain has ${admins}`;
    return { epoch: null, seq: null, problem };
  }
  const stated = await countDenialCounts(database, keptFrom, before);
  if (stated !== counts) {
    const problem = `${stated} counts of denials are kept, but the chain states ${counts}`;
    return { epoch: null, seq: null, problem };
  }
  const counted = await countCalls(database, keptFrom, before);
  if (counted.decided === decisions && counted.ended === outcomes) return null;
  const kind = counted.decided === decisions ? "outcome" : "decision";
  const stray = await selectStray(database, keptFrom, before, kind);
  if (stray !== null) {
    const problem = `the ${kind} of call ${stray.callId} stands in no link`;
    return { epoch: stray.epoch, seq: stray.seq, problem };
  }
  const [rows, entries] = kind === "decision" ? [counted.decided, decisions] : [counted.ended, outcomes];
  return { epoch: null, seq: null, problem: `${rows} calls have a ${kind}, but the chain has ${entries}` };
}

/** No call before this instant is kept. */
function findKeptFrom(tombstones: readonly SignedTombstone[]): string {
  const times = tombstones.map(({ callsBefore }) => callsBefore.getTime());
  return times.length === 0 ? "-infinity" : new Date(Math.max(...times)).toISOString();
}

/** The last link of an epoch that retention removed: the first one that is left continues it. */
function findHead(tombstones: readonly SignedTombstone[], epoch: bigint): Head | null {
  const heads = tombstones.flatMap(({ heads }) => heads[epoch.toString()] ?? []);
  const last = heads.reduce<(typeof heads)[number] | null>(
    (best, head) => (best === null || head.seq > best.seq ? head : best),
    null,
  );
  return last === null ? null : { seq: BigInt(last.seq), hash: Buffer.from(last.hash, "hex") };
}

/** Behind the end that the gap states, or of a chain that it names as lost: its number was then given out again. */
function isExplained({ closesEpoch, heads, lost }: HistoryGap, epoch: bigint, seq: bigint): boolean {
  if (epoch > (closesEpoch ?? 0n)) return false;
  const isBehind = seq > BigInt(heads[epoch.toString()]?.seq ?? 0);
  return isBehind || lost.some((link) => link.epoch === epoch && seq <= link.seq);
}

async function selectTombstones(database: Database): Promise<readonly SignedTombstone[]> {
  const rows = await database.query(
    "SELECT partition_name, calls_before, calls_removed, heads, signature FROM audit_tombstones ORDER BY id",
  );
  return rows.map((row) => ({
    partitionName: row["partition_name"] as string,
    callsBefore: row["calls_before"] as Date,
    callsRemoved: row["calls_removed"] as bigint,
    heads: row["heads"] as Tombstone["heads"],
    signature: row["signature"] as Uint8Array,
  }));
}

/** Every epoch that has links, found by hopping along the primary key. */
async function selectEpochs(database: Database): Promise<readonly bigint[]> {
  const rows = await database.query(
    `WITH RECURSIVE found AS (
       SELECT min(epoch) AS epoch FROM audit_chain
       UNION ALL
       SELECT (SELECT min(a.epoch) FROM audit_chain a WHERE a.epoch > f.epoch) FROM found f WHERE f.epoch IS NOT NULL)
     SELECT epoch FROM found WHERE epoch IS NOT NULL`,
  );
  return rows.map((row) => row["epoch"] as bigint);
}

async function selectGenesis(database: Database, epoch: bigint): Promise<Uint8Array> {
  const [row] = await database.query("SELECT chain_genesis($1) AS hash", [epoch.toString()]);
  return row?.["hash"] as Uint8Array;
}

async function selectHash(database: Database, epoch: bigint, seq: bigint): Promise<Uint8Array | null> {
  const [row] = await database.query("SELECT hash FROM audit_chain WHERE epoch = $1 AND seq = $2", [
    epoch.toString(),
    seq.toString(),
  ]);
  return row === undefined ? null : (row["hash"] as Uint8Array);
}

async function selectCountingEnd(database: Database): Promise<string> {
  const [row] = await database.query(
    `SELECT to_char((clock_timestamp() - $1 * interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS before`,
    [SETTLED_AFTER_SECONDS],
  );
  return row?.["before"] as string;
}

async function countCalls(
  database: Database,
  keptFrom: string,
  before: string,
): Promise<{ readonly decided: bigint; readonly ended: bigint }> {
  const [row] = await database.query(
    `SELECT count(*) FILTER (WHERE requested_at < $2) AS decided,
       count(*) FILTER (WHERE completed_at < $2 AND state IN ('denied', 'settled', 'released')) AS ended
     FROM calls WHERE requested_at >= $1`,
    [keptFrom, before],
  );
  return { decided: row?.["decided"] as bigint, ended: row?.["ended"] as bigint };
}

async function countAdminEvents(database: Database, keptFrom: string, before: string): Promise<bigint> {
  const [row] = await database.query(
    "SELECT count(*) AS stood FROM admin_events WHERE at >= $1 AND at < $2",
    [keptFrom, before],
  );
  return row?.["stood"] as bigint;
}

/** A count grows during its minute; after that it is final. */
async function countDenialCounts(database: Database, keptFrom: string, before: string): Promise<bigint> {
  const [row] = await database.query(
    `SELECT count(*) AS stated FROM denial_counts
     WHERE counted > 0 AND minute >= $1 AND minute < $2::timestamptz - interval '1 minute'`,
    [keptFrom, before],
  );
  return row?.["stated"] as bigint;
}

/** The newest link of every epoch: what a checkpoint keeps. */
export async function listChainHeads(database: Database): Promise<readonly ChainHead[]> {
  const heads: ChainHead[] = [];
  for (const epoch of await selectEpochs(database)) {
    const [row] = await database.query(
      "SELECT seq, hash FROM audit_chain WHERE epoch = $1 ORDER BY seq DESC LIMIT 1",
      [epoch.toString()],
    );
    if (row !== undefined) heads.push({ epoch, seq: row["seq"] as bigint, hash: row["hash"] as Uint8Array });
  }
  return heads;
}

/** A call that no link names, and the link that was written last before it: only asked when the counts differ. */
async function selectStray(
  database: Database,
  keptFrom: string,
  before: string,
  kind: "decision" | "outcome",
): Promise<{ readonly callId: string; readonly epoch: number | null; readonly seq: number | null } | null> {
  const [row] = await database.query(
    `WITH entries AS (
       SELECT u.id FROM audit_chain a CROSS JOIN LATERAL unnest(a.call_ids, a.kinds) AS u (id, kind) WHERE u.kind = $3),
     stray AS (
       SELECT c.id, c.requested_at FROM calls c
       WHERE c.requested_at >= $1 AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = c.id)
         AND CASE $3 WHEN 'decision' THEN c.requested_at < $2
           ELSE c.completed_at < $2 AND c.state IN ('denied', 'settled', 'released') END
       ORDER BY c.requested_at, c.id LIMIT 1)
     SELECT s.id, a.epoch, a.seq FROM stray s LEFT JOIN LATERAL (
       SELECT x.epoch, x.seq FROM audit_chain x ORDER BY x.written_at <= s.requested_at DESC,
         CASE WHEN x.written_at <= s.requested_at THEN s.requested_at - x.written_at ELSE x.written_at - s.requested_at END,
         x.epoch, x.seq LIMIT 1) a ON true`,
    [keptFrom, before, kind],
  );
  if (row === undefined) return null;
  const number = (value: unknown) => (value === null ? null : Number(value));
  return { callId: row["id"] as string, epoch: number(row["epoch"]), seq: number(row["seq"]) };
}
