import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import type { Database, Row } from "../../src/ledger/database.ts";
import { IntentJournal } from "../../src/ledger/intent-journal.ts";
import { openEngine } from "../../src/ledger/pglite-engine.ts";
import type { Reply } from "../../src/ledger/pglite-messages.ts";
import { PgliteServer } from "../../src/ledger/pglite-server.ts";
import { formatParameter, parseRows, type TextRows } from "../../src/ledger/pglite-values.ts";
import { createTestDataDir } from "../support/databases.ts";
import { PreparedStatements } from "./prepared-statements.ts";

const VACUUM_EVERY_SEEDS = 20;
/** Ends the previous statement's savepoint and begins the next one's. */
const NEXT_STATEMENT = "RELEASE statement; SAVEPOINT statement; ";
const OBSERVE_SQL = new URL("observe.sql", import.meta.url);

/** Runs one statement to its end: rows, or an error that bears a SQLSTATE. */
type Run = (text: string, values: readonly unknown[]) => Promise<readonly Row[]>;

/**
 * The one database of all replicas, in this thread: PGlite, with the real schema and functions. Each seed is one
 * transaction that is rolled back, so that every seed finds the same database; a statement of a replica is a savepoint
 * in it. A power cut is a rollback to the latest checkpoint.
 */
export class SimulatedDatabase {
  readonly #engine: PGlite;
  readonly #statements: PreparedStatements;
  readonly #directory: { readonly path: string; remove(): void };
  #run: Run;
  #journal: { readonly directory: string; file: IntentJournal } | null = null;
  #seeds = 0;

  private constructor(engine: PGlite, directory: { readonly path: string; remove(): void }) {
    this.#engine = engine;
    this.#statements = new PreparedStatements(engine);
    this.#directory = directory;
    this.#run = (text, values) => this.#query(text, values, NEXT_STATEMENT);
  }

  static async open(): Promise<SimulatedDatabase> {
    const directory = await createTestDataDir();
    const engine = await openEngine(join(directory.path, "pgdata"), { waitsForDisk: false });
    await engine.exec(readFileSync(OBSERVE_SQL, "utf8"));
    await engine.exec("SET search_path = simulation, pg_catalog, public");
    // What changes from seed to seed is rolled back, so no plan could become better than the first.
    await engine.exec("SET plan_cache_mode = force_generic_plan");
    return new SimulatedDatabase(engine, directory);
  }

  /** Where the intent journal is, for the replay; only in a seed with an embedded database. */
  get journalDirectory(): string {
    if (this.#journal === null) throw new TypeError("only an embedded database keeps an intent journal");
    return this.#journal.directory;
  }

  /** Begins a seed. With `isEmbedded` every answer passes the embedded database's own server and its journal. */
  async begin({ isEmbedded }: { readonly isEmbedded: boolean }): Promise<void> {
    await this.#engine.exec("BEGIN; SAVEPOINT durable; SAVEPOINT statement");
    if (!isEmbedded) return;
    const directory = mkdtempSync(join(tmpdir(), "keybrake-simulation-"));
    this.#journal = { directory, file: new IntentJournal(directory) };
    this.#run = this.#serve(this.#journal.file);
  }

  async end(): Promise<void> {
    await this.#engine.exec("ROLLBACK");
    if (this.#journal !== null) {
      this.#journal.file.close();
      rmSync(this.#journal.directory, { recursive: true });
    }
    this.#journal = null;
    this.#run = (text, values) => this.#query(text, values, NEXT_STATEMENT);
    if (++this.#seeds % VACUUM_EVERY_SEEDS === 0) await this.#engine.exec("VACUUM");
  }

  /** Runs a replica's statement as a transaction of its own. */
  async execute(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    try {
      return await this.#run(text, values);
    } catch (error) {
      await this.#engine.exec("ROLLBACK TO statement");
      throw error;
    }
  }

  /** For setting the scene and for looking: past every simulated network, and at once. */
  get direct(): Database {
    return {
      kind: "pglite",
      query: (text, values = []) => this.#query(text, values),
      script: async (text) => void (await this.#engine.exec(text)),
      listen: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  /** Everything up to now is on the disk, and the journal is begun anew. */
  async checkpoint(): Promise<void> {
    await this.#engine.exec("RELEASE durable; SAVEPOINT durable; SAVEPOINT statement");
    this.#journal?.file.beginNext();
    this.#journal?.file.finishNext();
  }

  /** Forgets every commit since the latest checkpoint; the journal stays. */
  async cutPower(): Promise<void> {
    await this.#engine.exec("ROLLBACK TO durable; SAVEPOINT statement");
    if (this.#journal === null) return;
    this.#journal.file.close();
    this.#journal.file = new IntentJournal(this.#journal.directory);
    this.#run = this.#serve(this.#journal.file);
  }

  async close(): Promise<void> {
    await this.#engine.close();
    this.#directory.remove();
  }

  async #query(text: string, values: readonly unknown[], before?: string): Promise<readonly Row[]> {
    const { fields, rows } = await this.#statements.run(text, values.map(formatParameter), before);
    return parseRows({
      names: fields.map((field) => field.name),
      types: fields.map((field) => field.dataTypeID),
      rows,
    } satisfies TextRows);
  }

  /** The embedded database's own way from a statement to its answer: commit, journal, answer. */
  #serve(journal: IntentJournal): Run {
    const replies: Reply[] = [];
    const settings = {
      task: "serve",
      journalBytesMax: Number.MAX_SAFE_INTEGER,
      waitsForDisk: false,
    } as const;
    const server = new PgliteServer(
      withinTransaction(this.#engine, this.#statements),
      journal,
      { ...settings, dataDir: this.#directory.path, pgdata: join(this.#directory.path, "pgdata") },
      (reply) => replies.push(reply),
    );
    return async (text, values) => {
      await this.#engine.exec(NEXT_STATEMENT);
      await server.serve({ kind: "query", id: 0, text, values: values.map(formatParameter) });
      const reply = replies.pop();
      if (reply?.kind === "answer") return reply.rows === null ? [] : parseRows(reply.rows);
      if (reply?.kind !== "error") throw new TypeError("the embedded database gave no answer");
      throw Object.assign(new Error(reply.error.message), reply.error.fields);
    };
  }
}

/** The server must not end the transaction that a seed is. */
function withinTransaction(engine: PGlite, statements: PreparedStatements): PGlite {
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === "isInTransaction") return () => false;
      if (name === "query") return (text: string, values: (string | null)[]) => statements.run(text, values);
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
