import { setTimeout as delay } from "node:timers/promises";
import { KeybrakeError } from "@keybrake/core";
import type { ChainHead } from "./audit-verify.ts";
import { type Database, sqlStateOf } from "./database.ts";
import { LEDGER_APPLY_SQL } from "./ledger-apply.ts";
import type { Replica } from "./replica.ts";
import { headParameters } from "./seen-heads.ts";

/** One operation as `ledger_apply` reads it; the field names are those of the SQL type `ledger_op`. */
export type LedgerOp = Readonly<Record<string, unknown>> & {
  readonly kind: "reserve" | "deny" | "settle";
  readonly id: string;
};

/** What the function says about one operation. */
export interface OpResult {
  readonly code: string | null;
  /** Micro-dollars as text: JSON numbers are not exact that far. */
  readonly hold: string;
  readonly replay_of: string | null;
  readonly replay_open: boolean | null;
  readonly duplicate_of: string | null;
  readonly expiry_ms: number | null;
  readonly version: number | null;
  /** True for a refusal that has no row, because only its count is kept. */
  readonly counted: boolean;
  readonly limit: {
    readonly scope: string;
    /** True when it is the budget of a key above the one that called. */
    readonly above: boolean;
    readonly window: string;
    readonly unit: string;
    readonly limit: string;
    readonly used: string;
    readonly requested: string;
    readonly reset_seconds: number | null;
  } | null;
}

/** An operation's result, when on the monotonic clock the flush that decided it began, and under which epoch it was. */
export interface Applied {
  readonly result: OpResult | null;
  readonly startedAtMs: number;
  readonly epoch: bigint;
}

/** What a batcher asks and tells of the ledger's history (see `History`). */
export interface BatcherHistory {
  readonly isLost: boolean;
  expected(): readonly ChainHead[];
  learn(head: ChainHead): void;
  noteLoss(): void;
  confirmLoss(): Promise<void>;
}

/** Told about every flush: for the clock and the metrics. */
export interface BatcherEvents {
  readonly onFlush: (flush: { databaseMs: number; day: string; size: number; tookMs: number }) => void;
  readonly onError: (what: string, error: unknown) => void;
}

interface Entry {
  readonly op: LedgerOp;
  readonly queuedAtMs: number;
  readonly resolve: (applied: Applied) => void;
  readonly reject: (error: KeybrakeError) => void;
  /** True once the caller was told that the ledger is unavailable: whatever is decided later must not be sent. */
  isAbandoned: boolean;
  /** True once the caller needs no more telling. */
  isDone: boolean;
}

/** One try to flush: which epoch's, and its number among those. */
interface Attempt {
  readonly epoch: bigint;
  readonly number: number;
}

const FLUSH_FATE_SQL = "SELECT flush_fate($1, $2) AS is_committed";
const TRIES_MAX = 5;
const FLUSH_MOST = 200;
const QUEUE_MOST = 20_000;
/** A caller waits this long at most, so that a lost database is a 503 within a second, on a busy machine, too. */
const WAIT_MS_MAX = 850;
const ABANDON_CHECK_MS = 20;
const RETRY_DELAY_MS = 100;
const LEASE_LOST = "KB001";
/** The database does not have a link that was seen; a loss was found before and nobody has accepted it. */
const HISTORY_MISSING = "KB003";
const HISTORY_FROZEN = "KB004";
const TRY_AGAIN = new Set(["40001", "40P01", "55P03"]);
const DUPLICATE_ROW = "23505";
/**
 * What a database says about itself: no access, no resources, wrong state, stopped by an operator, broken. Everything
 * else it can only have against an operation, which then must not be tried for ever before all others.
 */
const DATABASE_AT_FAULT = /^(?:08|25|28|3D|42|53|55|57|58|XX)/;

/**
 * Group commit: operations queue up while a flush runs, and the next flush takes them all, so that the cost of a
 * durable commit is shared by everybody who waits. One flush at a time.
 *
 * When the answer to a flush is lost, its reservations are given up: their callers are told, and nothing of theirs is
 * sent. Nothing else is flushed before the database has said what became of it. Had it committed, its reservations are
 * released and the rest is done; if not, it never will, and its denials and settlements are tried again.
 */
export class Batcher {
  readonly #database: Database;
  readonly #replica: Replica;
  readonly #monotonicMs: () => number;
  readonly #events: BatcherEvents;
  readonly #history: BatcherHistory | null;
  readonly #watch: NodeJS.Timeout;
  #queue: Entry[] = [];
  #inFlight: readonly Entry[] = [];
  #running: Promise<void> | null = null;
  #isClosed = false;
  /** Rises by two with every try, so that one that was given up cannot commit behind a later one: see `flush_fate`. */
  #number = -1;

