import type { TextRows } from "./pglite-values.ts";

/** What a worker is started for: to make the database and end, or to serve it. */
export interface WorkerSettings {
  readonly task: "make" | "serve";
  readonly dataDir: string;
  /** The database's own directory, in `dataDir`. */
  readonly pgdata: string;
  /** Past this the intent journal is begun anew, in bytes. */
  readonly journalBytesMax: number;
  /** Whether every commit waits for the disk. */
  readonly waitsForDisk: boolean;
}

/** One thing that the worker is asked to do. */
export type RequestBody =
  | { readonly kind: "query"; readonly text: string; readonly values: readonly (string | null)[] }
  | { readonly kind: "script"; readonly text: string }
  | { readonly kind: "listen"; readonly channel: string }
  | { readonly kind: "close" };

/** Requests are carried out one at a time, in the order in which they were sent. */
export type Request = RequestBody & { readonly id: number };

/** An error on its way between threads, where classes are lost. `fields` are those of a PostgreSQL error. */
export interface PlainError {
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What the worker says. When something is wrong with the database itself it says nothing, and ends. */
export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "answer"; readonly id: number; readonly rows: TextRows | null }
  | { readonly kind: "error"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "notification"; readonly channel: string; readonly payload: string };
