import type { AdminOutcome, ProblemCode } from "@keybrake/client/contract";
import { type Database, type Row, sqlStateOf } from "../ledger/database.ts";
import type { AdminIdentity } from "./admin-identity.ts";

/** What one row of the trail says; its time, its replica and its link are the database's. */
export interface AdminEntry {
  /** Null when nobody was proven. */
  readonly identity: AdminIdentity | null;
  readonly address: string | null;
  readonly action: string;
  /** What was acted on; null = named by the `id` that the changing statement returns, if anything. */
  readonly target: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A database whose every statement leaves an entry in its own transaction: both are committed, or neither. */
export interface AuditedDatabase extends Database {
  /** The same, leaving the entry also when the statement returned no row. */
  readonly evenIfNone: Database;
  /** The same in the name of somebody who was unknown until now. */
  by(identity: AdminIdentity): Database;
  /** How many statements have left an entry. */
  readonly entries: number;
}

/** This replica's life in the ledger: each entry stands in its chain. */
export interface TrailReplica {
  readonly epoch: bigint;
  register(): Promise<void>;
}

const LEASE_LOST = "KB001";
const COLUMNS = "epoch, token_id, token_name, role, address, action, target, details, changed, outcome, code";
const INSERT = `INSERT INTO admin_events (${COLUMNS})`;
const NOTE = `${INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, NULL, $9, $10)`;
/** What looks like a credential of ours or a vendor's: an operator may have pasted one into a name or a reason. */
const CREDENTIAL =
  /\b(?:vault_[a-z0-9_]{1,40}|kbadm_[a-z]+)_[0-9A-Za-z]{38}\b|\b(?:[sr]k_(?:live|test)|whsec|re)_\w{8,}/g;

/** Writes down what operators do and what they are refused. */
export class AdminTrail {
  readonly #database: Database;
  readonly #replica: TrailReplica;

  constructor(database: Database, replica: TrailReplica) {
    this.#database = database;
    this.#replica = replica;
  }

  /** Writes an entry on its own. */
  async note(entry: AdminEntry, outcome: AdminOutcome, code: ProblemCode | null = null): Promise<void> {
    await this.#withEpoch((epoch) => this.#database.query(NOTE, [epoch, ...valuesOf(entry), outcome, code]));
  }

  /** Makes the database through which an operation changes what it changes. */
  audited(entry: AdminEntry): AuditedDatabase {
    let entries = 0;
    const open = (isKeptEvenIfNone: boolean, by: AdminEntry = entry): Database => ({
      ...this.#database,
      query: async (text, values = []) => {
        const statement = auditStatement(text, values.length, {
          target: entry.target === null ? "returned" : "given",
          isKeptEvenIfNone,
        });
        const rows = await this.#withEpoch((epoch) =>
          this.#database.query(statement, [...values, epoch, ...valuesOf(by)]),
        );
        if (rows.length > 0 || isKeptEvenIfNone) entries++;
        return rows;
      },
    });
    return {
      ...open(false),
      evenIfNone: open(true),
      by: (identity) => open(false, { ...entry, identity }),
      get entries() {
        return entries;
      },
    };
  }

  /** A replica that has lost its lease takes another one, as a flush would. */
  async #withEpoch(write: (epoch: string) => Promise<readonly Row[]>): Promise<readonly Row[]> {
    try {
      return await write(this.#replica.epoch.toString());
    } catch (error) {
      if (sqlStateOf(error) !== LEASE_LOST) throw error;
      await this.#replica.register();
      return await write(this.#replica.epoch.toString());
    }
  }
}

/**
 * Puts a changing statement and its entry into one. A part that writes is always carried out, and the entry reads what
 * the change returned, so it comes after it.
 */
function auditStatement(
  text: string,
  parameters: number,
  entry: { readonly target: "given" | "returned"; readonly isKeptEvenIfNone: boolean },
): string {
  const at = (position: number) => `$${parameters + position}`;
  const target = entry.target === "given" ? `${at(7)}::text` : `coalesce(${at(7)}::text, min(c.id::text))`;
  return `
    WITH keybrake_changed AS (${text}), keybrake_entry AS (
      ${INSERT}
      SELECT ${at(1)}::bigint, ${at(2)}::uuid, ${at(3)}::text, ${at(4)}::text, ${at(5)}::text, ${at(6)}::text, ${target},
        ${at(8)}::jsonb, count(*)::integer, 'done', NULL
      FROM keybrake_changed c ${entry.isKeptEvenIfNone ? "" : "HAVING count(*) > 0"})
    SELECT * FROM keybrake_changed`;
}

function valuesOf({ identity, address, action, target, details }: AdminEntry): readonly unknown[] {
  const shown = JSON.stringify(details, (_name, value: unknown) =>
    typeof value === "string" ? showSafely(value) : value,
  );
  const { tokenId = null, name = null, role = null } = identity ?? {};
  return [tokenId, name, role, address, action, target, shown];
}

/** Text for people without credentials, which nobody needs here, and without NUL and half characters, which the database refuses. */
export function showSafely(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd").replace(CREDENTIAL, "[withheld]");
}
