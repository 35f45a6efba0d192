import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Database, Row } from "./database.ts";
import type { PlainError, Reply, Request, RequestBody, WorkerSettings } from "./pglite-messages.ts";
import { formatParameter, parseRows } from "./pglite-values.ts";

/** An embedded database. It is gone for good when its worker has died: end the process, and start again. */
export interface PgliteDatabase extends Database {
  readonly kind: "pglite";
  /** Resolves with the cause when the worker ends without being asked to; never when it is closed. */
  readonly died: Promise<Error>;
}

const JOURNAL_BYTES_MAX = 8 * 1024 * 1024;
/** Statements that wait. More would wait for seconds, and nobody is served by that. */
const QUEUE_MOST = 10_000;
/** A statement cannot be cancelled, so one that takes this long is taken for a hang, and the worker is ended. */
const STATEMENT_MS_MAX = 600_000;
const WATCH_EVERY_MS = 10_000;
const CLOSE_MS_MAX = 30_000;
/** Five seconds on a quiet machine. */
const MAKE_MS_MAX = 120_000;
/** The worker's objects are short-lived text: room for more of it only makes the process bigger. */
const YOUNG_GENERATION_MB = 16;

/** How an embedded database is opened. */
export interface PgliteOptions {
  /** Past this the intent journal is begun anew, in bytes; 8 MiB when left out. */
  readonly journalBytesMax?: number;
  /**
   * Whether every commit waits for the disk; false when left out. Then a power cut may cost the latest commits, except
   * for what `IntentJournal` keeps, and with bad luck leave files that cannot be opened.
   */
  readonly waitsForDisk?: boolean;
}

/**
 * Opens the embedded database in `dataDir`, and makes it when there is none. The caller holds the directory's lock until
 * after `close`, and calls `replayIntents` before the first call is served. Rejects when the intent journal is damaged,
 * or when the database's files cannot be read.
 *
 * Statements run one at a time, in a thread of their own, in the order of the calls.
 */
export async function openPglite(dataDir: string, options: PgliteOptions = {}): Promise<PgliteDatabase> {
  const settings = {
    task: "serve",
    dataDir,
    pgdata: join(dataDir, "pgdata"),
    journalBytesMax: options.journalBytesMax ?? JOURNAL_BYTES_MAX,
    waitsForDisk: options.waitsForDisk ?? false,
  } as const;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (!existsSync(join(settings.pgdata, "PG_VERSION"))) await makeDatabase(settings);
  const client = new PgliteClient(settings);
  await client.opened;
  return client;
}

async function makeDatabase(settings: WorkerSettings): Promise<void> {
  const worker = startWorker({ ...settings, task: "make" });
  const signal = AbortSignal.timeout(MAKE_MS_MAX);
  try {
    await once(worker, "exit", { signal });
  } catch (error) {
    await worker.terminate();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot make the embedded database in \`${settings.dataDir}\`: ${reason}`, {
      cause: error,
    });
  }
}

