import type { PGlite, Results } from "@electric-sql/pglite";
import { type SyncedFiles, syncTree } from "./durable-files.ts";
import { describeFlush, type IntentJournal, REPLAYED_SQL } from "./intent-journal.ts";
import { LEDGER_APPLY_SQL } from "./ledger-apply.ts";
import type { PlainError, Reply, Request, RequestBody, WorkerSettings } from "./pglite-messages.ts";
import type { TextRows } from "./pglite-values.ts";

/** A single user does not checkpoint by itself: without this the write-ahead log would grow until the disk is full. */
const WAL_BYTES_MAX = 128 * 1024 * 1024;
const WAL_CHECK_EVERY = 256;
const REST_MS = 10_000;
const WAL_SQL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn) FROM pg_control_checkpoint()";
/**
 * Nor does a single user vacuum. Tables whose rows come and go stay small when it is done often, and the big ones are
 * dropped by the month. The age is that of transaction numbers, which must never come round.
 */
const VACUUM_DUE_SQL = `
  SELECT c.oid::regclass FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
  WHERE c.relkind = 'r' AND (age(c.relfrozenxid) > 1000000000
    OR (s.n_dead_tup > 1000 AND pg_table_size(c.oid) < 67108864))
  ORDER BY age(c.relfrozenxid) DESC LIMIT 10`;
const REVOKED_SQL = `
  SELECT id, status_reason, revoked_at FROM vault_keys
  WHERE status = 'revoked' AND ($1::uuid[] IS NULL OR id = ANY ($1::uuid[]))`;
const KILL_SWITCH_SQL =
  "SELECT kill_switch_engaged, kill_switch_reason, kill_switch_changed_at FROM installation";
const UUID = 2950;
const LEFT_OPEN: PlainError = {
  message: "the statement left a transaction open, so it was rolled back",
  fields: { code: "25001" },
};
const ERROR_FIELDS = [
  "code",
  "severity",
  "detail",
  "hint",
  "where",
  "schema",
  "table",
  "column",
  "constraint",
  "routine",
];

type TextResults = Results<(string | null)[]>;
type Statement = Exclude<RequestBody, { kind: "close" }>;

/**
 * Carries out requests on the engine, and keeps the order in which things reach the disk: commit, then journal, then
 * answer; and a journal is dropped only when what it holds is on the disk as part of the database.
 */
export class PgliteServer {
  readonly #engine: PGlite;
  readonly #journal: IntentJournal;
  readonly #pgdata: string;
  readonly #journalBytesMax: number;
  readonly #send: (reply: Reply) => void;
  readonly #synced: SyncedFiles = new Map();
  /** False until the journal that was found at the start has been replayed. */
  #mayRotate: boolean;
  #rotation: Promise<void> | null = null;
  #restUntilMs = 0;
  #untilWalCheck = WAL_CHECK_EVERY;

  constructor(
    engine: PGlite,
    journal: IntentJournal,
    settings: WorkerSettings,
    send: (reply: Reply) => void,
  ) {
    this.#engine = engine;
    this.#journal = journal;
    this.#pgdata = settings.pgdata;
    this.#journalBytesMax = settings.journalBytesMax;
    this.#send = send;
    this.#mayRotate = journal.wasEmpty;
  }

