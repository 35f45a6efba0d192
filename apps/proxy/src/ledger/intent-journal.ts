import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Database } from "./database.ts";
import { syncDirectory } from "./durable-files.ts";

/** One reservation as it was allowed: the fields of its operation, `hold` and `replay_of`. */
export type Intent = Readonly<Record<string, unknown>> & { readonly id: string };

/** What one flush allowed, decided at `at` (milliseconds of the database's clock) on its `day`. */
export interface FlushRecord {
  readonly kind: "flush";
  readonly at: number;
  readonly day: string;
  readonly calls: readonly Intent[];
}

/** Keys that were revoked, at `at` as the database writes times. */
export interface RevocationRecord {
  readonly kind: "revocation";
  readonly ids: readonly string[];
  readonly reason: string | null;
  readonly at: string;
}

/** The kill switch as it was set. */
export interface KillSwitchRecord {
  readonly kind: "kill_switch";
  readonly engaged: boolean;
  readonly reason: string | null;
  readonly at: string;
}

/** What the journal remembers. */
export type JournalRecord = FlushRecord | RevocationRecord | KillSwitchRecord;

/** What a replay put back. */
export interface Replayed {
  readonly calls: number;
  readonly revokedKeys: number;
  readonly killSwitch: boolean;
}

/** Tells the database's worker that its journal was replayed; until then it never starts a new one. */
export const REPLAYED_SQL = "SELECT true AS intents_are_replayed";

const JOURNAL_NAME = "intents.journal";
const NEXT_NAME = "intents.journal.next";
const HEADER = { kind: "journal", version: 1 } as const;
const NEWLINE = 0x0a;
const CHECKSUM_LENGTH = 8;
const LOOK_UP_AT_ONCE = 1_000;
const RESTORE_AT_ONCE = 100;

/**
 * The intent journal of an embedded database, which commits without waiting for the disk: every reservation, each
 * revocation and the kill switch are written here and synced before their answer leaves. After a power cut,
 * `replayIntents` puts back what the database forgot.
 *
 * One line a record, with its checksum in front. One owner at a time, and no answer may leave after `append` threw.
 */
export class IntentJournal {
  readonly #dataDir: string;
  #descriptor: number;
  #bytes: number;
  #hasNext: boolean;
  readonly #wasEmpty: boolean;

  /** Opens or makes the journal of a data directory. Throws when a line in its middle is damaged. */
  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    const first = readJournal(join(dataDir, JOURNAL_NAME));
    const next = readJournal(join(dataDir, NEXT_NAME));
    this.#hasNext = next !== null;
    const current = next ?? first;
    this.#wasEmpty = (first?.records.length ?? 0) + (next?.records.length ?? 0) === 0;
    this.#bytes = current?.bytes ?? 0;
    this.#descriptor = openAt(join(dataDir, next === null ? JOURNAL_NAME : NEXT_NAME), this.#bytes);
    if (this.#bytes === 0) this.#writeHeader();
  }

  /** Bytes in the file that is written to now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there was nothing to replay when it was opened. */
  get wasEmpty(): boolean {
    return this.#wasEmpty;
  }

  /** Whether a rotation was begun, by this owner or the one before, and not finished. */
  get hasNext(): boolean {
    return this.#hasNext;
  }

  /** Writes a record and waits for the disk. */
  append(record: JournalRecord): void {
    this.#write(record);
  }

