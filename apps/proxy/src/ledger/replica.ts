import type { Database } from "./database.ts";

const LEASE_MS = 10_000;
/** Given up this much before the database would, so that no send can straddle the end of a lease. */
const LEASE_MARGIN_MS = 1_500;
const RENEW_EVERY_MS = 2_000;
const SWEEP_EVERY_MS = 5_000;
const SWEEP_MOST = 500;

const IS_ELDEST = `
  SELECT min(epoch) = $1 AS is_eldest FROM replicas
  WHERE stopped_at IS NULL AND lease_until > clock_timestamp()`;

/** What a replica tells of itself while it lives. */
export interface ReplicaEvents {
  /** Something went wrong in the background; the replica goes on. */
  readonly onError: (what: string, error: unknown) => void;
  /** That many calls of dead replicas, or past their deadline, became unknown. */
  readonly onSwept: (count: number) => void;
}

/**
 * This process's life as the ledger sees it: an epoch with a lease on the database's clock. Whoever does not renew is
 * dead, and any other replica turns its open calls into `unknown`.
 */
export class Replica {
  readonly #database: Database;
  readonly #name: string;
  readonly #version: string;
  readonly #events: ReplicaEvents;
  readonly #monotonicMs: () => number;
  readonly #masterKeyIds: readonly string[];
  #epoch = 0n;
  #leaseUntilMs = 0;
  #living = 1;
  #timers: NodeJS.Timeout[] = [];
  #registering: Promise<void> | null = null;

  constructor(
    database: Database,
    name: string,
    version: string,
    monotonicMs: () => number,
    events: ReplicaEvents,
    masterKeyIds: readonly string[] = [],
  ) {
    this.#database = database;
    this.#name = name;
    this.#version = version;
    this.#monotonicMs = monotonicMs;
    this.#events = events;
    this.#masterKeyIds = masterKeyIds;
  }

  get epoch(): bigint {
    return this.#epoch;
  }

  /** Says whether this replica is certainly still alive for everybody else. */
  holdsLease(): boolean {
    return this.#monotonicMs() < this.#leaseUntilMs;
  }

  /**
   * Says whether this is the oldest living replica, to which falls what one of them should do. For a moment there may
   * be two, so it must be work that costs no more than time when it is done twice.
   */
  async isEldest(): Promise<boolean> {
    const [row] = await this.#database.query(IS_ELDEST, [this.#epoch]);
    return row?.["is_eldest"] === true;
  }

  /** How many replicas lived when the lease was last renewed, this one among them. */
  get living(): number {
    return this.#living;
  }

  async start(): Promise<void> {
    await this.register();
    await this.#renew();
    this.#every(RENEW_EVERY_MS, "renew the lease", () => this.#renew());
    this.#every(SWEEP_EVERY_MS, "sweep open calls", () => this.#sweep());
  }

  /**
   * Takes a new epoch, because the old one's lease is lost. Concurrent callers share one registration. Rejects when the
   * master key has been changed to one that this replica does not have: it could not open a credential.
   */
  register(): Promise<void> {
    this.#registering ??= this.#takeEpoch().finally(() => {
      this.#registering = null;
    });
    return this.#registering;
  }

  /** Ends the epoch; call it when nothing is open any more. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#leaseUntilMs = 0;
    await this.#database.query("UPDATE replicas SET stopped_at = clock_timestamp() WHERE epoch = $1", [
      this.#epoch,
    ]);
  }

  async #takeEpoch(): Promise<void> {
    const askedAtMs = this.#monotonicMs();
    const [row] = await this.#database.query("SELECT take_epoch($1, $2, $3, $4::text[]) AS epoch", [
      this.#name,
      this.#version,
      LEASE_MS,
      this.#masterKeyIds,
    ]);
    this.#epoch = row?.["epoch"] as bigint;
    this.#leaseUntilMs = askedAtMs + LEASE_MS - LEASE_MARGIN_MS;
  }

  async #renew(): Promise<void> {
    const askedAtMs = this.#monotonicMs();
    const rows = await this.#database.query(
      `UPDATE replicas SET lease_until = clock_timestamp() + $2 * interval '1 millisecond'
       WHERE epoch = $1 AND stopped_at IS NULL AND lease_until > clock_timestamp()
       RETURNING (SELECT count(*) FROM replicas p WHERE p.stopped_at IS NULL AND p.lease_until > clock_timestamp()) AS living`,
      [this.#epoch, LEASE_MS],
    );
    if (rows.length === 0) return this.register();
    this.#living = Math.max(1, Number(rows[0]?.["living"]));
    this.#leaseUntilMs = askedAtMs + LEASE_MS - LEASE_MARGIN_MS;
  }

  async #sweep(): Promise<void> {
    if (!this.holdsLease()) return;
    const [row] = await this.#database.query("SELECT ledger_sweep($1, $2) AS swept", [
      this.#epoch,
      SWEEP_MOST,
    ]);
    const swept = Number(row?.["swept"] ?? 0);
    if (swept > 0) this.#events.onSwept(swept);
  }

  #every(periodMs: number, what: string, work: () => Promise<void>): void {
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      work()
        .catch((error: unknown) => this.#events.onError(what, error))
        .finally(() => {
          isRunning = false;
        });
    }, periodMs);
    timer.unref();
    this.#timers.push(timer);
  }
}