function startWorker(settings: WorkerSettings): Worker {
  // The worker stands beside this file: TypeScript here and there, or JavaScript here and there.
  const file = new URL(`./pglite-worker${extname(import.meta.url)}`, import.meta.url);
  return new Worker(file, {
    workerData: settings,
    name: "keybrake-pglite",
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
}

/** The database refused a statement: the fields of its error, SQLSTATE in `code`. */
class PgliteError extends Error {
  override readonly name = "PgliteError";

  constructor({ message, fields }: PlainError) {
    super(message);
    Object.assign(this, fields);
  }
}

interface Pending {
  readonly sentAtMs: number;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
}

/** The side of the thread boundary that everybody else sees. */
class PgliteClient implements PgliteDatabase {
  readonly kind = "pglite";
  readonly #worker: Worker;
  readonly #opened = Promise.withResolvers<void>();
  readonly #died = Promise.withResolvers<Error>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #watch: NodeJS.Timeout;
  readonly #listeners = new Map<string, Set<(payload: string | null) => void>>();
  /** By request id, oldest first. */
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #lastReplyAtMs = 0;
  #state: "opening" | "open" | "closing" | "ended" = "opening";
  #cause: Error | null = null;

  constructor(settings: WorkerSettings) {
    this.#worker = startWorker(settings);
    this.#worker.on("message", (reply: Reply) => this.#receive(reply));
    this.#worker.on("error", (error: unknown) => this.#blame(error));
    this.#worker.on("exit", () => this.#end());
    this.#watch = setInterval(() => this.#endHang(), WATCH_EVERY_MS);
    this.#watch.unref();
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get died(): Promise<Error> {
    return this.#died.promise;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return await this.#send({ kind: "query", text, values: values.map(formatParameter) });
  }

  async script(text: string): Promise<void> {
    await this.#send({ kind: "script", text });
  }

  async listen(channel: string, onPayload: (payload: string | null) => void): Promise<void> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(onPayload));
    await this.#send({ kind: "listen", channel });
    onPayload(null);
  }

  async close(): Promise<void> {
    if (this.#state === "ended") return;
    if (this.#state === "open") {
      this.#post({ kind: "close" });
      this.#state = "closing";
    }
    const timer = setTimeout(() => this.#stop(`did not close within ${CLOSE_MS_MAX} ms`), CLOSE_MS_MAX);
    await this.#ended.promise;
    clearTimeout(timer);
    if (this.#cause !== null) throw this.#gone();
  }

  #send(body: RequestBody): Promise<readonly Row[]> {
    if (this.#state !== "open") return Promise.reject(this.#gone());
    if (this.#pending.size >= QUEUE_MOST) {
      return Promise.reject(
        new Error(`the embedded database has ${QUEUE_MOST} statements waiting: try again later`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(this.#post(body), { sentAtMs: performance.now(), resolve, reject });
    });
  }

  #post(body: RequestBody): number {
    const id = this.#nextId++;
    this.#worker.postMessage({ id, ...body } satisfies Request);
    return id;
  }

  #receive(reply: Reply): void {
    this.#lastReplyAtMs = performance.now();
    if (reply.kind === "opened") {
      this.#state = "open";
      this.#opened.resolve();
    } else if (reply.kind === "notification") {
      for (const onPayload of this.#listeners.get(reply.channel) ?? []) onPayload(reply.payload);
    } else {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      if (reply.kind === "error") pending?.reject(new PgliteError(reply.error));
      else pending?.resolve(reply.rows === null ? [] : parseRows(reply.rows));
    }
  }

  #blame(cause: unknown): void {
    this.#cause ??= cause instanceof Error ? cause : new Error(String(cause));
  }

  /** The thread has ended. Nobody knows what became of the statements that it did not answer. */
  #end(): void {
    if (this.#state !== "closing") this.#blame(new Error("its thread ended"));
    const gone = this.#gone();
    this.#state = "ended";
    clearInterval(this.#watch);
    for (const pending of this.#pending.values()) pending.reject(gone);
    this.#pending.clear();
    this.#opened.reject(gone);
    if (this.#cause !== null) {
      for (const listeners of this.#listeners.values()) for (const onPayload of listeners) onPayload(null);
      this.#died.resolve(gone);
    }
    this.#ended.resolve();
  }

  /** Never carries a SQLSTATE: that would say that the database had answered. */
  #gone(): Error {
    const cause = this.#cause;
    if (cause === null) return new Error("the embedded database is closed");
    const what =
      this.#state === "opening"
        ? "cannot open the embedded database"
        : "the embedded database has stopped, start Keybrake again";
    return new Error(`${what}: ${cause.message}`, { cause });
  }

  #endHang(): void {
    const [oldest] = this.#pending.values();
    if (oldest === undefined) return;
    const silentSinceMs = Math.max(oldest.sentAtMs, this.#lastReplyAtMs);
    if (performance.now() - silentSinceMs > STATEMENT_MS_MAX) this.#stop("a statement did not end");
  }

  #stop(reason: string): void {
    this.#blame(new Error(reason));
    void this.#worker.terminate();
  }
}
