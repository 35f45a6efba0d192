/** One row of an answer: column name to value. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * The whole of what Keybrake asks of a database, so that PostgreSQL and PGlite are one thing to everything else.
 *
 * Obligations of every implementation:
 * - one `query` is one transaction; nothing above it opens another kind. A single statement only.
 * - int8 (and int8[]) arrives as bigint, numeric as string, timestamptz as Date, bytea as Uint8Array,
 *   json and jsonb parsed.
 * - `query` rejects with an error whose `code` is the SQLSTATE when the database answered, and with any other error
 *   when it did not; then the statement's fate is unknown.
 * - `script` runs many statements in the order given, without parameters; the script itself says BEGIN and COMMIT.
 * - `listen` calls back with each payload notified on a channel, and once with null whenever payloads may have been
 *   missed (a lost connection), so that caches can be dropped.
 */
export interface Database {
  readonly kind: "postgres" | "pglite";
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  script(text: string): Promise<void>;
  listen(channel: string, onPayload: (payload: string | null) => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * The SQLSTATE of an error that a database answered with; null when it did not answer. Node's codes for a broken
 * connection can have five letters, too (`EPIPE`), and two classes of SQLSTATE mean that the connection ended.
 */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  const isState = /^[0-9A-Z]{5}$/.test(error.code) && !/^E[A-Z]{4}$/.test(error.code);
  return isState && !/^(?:08|57P)/.test(error.code) ? error.code : null;
}
