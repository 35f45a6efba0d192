import type { ChainHead } from "./audit-verify.ts";
import type { Database } from "./database.ts";
import { headParameters, SeenHeads } from "./seen-heads.ts";
import type { Witness } from "./witness.ts";

/** Heads of every replica that lived a minute ago or later, the open gap, and up to where accepted gaps explain a loss. */
const LOOK = `
  SELECT r.epoch, a.seq, a.hash FROM replicas r CROSS JOIN LATERAL (
    SELECT x.seq, x.hash FROM audit_chain x WHERE x.epoch = r.epoch ORDER BY x.seq DESC LIMIT 1) a
  WHERE r.lease_until > clock_timestamp() - interval '1 minute'`;
const STATE = `
  SELECT EXISTS (SELECT 1 FROM history_gaps WHERE accepted_at IS NULL) AS is_lost,
    (SELECT max(closes_epoch) FROM history_gaps WHERE accepted_at IS NOT NULL) AS closed`;

/** Each costs a flush some look-ups; there are rarely more replicas, and the regular check asks for all. */
const EXPECTED_MAX = 8;

/** What `History` is made of. */
export interface HistoryParts {
  readonly database: Database;
  /** Null where nothing can be written: then only this process's own memory notices. */
  readonly witness: Witness | null;
  readonly replicaName: string;
  /** The database's time. */
  readonly now: () => Date;
  /** Told once when history turns out to be lost, and once when an operator has accepted that. */
  readonly onChange: (isLost: boolean) => void;
}

/**
 * Notices when the database does not have any more what it had: after a failover that lost commits, or when an older
 * backup was restored. Then the budgets forget what was spent and a revoked key may live again, so nothing may go out
 * until an operator has looked. The loss is written into the database, where every replica finds it at its next flush.
 */
export class History {
  readonly #parts: HistoryParts;
  readonly #seen = new SeenHeads();
  #isLost = false;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** Whether nothing may be allowed until an operator has accepted a loss. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The links that the next flush must find; none while a loss is open, because that is known already. */
  expected(): readonly ChainHead[] {
    return this.#isLost ? [] : this.#seen.newest(EXPECTED_MAX);
  }

  /** Remembers a link whose commit was acknowledged. */
  learn(head: ChainHead): void {
    this.#seen.add(head);
  }

  /** Another replica has found a loss. */
  noteLoss(): void {
    this.#setLost(true);
  }

  /** Starts from what this replica wrote down, and from heads that were kept elsewhere. */
  async open(kept: readonly ChainHead[]): Promise<void> {
    for (const head of this.#parts.witness?.read() ?? []) this.#seen.add(head);
    await this.check(kept);
  }

  /**
   * Holds what is remembered against the database, learns what is new there, and writes it down. Also finds out that
   * an operator has accepted a loss.
   */
  async check(kept: readonly ChainHead[] = []): Promise<void> {
    const { database, witness, now } = this.#parts;
    await this.confirmLoss(kept);
    const [state] = await database.query(STATE);
    const closed = state?.["closed"] as bigint | null;
    if (closed !== null) this.#seen.forgetUpTo(closed);
    this.#setLost(state?.["is_lost"] === true);
    if (this.#isLost) return;
    for (const row of await database.query(LOOK)) this.#seen.add(readHead(row));
    await witness?.write(this.#seen.list(), now());
  }

  /** Writes a loss into the database if there is one, so that every replica stops. */
  async confirmLoss(kept: readonly ChainHead[] = []): Promise<void> {
    const { database, replicaName } = this.#parts;
    const heads = [...kept, ...this.#seen.list()];
    const parameters = headParameters(heads);
    const lost = await database.query(
      "SELECT epoch FROM lost_heads($1::bigint[], $2::bigint[], $3::bytea[])",
      [...parameters],
    );
    if (lost.length === 0) return;
    const [row] = await database.query(
      "SELECT freeze_history($1, $2::bigint[], $3::bigint[], $4::bytea[]) AS gap",
      [replicaName, ...parameters],
    );
    if (row?.["gap"] !== null) this.#setLost(true);
  }

  #setLost(isLost: boolean): void {
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    this.#parts.onChange(isLost);
  }
}

function readHead(row: Readonly<Record<string, unknown>>): ChainHead {
  return {
    epoch: row["epoch"] as bigint,
    seq: row["seq"] as bigint,
    hash: row["hash"] as Uint8Array,
  };
}
