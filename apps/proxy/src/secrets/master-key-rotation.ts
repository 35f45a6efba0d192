import type { Database } from "../ledger/database.ts";
import { EnvelopeError } from "./envelope.ts";
import type { KeyRing } from "./key-ring.ts";
import {
  beginRotation,
  finishRotation,
  type MasterKeyState,
  type RotationRefusal,
  replaceEnvelope,
  type SealedBefore,
  selectMasterKeyState,
  selectSealedBefore,
  selectSealingIds,
} from "./master-key-store.ts";

const AT_ONCE = 100;

/**
 * Changes the master key under which everything is sealed. First the new key becomes the one that seals; then each
 * envelope is rewritten on its own, its secret untouched. Whatever stops this half-way leaves envelopes of both keys,
 * which every replica can open, and whoever continues does the rest: there is no step that must not be done twice.
 */
export class MasterKeyRotation {
  readonly #database: Database;
  readonly #keyRing: KeyRing;
  readonly #installationId: string;
  readonly #onUnreadable: (rowId: string) => void;

  /** `onUnreadable` is told of each envelope that cannot be opened, by its row. */
  constructor(
    database: Database,
    keyRing: KeyRing,
    installationId: string,
    onUnreadable: (rowId: string) => void = () => undefined,
  ) {
    this.#database = database;
    this.#keyRing = keyRing;
    this.#installationId = installationId;
    this.#onUnreadable = onUnreadable;
  }

  /** Lets the configured key seal from now on, written through `through`. May be called again. */
  begin(through: Database = this.#database): Promise<RotationRefusal | null> {
    return beginRotation(through, this.#keyRing.configuredId);
  }

  /** Rewrites what is left, and ends the change when nothing is. What cannot be opened stays, and is told. */
  async continue(): Promise<MasterKeyState> {
    const unreadable = new Set<string>();
    for (;;) {
      const sealed = await selectSealedBefore(this.#database, AT_ONCE + unreadable.size);
      const due = sealed.filter(({ rowId }) => !unreadable.has(rowId));
      if (due.length === 0) break;
      const { activeId } = await this.state();
      for (const row of due) if (!(await this.#rewrap(row, activeId ?? ""))) unreadable.add(row.rowId);
    }
    for (const rowId of unreadable) this.#onUnreadable(rowId);
    await finishRotation(this.#database);
    return this.state();
  }

  /** Goes on with a change that nobody finished, if there is one. */
  async resume(): Promise<void> {
    const { begunAt, finishedAt } = await this.state();
    if (begunAt !== null && finishedAt === null) await this.continue();
  }

  state(): Promise<MasterKeyState> {
    return selectMasterKeyState(this.#database);
  }

  async #rewrap(row: SealedBefore, activeId: string): Promise<boolean> {
    const { table, rowId, vendor, version, envelope } = row;
    const place = { installationId: this.#installationId, table, rowId, vendor, version };
    if (!this.#keyRing.has(activeId)) return false;
    try {
      await replaceEnvelope(this.#database, row, this.#keyRing.rewrap(activeId, place, envelope));
      return true;
    } catch (error) {
      if (error instanceof EnvelopeError) return false;
      throw error;
    }
  }
}

/** Says which stored secrets these keys cannot open, or null. For the start: none may be found out in the middle of a call. */
export async function findKeyProblem(database: Database, keyRing: KeyRing): Promise<string | null> {
  const missing = (await selectSealingIds(database)).filter((id) => !keyRing.has(id));
  if (missing.length === 0) return null;
  const ids = missing.map((id) => `\`${id}\``).join(", ");
  return (
    `something is stored that master key ${ids} has sealed: give that key as KEYBRAKE_MASTER_KEY_PREVIOUS ` +
    "until `keybrake master-key status` says that the change is finished"
  );
}