  constructor(
    database: Database,
    replica: Replica,
    monotonicMs: () => number,
    events: BatcherEvents,
    history: BatcherHistory | null = null,
  ) {
    this.#database = database;
    this.#replica = replica;
    this.#monotonicMs = monotonicMs;
    this.#events = events;
    this.#history = history;
    this.#watch = setInterval(() => this.#abandonLate(), ABANDON_CHECK_MS);
    this.#watch.unref();
  }

  /** Queues an operation; resolves after the commit. Rejects with `ledger_unavailable`, `history_lost` or `overloaded`. */
  apply(op: LedgerOp): Promise<Applied> {
    if (this.#isClosed) return Promise.reject(new KeybrakeError("ledger_unavailable"));
    if (op.kind === "reserve" && this.#history?.isLost === true)
      return Promise.reject(new KeybrakeError("history_lost"));
    // A settlement is never turned away: its call was sent already.
    if (this.#queue.length >= QUEUE_MOST && op.kind !== "settle")
      return Promise.reject(new KeybrakeError("overloaded"));
    return new Promise((resolve, reject) => {
      this.#queue.push({
        op,
        queuedAtMs: this.#monotonicMs(),
        resolve,
        reject,
        isAbandoned: false,
        isDone: false,
      });
      this.#running ??= this.#run();
    });
  }

  /** Waits until everything queued was written, for at most `timeoutMs`; returns how many operations were left. */
  async close(timeoutMs: number): Promise<number> {
    await Promise.race([this.#running ?? Promise.resolve(), delay(timeoutMs, undefined, { ref: false })]);
    this.#isClosed = true;
    clearInterval(this.#watch);
    const left = [...this.#inFlight, ...this.#queue];
    for (const entry of left) this.#tell(entry, new KeybrakeError("ledger_unavailable"));
    return left.length;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#isClosed) {
      // One turn of the event loop lets everything that has already arrived join this flush.
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#takeBatch();
      // A caller that was already told no needs no reservation; a denial's row is owed all the same.
      this.#inFlight = next.filter((entry) => !entry.isAbandoned || entry.op.kind !== "reserve");
      if (this.#inFlight.length > 0) await this.#flush(this.#inFlight);
      this.#inFlight = [];
    }
    this.#running = null;
  }

  /**
   * What the next flush decides: all that waits, up to the bound, or to the second operation on one call or one vendor
   * object. Those follow each other, so that within a flush nothing depends on what it writes itself.
   */
  #takeBatch(): readonly Entry[] {
    const seen = new Set<unknown>();
    let size = 0;
    for (const { op } of this.#queue) {
      const objectId = op.kind === "settle" ? (op["exposure_id"] ?? null) : null;
      if (size === FLUSH_MOST || seen.has(op.id) || (objectId !== null && seen.has(objectId))) break;
      seen.add(op.id);
      if (objectId !== null) seen.add(objectId);
      size++;
    }
    return this.#queue.splice(0, size);
  }

  async #flush(batch: readonly Entry[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      const startedAtMs = this.#monotonicMs();
      this.#number += 2;
      const attempt: Attempt = { epoch: this.#replica.epoch, number: this.#number };
      try {
        const results = await this.#send(batch, attempt, startedAtMs);
        for (const [index, entry] of batch.entries())
          this.#finish(entry, results[index] ?? null, startedAtMs, attempt.epoch);
        return;
      } catch (error) {
        const state = sqlStateOf(error);
        if (state === LEASE_LOST) {
          if (await this.#tookNewEpoch()) continue;
          return this.#giveUp(batch, null);
        }
        if (state === HISTORY_MISSING || state === HISTORY_FROZEN) return this.#freeze(batch, state);
        if (state !== null && TRY_AGAIN.has(state) && tries < TRIES_MAX) continue;
        this.#events.onError("flush the ledger", error);
        if (state !== null && !DATABASE_AT_FAULT.test(state)) return this.#isolate(batch, state);
        return this.#giveUp(batch, state === null ? attempt : null);
      }
    }
  }

  async #send(
    batch: readonly Entry[],
    { epoch, number }: Attempt,
    startedAtMs: number,
  ): Promise<(OpResult | null)[]> {
    const text = JSON.stringify(batch.map((entry, index) => ({ i: index + 1, ...entry.op })));
    const [row] = await this.#database.query(LEDGER_APPLY_SQL, [
      epoch,
      text,
      number,
      ...headParameters(this.#history?.expected() ?? []),
    ]);
    const [seq, hash] = [row?.["seq"] as bigint | null, row?.["hash"] as Uint8Array | null];
    if (seq !== null && hash !== null) this.#history?.learn({ epoch, seq, hash });
    const answer = row?.["result"] as {
      day: string;
      now: number;
      results: (OpResult & { i: number })[] | null;
    };
    this.#events.onFlush({
      databaseMs: answer.now,
      day: answer.day,
      size: batch.length,
      tookMs: this.#monotonicMs() - startedAtMs,
    });
    const results: (OpResult | null)[] = new Array(batch.length).fill(null);
    for (const result of answer.results ?? []) results[result.i - 1] = result;
    return results;
  }

