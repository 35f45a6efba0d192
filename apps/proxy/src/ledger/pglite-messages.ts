import type { TextRows } from "./pglite-values.ts";

/** How the worker opens the database. */
export interface WorkerSettings {
  readonly dataDir: string;
  /** Past this the intent journal is begun anew, in bytes. */
  readonly journalBytesMax: number;
}

/** What the worker is asked to do; requests are carried out one at a time, in order. */
export type Request = { readonly id: number } & (
  | { readonly kind: "query"; readonly text: string; readonly values: readonly (string | null)[] }
  | { readonly kind: "script"; readonly text: string }
  | { readonly kind: "listen"; readonly channel: string }
  | { readonly kind: "close" }
);

/** An error on its way between threads, where classes are lost. `fields` are those of a PostgreSQL error. */
export interface PlainError {
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What the worker says. After `failed` it ends. */
export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "answer"; readonly id: number; readonly rows: TextRows | null }
  | { readonly kind: "error"; readonly id: number; readonly error: PlainError }
  | { readonly kind: "notification"; readonly channel: string; readonly payload: string }
  | { readonly kind: "failed"; readonly error: PlainError };
