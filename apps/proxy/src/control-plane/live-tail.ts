import type { KeybrakeEvent } from "@keybrake/client/contract";
import { selectAlert } from "../alerts/alert-store.ts";
import type { Database } from "../ledger/database.ts";
import { selectCallsOfLinks } from "./call-store.ts";

const CHANNEL = "keybrake_changes";
/** The id of each alert that is raised. */
const ALERTS = "keybrake_alerts";
const POLL_EVERY_MS = 500;
/** Per replica and poll. A tail is for watching: past this it tells how much it leaves out, and stays live. */
const LINKS_MAX = 25;
const CALLS_MAX = 1_000;

type Listener = (events: readonly KeybrakeEvent[]) => void;

interface Head {
  readonly epoch: bigint;
  readonly seq: bigint;
}

/**
 * Calls, changes and alerts as they are committed, of every replica: calls by reading the new links of the audit chain, the
 * others by listening. Reads nothing while nobody listens. Nothing is replayed, and after a fault events may be missing.
 */
export class LiveTail {
  readonly #database: Database;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<Listener>();
  readonly #seen = new Map<bigint, bigint>();
  #listening: Promise<unknown> | null = null;
  #starting: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /** Tells a listener everything that is committed from now on; returns how to stop. Rejects when the database is away. */
  async subscribe(listener: Listener): Promise<() => void> {
    await this.#listen();
    if (this.#listeners.size === 0) this.#starting ??= this.#start();
    await this.#starting;
    this.#listeners.add(listener);
    this.#schedule();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  async #listen(): Promise<void> {
    this.#listening ??= Promise.all([
      this.#database.listen(CHANNEL, (payload) =>
        this.#tell([{ event: "change", data: readChange(payload) }]),
      ),
      this.#database.listen(ALERTS, (payload) => void this.#tellAlert(payload).catch(this.#onError)),
    ]).catch((error: unknown) => {
      this.#listening = null;
      throw error;
    });
    await this.#listening;
  }

  /** After a gap in the connection nothing is known of what was missed: alerts stay in their list. */
  async #tellAlert(id: string | null): Promise<void> {
    if (id === null || this.#listeners.size === 0) return;
    const alert = await selectAlert(this.#database, id);
    if (alert !== null) this.#tell([{ event: "alert", data: alert }]);
  }

  async #start(): Promise<void> {
    try {
      this.#seen.clear();
      for (const { epoch, seq } of await selectHeads(this.#database)) this.#seen.set(epoch, seq);
    } finally {
      this.#starting = null;
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#poll()
        .catch(this.#onError)
        .finally(() => {
          this.#timer = undefined;
          if (this.#listeners.size > 0) this.#schedule();
        });
    }, POLL_EVERY_MS).unref();
  }

  async #poll(): Promise<void> {
    const ranges: { epoch: bigint; after: bigint; upTo: bigint }[] = [];
    let skipped = 0n;
    for (const { epoch, seq } of await selectHeads(this.#database)) {
      const seen = this.#seen.get(epoch) ?? 0n;
      const after = seq - seen > LINKS_MAX ? seq - BigInt(LINKS_MAX) : seen;
      skipped += after - seen;
      if (seq > after) ranges.push({ epoch, after, upTo: seq });
    }
    if (ranges.length === 0) return;
    const calls = await selectCallsOfLinks(this.#database, ranges, CALLS_MAX);
    for (const { epoch, upTo } of ranges) this.#seen.set(epoch, upTo);
    if (calls.length === CALLS_MAX) skipped++;
    if (skipped > 0n) this.#tell([{ event: "skipped", data: { links: Number(skipped) } }]);
    this.#tell(calls.map((call) => ({ event: "call", data: call })));
  }

  #tell(events: readonly KeybrakeEvent[]): void {
    if (events.length > 0) for (const listener of [...this.#listeners]) listener(events);
  }
}

/** The newest link of every replica that lived a minute ago or later. */
async function selectHeads(database: Database): Promise<readonly Head[]> {
  const rows = await database.query(
    `SELECT r.epoch, coalesce((SELECT max(a.seq) FROM audit_chain a WHERE a.epoch = r.epoch), 0) AS seq
     FROM replicas r WHERE r.lease_until > clock_timestamp() - interval '1 minute'`,
  );
  return rows.map((row) => ({ epoch: row["epoch"] as bigint, seq: row["seq"] as bigint }));
}

function readChange(payload: string | null): { type: string } {
  try {
    const change: unknown = JSON.parse(payload ?? "");
    if (typeof change === "object" && change !== null && "type" in change) return change as { type: string };
  } catch {
    // Not one of ours: the same as one that was missed.
  }
  return { type: "unknown" };
}