  /** Answers one request. Rejects only when the engine or the disk cannot be trusted any more. */
  async serve(request: Statement & Pick<Request, "id">): Promise<void> {
    const { id } = request;
    let rows: TextRows | null;
    try {
      rows = await this.#run(request);
    } catch (error) {
      const refusal = refusalOf(error);
      await this.#rollBack();
      return this.#send({ kind: "error", id, error: refusal });
    }
    if (await this.#rollBack()) return this.#send({ kind: "error", id, error: LEFT_OPEN });
    // INVARIANT: what an answer allows is in the journal, on the disk, before the answer leaves.
    if (request.kind === "query" && rows !== null) await this.#remember(request.text, request.values, rows);
    this.#send({ kind: "answer", id, rows });
    if (await this.#isRotationDue()) await this.#rotate();
  }

  /** Ends the engine, and leaves everything on the disk. */
  async close(): Promise<void> {
    await this.#rotation;
    await this.#engine.close();
    await syncTree(this.#pgdata, this.#synced);
    if (this.#mayRotate) {
      this.#journal.beginNext();
      this.#journal.finishNext();
    }
    this.#journal.close();
  }

  async #run(request: Statement): Promise<TextRows | null> {
    if (request.kind === "query") return textOf(await this.#query(request.text, request.values));
    if (request.kind === "script") assertAnswered((await this.#engine.exec(request.text)).at(-1));
    else await this.#listen(request.channel);
    return null;
  }

  async #query(text: string, values: readonly (string | null)[] = []): Promise<TextResults> {
    const result = await this.#engine.query<(string | null)[]>(text, [...values], { rowMode: "array" });
    assertAnswered(result);
    return result;
  }

  async #listen(channel: string): Promise<void> {
    await this.#engine.listen(`"${channel.replaceAll('"', '""')}"`, (payload) =>
      this.#send({ kind: "notification", channel, payload }),
    );
  }

  /** True when a transaction had been left open. */
  async #rollBack(): Promise<boolean> {
    if (!this.#engine.isInTransaction()) return false;
    await this.#engine.exec("ROLLBACK");
    return true;
  }

  async #remember(text: string, values: readonly (string | null)[], answer: TextRows): Promise<void> {
    if (text === LEDGER_APPLY_SQL) {
      const flush = describeFlush(values[1] ?? "[]", answer.rows[0]?.[0] ?? "{}");
      if (flush !== null) this.#journal.append(flush);
    } else if (text === REPLAYED_SQL) {
      this.#mayRotate = true;
    } else if (text.includes("revoke_vault_keys(")) {
      await this.#rememberRevocation(answer);
    } else if (text.includes("set_kill_switch(")) {
      const [[engaged, reason = null, at] = []] = (await this.#query(KILL_SWITCH_SQL)).rows;
      this.#journal.append({ kind: "kill_switch", engaged: engaged === "t", reason, at: at ?? "" });
    }
  }

  /** The keys are named in the answer; when the statement did not select them, every revoked key is written down. */
  async #rememberRevocation({ types, rows }: TextRows): Promise<void> {
    const column = types.indexOf(UUID);
    const named = column === -1 ? null : `{${rows.map((row) => row[column]).join(",")}}`;
    const revoked = (await this.#query(REVOKED_SQL, [named])).rows;
    const [[, reason = null, at] = []] = revoked;
    if (at === undefined || at === null) return;
    this.#journal.append({ kind: "revocation", ids: revoked.map(([id]) => id ?? ""), reason, at });
  }

  async #isRotationDue(): Promise<boolean> {
    if (!this.#mayRotate || this.#rotation !== null || performance.now() < this.#restUntilMs) return false;
    if (this.#journal.hasNext || this.#journal.bytes > this.#journalBytesMax) return true;
    if (--this.#untilWalCheck > 0) return false;
    this.#untilWalCheck = WAL_CHECK_EVERY;
    return Number((await this.#query(WAL_SQL)).rows[0]?.[0]) > WAL_BYTES_MAX;
  }

  /**
   * Makes the database durable up to now and drops the journal of what it then holds. The files are synced while
   * statements go on: what those allow is in the next journal already.
   */
  async #rotate(): Promise<void> {
    this.#journal.beginNext();
    try {
      for (const [table] of (await this.#query(VACUUM_DUE_SQL)).rows)
        await this.#engine.exec(`VACUUM ${table}`);
      await this.#engine.exec("CHECKPOINT");
    } catch (error) {
      // Refused, for want of room on the disk: nothing is lost, and both journals are kept until it can be done.
      refusalOf(error);
      this.#restUntilMs = performance.now() + REST_MS;
      return;
    }
    this.#rotation = syncTree(this.#pgdata, this.#synced)
      .then(() => this.#journal.finishNext())
      .catch(endThread)
      .finally(() => {
        this.#rotation = null;
      });
  }
}

/** PGlite swallows a crash of the engine, and then there is no result at all. */
function assertAnswered(result: { readonly command?: string } | undefined): void {
  if (result?.command === undefined) throw new Error("the engine gave no answer");
}

/** A disk that refused once may have lost what it took before: no answer may leave any more. */
function endThread(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

function textOf({ fields, rows }: TextResults): TextRows {
  return { names: fields.map((field) => field.name), types: fields.map((field) => field.dataTypeID), rows };
}

/** What the database said when it refused a statement. Throws any error that is not a refusal. */
function refusalOf(error: unknown): PlainError {
  if (!(error instanceof Error) || !("severity" in error) || error.severity !== "ERROR") throw error;
  const given = new Map<string, unknown>(Object.entries(error));
  const fields: Record<string, string> = {};
  for (const name of ERROR_FIELDS) {
    const value = given.get(name);
    if (typeof value === "string") fields[name] = value;
  }
  return { message: error.message, fields };
}
