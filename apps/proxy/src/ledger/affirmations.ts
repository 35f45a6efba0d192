import type { DenialCode, KeyIdentity, OwnIdentity } from "@keybrake/core";
import { answerInTime } from "./answer-in-time.ts";
import type { Database } from "./database.ts";

const ASKED_MOST = 200;

/** Why a call may no longer be sent; null when it may. Read later than `asOfMs`. */
export interface Affirmation {
  readonly asOfMs: number;
  readonly code: Extract<
    DenialCode,
    "kill_switch_engaged" | "vault_key_revoked" | "vault_key_expired"
  > | null;
}

interface Question {
  readonly identity: KeyIdentity | OwnIdentity;
  readonly resolve: (affirmation: Affirmation) => void;
  readonly reject: (error: unknown) => void;
}

/** Asks whether keys may still act, one statement at a time: whoever comes meanwhile shares the next one. */
export class Affirmations {
  readonly #database: Database;
  readonly #monotonicMs: () => number;
  #waiting: Question[] = [];
  #isRunning = false;

  constructor(database: Database, monotonicMs: () => number) {
    this.#database = database;
    this.#monotonicMs = monotonicMs;
  }

  /** Rejects with `ledger_unavailable` when the database does not answer in time. */
  ask(identity: KeyIdentity | OwnIdentity): Promise<Affirmation> {
    const answer = new Promise<Affirmation>((resolve, reject) => {
      this.#waiting.push({ identity, resolve, reject });
    });
    if (!this.#isRunning) void this.#run();
    return answerInTime(answer);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const questions = this.#waiting.splice(0, ASKED_MOST);
      const asOfMs = this.#monotonicMs();
      try {
        const codes = await this.#select(questions);
        for (const [index, { resolve }] of questions.entries())
          resolve({ asOfMs, code: codes[index] ?? null });
      } catch (error) {
        for (const { reject } of questions) reject(error);
      }
    }
    this.#isRunning = false;
  }

  async #select(questions: readonly Question[]): Promise<readonly Affirmation["code"][]> {
    const rows = await this.#database.query(SELECT_CODES, [
      questions.map(({ identity }) => identity.vaultKeyId),
      questions.map(({ identity }) => identity.secretId),
    ]);
    return rows.map((row) => row["code"] as Affirmation["code"]);
  }
}

/** The same order as in `ledger_apply`. */
const SELECT_CODES = `
  SELECT CASE
      WHEN s.kill_switch_engaged THEN 'kill_switch_engaged'
      WHEN c.id IS NULL OR c.deleted_at IS NOT NULL THEN 'vault_key_revoked'
      WHEN u.key_id IS NOT NULL AND v.status IS DISTINCT FROM 'active' THEN 'vault_key_revoked'
      WHEN v.expires_at <= clock_timestamp() THEN 'vault_key_expired'
      WHEN v.ancestor_ids <> '{}' THEN (
        SELECT CASE WHEN bool_or(p.status <> 'active') THEN 'vault_key_revoked'
          WHEN min(p.expires_at) <= clock_timestamp() THEN 'vault_key_expired' END
        FROM vault_keys p WHERE p.id = ANY (v.ancestor_ids))
    END AS code
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u (key_id, secret_id, nth)
  CROSS JOIN installation s
  LEFT JOIN vault_keys v ON v.id = u.key_id
  LEFT JOIN secrets c ON c.id = u.secret_id
  ORDER BY u.nth`;