  /** Nothing was decided, and nothing will be allowed; what refuses or ends a call is written without the rest. */
  async #freeze(batch: readonly Entry[], state: string): Promise<void> {
    if (state === HISTORY_FROZEN) this.#history?.noteLoss();
    else
      await this.#history
        ?.confirmLoss()
        .catch((error: unknown) => this.#events.onError("write down lost history", error));
    const rest = batch.filter(({ op }) => op.kind !== "reserve");
    for (const entry of batch)
      if (entry.op.kind === "reserve") this.#tell(entry, new KeybrakeError("history_lost"));
    // Until the loss is written down the rest would be refused for the same reason: it waits for its turn.
    if (this.#history?.isLost === true) return rest.length === 0 ? undefined : this.#flush(rest);
    this.#queue = [...rest, ...this.#queue];
    await delay(RETRY_DELAY_MS);
  }

  async #tookNewEpoch(): Promise<boolean> {
    try {
      await this.#replica.register();
      return true;
    } catch (error) {
      this.#events.onError("take a new epoch", error);
      return false;
    }
  }

  /** The database refused the batch as a whole: halve it until the one operation at fault stands alone. */
  async #isolate(batch: readonly Entry[], state: string): Promise<void> {
    const [entry] = batch;
    if (entry !== undefined && batch.length === 1) {
      // A denial that was tried before and committed after all.
      if (state === DUPLICATE_ROW && entry.op.kind === "deny")
        return this.#finish(entry, null, this.#monotonicMs());
      if (entry.op.kind === "settle") return this.#finish(entry, null, this.#monotonicMs());
      return this.#tell(entry, new KeybrakeError("ledger_unavailable"));
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#flush(batch.slice(0, middle));
    await this.#flush(batch.slice(middle));
  }

  /** Nothing was decided, or the answer to `lost` did not come and nobody knows whether it was. */
  async #giveUp(batch: readonly Entry[], lost: Attempt | null): Promise<void> {
    const reservations = batch.filter(({ op }) => op.kind === "reserve");
    for (const entry of reservations) this.#tell(entry, new KeybrakeError("ledger_unavailable"));
    const isCommitted = lost !== null && (await this.#learnFate(lost));
    const again: Entry[] = reservations.map(({ op }) => this.#releaseOf(op));
    for (const entry of batch) {
      if (entry.op.kind === "reserve") continue;
      if (isCommitted) this.#finish(entry, null, this.#monotonicMs());
      else again.push(entry);
    }
    this.#queue = [...again, ...this.#queue];
    await delay(RETRY_DELAY_MS);
  }

  /** Whether a flush has committed. One that has not never will, once this has resolved. */
  async #learnFate({ epoch, number }: Attempt): Promise<boolean> {
    while (!this.#isClosed) {
      try {
        const [row] = await this.#database.query(FLUSH_FATE_SQL, [epoch, number]);
        return row?.["is_committed"] === true;
      } catch (error) {
        this.#events.onError("ask what became of a flush", error);
        await delay(RETRY_DELAY_MS);
      }
    }
    return false;
  }

  #finish(
    entry: Entry,
    result: OpResult | null,
    startedAtMs: number,
    epoch: bigint = this.#replica.epoch,
  ): void {
    const isHeld = entry.op.kind === "reserve" && result !== null && result.code === null;
    if (entry.isAbandoned && isHeld) this.#queue.push(this.#releaseOf(entry.op));
    if (entry.isDone) return;
    entry.isDone = true;
    entry.resolve({ result, startedAtMs, epoch });
  }

  #tell(entry: Entry, error: KeybrakeError): void {
    if (entry.isDone) return;
    entry.isDone = true;
    entry.reject(error);
  }

  #releaseOf(op: LedgerOp): Entry {
    const release: LedgerOp = {
      kind: "settle",
      id: op.id,
      secret_id: op["secret_id"],
      state: "released",
      outcome_reason: "the ledger's answer was lost, so the call was never sent",
    };
    return {
      op: release,
      queuedAtMs: this.#monotonicMs(),
      resolve: ignore,
      reject: ignore,
      isAbandoned: false,
      isDone: true,
    };
  }

  #abandonLate(): void {
    const limit = this.#monotonicMs() - WAIT_MS_MAX;
    for (const entries of [this.#inFlight, this.#queue]) {
      for (const entry of entries) {
        if (entry.queuedAtMs > limit) continue;
        if (entry.op.kind === "settle" || entry.isDone) continue;
        entry.isAbandoned = true;
        this.#tell(entry, new KeybrakeError("ledger_unavailable"));
      }
    }
  }
}

function ignore(): void {
  // A release that nobody waits for.
}
