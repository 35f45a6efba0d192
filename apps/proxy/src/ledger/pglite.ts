import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type DataDirLock, lockDataDir } from "./data-dir-lock.ts";
import type { Database, Row } from "./database.ts";
import type { PlainError, Reply, Request, WorkerSettings } from "./pglite-messages.ts";
import { formatParameter, parseRows } from "./pglite-values.ts";

/** An embedded database. It is gone for good when its worker has died: end the process, and start again. */
export interface PgliteDatabase extends Database {
  readonly kind: "pglite";
  /** Resolves with the cause when the worker ends without being asked to; never when it is closed. */
  readonly died: Promise<Error>;
}

const JOURNAL_BYTES_MAX = 8 * 1024 * 1024;
/** Statements that wait; ten seconds' worth at a thousand a second, and past that waiting is no use to anybody. */
const QUEUE_MOST = 10_000;
/** A statement cannot be cancelled. One that takes this long is taken for a hang; a verification takes seconds. */
const STATEMENT_MS_MAX = 600_000;
const WATCH_EVERY_MS = 10_000;
const CLOSE_MS_MAX = 30_000;

/** The statement reached a database, which refused it: `code` is its SQLSTATE. */
class PgliteError extends Error {
  override readonly name = "PgliteError";

  constructor({ message, fields }: PlainError) {
    super(message);
    Object.assign(this, fields);
  }
}

/**
 * Opens the embedded database in `dataDir`, which is made when it is not there, and holds the directory's lock until
 * `close`. Rejects when another process has it, when the intent journal is damaged, or when the files cannot be read.
 *
 * It commits without waiting for the disk. What a power cut may cost is named at `IntentJournal`; call `replayIntents`
 * before the first call is served. Statements run one at a time, in a thread of their own, in the order of the calls.
 */
export async function openPglite(
  dataDir: string,
  options?: { readonly journalBytesMax?: number },
): Promise<PgliteDatabase> {
  const lock = lockDataDir(dataDir);
  const settings: WorkerSettings = { dataDir, journalBytesMax: options?.journalBytesMax ?? JOURNAL_BYTES_MAX };
  const worker = new Worker(new URL(`./pglite-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: settings,
    name: "keybrake-pglite",
  });
  const client = new PgliteClient(worker, lock);
  await client.opened;
  return client;
}

interface Pending {
  readonly startedAtMs: number;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
}

type RequestBody = Request extends infer Each ? (Each extends Request ? Omit<Each, "id"> : never) : never;

class PgliteClient implements PgliteDatabase {
  readonly kind = "pglite";
  readonly opened: Promise<void>;
  readonly died: Promise<Error>;
  readonly #worker: Worker;
  readonly #lock: DataDirLock;
  /** In the order of the requests, which is the order of the replies. */
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, Set<(payload: string | null) => void>>();
  readonly #watch: NodeJS.Timeout;
  readonly #opening = Promise.withResolvers<void>();
  readonly #dying = Promise.withResolvers<Error>();
  #nextId = 0;
  #failure: Error | null = null;
  #closing: Promise<void> | null = null;

  constructor(worker: Worker, lock: DataDirLock) {
    this.#worker = worker;
    this.#lock = lock;
    this.opened = this.#opening.promise;
    this.died = this.#dying.promise;
    worker.on("message", (reply: Reply) => this.#receive(reply));
    worker.on("error", (error) => this.#fail(asError(error)));
    worker.on("exit", (code) => this.#fail(new Error(`its thread ended with code ${code}`)));
    this.#watch = setInterval(() => this.#endHang(), WATCH_EVERY_MS);
    this.#watch.unref();
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.#send({ kind: "query", text, values: values.map(formatParameter) });
  }

  async script(text: string): Promise<void> {
    await this.#send({ kind: "script", text });
  }

  async listen(channel: string, onPayload: (payload: string | null) => void): Promise<void> {
    const listeners = this.#listeners.get(channel);
    if (listeners !== undefined) listeners.add(onPayload);
    else this.#listeners.set(channel, new Set([onPayload]));
    await this.#send({ kind: "listen", channel });
    onPayload(null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#failure === null) {
      const closed = this.#send({ kind: "close" }, true);
      this.#failure = new Error("the embedded database is closed");
      const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS_MAX);
      try {
        await closed;
        await this.#ended();
      } finally {
        clearTimeout(timer);
      }
    }
    await this.#release();
  }

  #send(body: RequestBody, isLast = false): Promise<readonly Row[]> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#pending.size >= QUEUE_MOST && !isLast) {
      return Promise.reject(new Error(`the embedded database has ${QUEUE_MOST} statements waiting: try again later`));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#worker.postMessage({ id, ...body } satisfies Request);
      this.#pending.set(id, { startedAtMs: performance.now(), resolve, reject });
    });
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case "opened":
        return this.#opening.resolve();
      case "failed":
        return this.#fail(new PgliteError(reply.error));
      case "notification":
        for (const onPayload of this.#listeners.get(reply.channel) ?? []) onPayload(reply.payload);
        return;
      case "answer":
        return this.#take(reply.id)?.resolve(reply.rows === null ? [] : parseRows(reply.rows));
      case "error":
        return this.#take(reply.id)?.reject(new PgliteError(reply.error));
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