  /** Begins a rotation: records go to a second file from here on, and the first one is kept as it is. */
  beginNext(): void {
    if (this.#hasNext) return;
    const descriptor = openAt(join(this.#dataDir, NEXT_NAME), 0);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = 0;
    this.#hasNext = true;
    this.#writeHeader();
  }

  /** Ends a rotation: drops the first file. Everything in it must be in the database, on the disk. */
  finishNext(): void {
    renameSync(join(this.#dataDir, NEXT_NAME), join(this.#dataDir, JOURNAL_NAME));
    syncDirectory(this.#dataDir);
    this.#hasNext = false;
  }

  close(): void {
    closeSync(this.#descriptor);
    // The number may be another file's from now on.
    this.#descriptor = -1;
  }

  #writeHeader(): void {
    this.#write(HEADER);
    // The file's name must be as durable as what is written under it.
    syncDirectory(this.#dataDir);
  }

  #write(record: JournalRecord | typeof HEADER): void {
    const line = formatLine(record);
    for (let written = 0; written < line.length; ) {
      written += writeSync(this.#descriptor, line, written, line.length - written, this.#bytes + written);
    }
    fdatasyncSync(this.#descriptor);
    this.#bytes += line.length;
  }
}

/**
 * Says what a flush allowed, from the batch that `ledger_apply` was given and the answer it gave, both as JSON text;
 * null when it allowed nothing.
 */
export function describeFlush(batch: string, answer: string): FlushRecord | null {
  const { day, at, results } = JSON.parse(answer) as {
    day: string;
    at: number;
    results: readonly { i: number; code?: string | null; hold?: string; replay_of?: string | null }[] | null;
  };
  const allowed = (results ?? []).filter((result) => result.code === null);
  if (allowed.length === 0) return null;
  const ops = new Map((JSON.parse(batch) as (Intent & { i: number })[]).map((op) => [op.i, op]));
  const calls = allowed.map(({ i, hold, replay_of }) => {
    const op = ops.get(i);
    if (op?.["kind"] !== "reserve")
      throw new Error(`the ledger allowed operation ${i}, which asked for nothing`);
    const { i: _, kind: __, ...facts } = op;
    return { ...facts, id: op.id, hold, replay_of };
  });
  return { kind: "flush", at, day, calls };
}

/**
 * Puts back what the journal in `dataDir` remembers and the database forgot: calls without a row become `unknown` with
 * their worst case held, under `epoch`, whose lease must be valid; revocations and the kill switch are applied again.
 * Call it once, after migrations and before the first call is served. May be repeated, and rejects with the database's
 * error or when the journal is damaged.
 */
export async function replayIntents(database: Database, dataDir: string, epoch: bigint): Promise<Replayed> {
  const records = [JOURNAL_NAME, NEXT_NAME].flatMap(
    (name) => readJournal(join(dataDir, name))?.records ?? [],
  );
  const calls = records
    .filter((record) => record.kind === "flush")
    .flatMap(({ calls, day, at }) => calls.map((call) => ({ ...call, day, at_ms: at })));
  const replayed = {
    calls: await restoreCalls(database, calls, epoch),
    revokedKeys: await restoreRevocations(database, records),
    killSwitch: await restoreKillSwitch(database, records),
  };
  await database.query(REPLAYED_SQL);
  return replayed;
}

async function restoreCalls(
  database: Database,
  calls: readonly (Intent & { at_ms: number })[],
  epoch: bigint,
): Promise<number> {
  let restored = 0;
  for (const some of chunksOf(calls, LOOK_UP_AT_ONCE)) {
    const rows = await database.query("SELECT missing_calls($1::uuid[], $2::bigint[]) AS id", [
      some.map((call) => call.id),
      some.map((call) => call.at_ms),
    ]);
    const missing = new Set(rows.map((row) => row["id"]));
    const lost = some.filter((call) => missing.has(call.id));
    for (const batch of chunksOf(lost, RESTORE_AT_ONCE)) {
      const [row] = await database.query("SELECT restore_intents($1, $2::jsonb) AS restored", [
        epoch,
        JSON.stringify(batch),
      ]);
      restored += Number(row?.["restored"] ?? 0);
    }
  }
  return restored;
}

async function restoreRevocations(database: Database, records: readonly JournalRecord[]): Promise<number> {
  let restored = 0;
  for (const record of records) {
    if (record.kind !== "revocation") continue;
    const [row] = await database.query(
      "SELECT restore_revocations($1::uuid[], $2, $3::timestamptz) AS restored",
      [record.ids, record.reason, record.at],
    );
    restored += Number(row?.["restored"] ?? 0);
  }
  return restored;
}

async function restoreKillSwitch(database: Database, records: readonly JournalRecord[]): Promise<boolean> {
  const last = records.findLast((record) => record.kind === "kill_switch");
  if (last === undefined) return false;
  const [row] = await database.query(
    "SELECT restore_kill_switch($1::boolean, $2, $3::timestamptz) AS restored",
    [last.engaged, last.reason, last.at],
  );
  return row?.["restored"] === true;
}

/** Null when there is no such file. `bytes` ends behind the last whole line: what follows was never acknowledged. */
function readJournal(
  path: string,
): { readonly records: readonly JournalRecord[]; readonly bytes: number } | null {
  if (!existsSync(path)) return null;
  const buffer = readFileSync(path);
  const records: JournalRecord[] = [];
  for (let start = 0; ; ) {
    const newline = buffer.indexOf(NEWLINE, start);
    const end = newline === -1 ? buffer.length : newline;
    const record = newline === -1 ? null : parseLine(buffer.subarray(start, end));
    if (record === null) {
      if (end + 1 < buffer.length) throw new Error(describeDamage(path, start, records));
      return { records, bytes: start };
    }
    if (start === 0) checkHeader(path, record);
    else records.push(record as JournalRecord);
    start = end + 1;
  }
}

function checkHeader(path: string, record: object): void {
  const { kind, version } = record as Partial<typeof HEADER>;
  if (kind === HEADER.kind && version === HEADER.version) return;
  throw new Error(
    `the intent journal \`${path}\` was written by another version of Keybrake: start that version, stop it cleanly, ` +
      "and then start this one",
  );
}

function describeDamage(path: string, offset: number, records: readonly JournalRecord[]): string {
  const last = records.findLast((record) => record.kind === "flush");
  const since = last === undefined ? "the journal was begun" : new Date(last.at).toISOString();
  return (
    `the intent journal \`${path}\` is damaged at byte ${offset}: it lists calls that were sent and that the database ` +
    `may have forgotten. Restore the file from a backup; or compare the calls since ${since} with the vendor's own ` +
    "list, then move the file away and start again"
  );
}

function formatLine(record: JournalRecord | typeof HEADER): Buffer {
  const text = Buffer.from(JSON.stringify(record));
  const checksum = crc32(text).toString(16).padStart(CHECKSUM_LENGTH, "0");
  return Buffer.concat([Buffer.from(`${checksum} `), text, Buffer.from("\n")]);
}

function parseLine(line: Buffer): object | null {
  const text = line.subarray(CHECKSUM_LENGTH + 1);
  if (
    line.subarray(0, CHECKSUM_LENGTH).toString("latin1") !==
    crc32(text).toString(16).padStart(CHECKSUM_LENGTH, "0")
  ) {
    return null;
  }
  return JSON.parse(text.toString()) as object;
}

/** Opens for writing and cuts off whatever stands behind `bytes`. */
function openAt(path: string, bytes: number): number {
  const descriptor = openSync(path, existsSync(path) ? "r+" : "w+", 0o600);
  ftruncateSync(descriptor, bytes);
  return descriptor;
}

function* chunksOf<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
