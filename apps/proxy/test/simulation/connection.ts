import type { Database, Row } from "../../src/ledger/database.ts";
import { LEDGER_APPLY_SQL } from "../../src/ledger/ledger-apply.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { Violation } from "./violation.ts";

/** As `openPostgres` has it: past this a statement's outcome is unknown. */
const QUERY_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 900;

/** A statement after which the books are as they were: a look, or a lease. */
const ASIDE =
  /^\s*(?:(?:INSERT INTO|UPDATE) replicas |SELECT (?!.*\b(?:ledger_apply|ledger_flush|ledger_sweep|\w+_vault_keys?|\w+_budget|set_kill_switch|restore_\w+)\())/s;

/** The refusals that a statement may meet: its epoch has ended, or it was overtaken by a later flush. */
const LATE = new Set(["KB001", "KB002"]);

/** What may become of a statement on its way to the database and back. */
const FATES = { answered: 88, answered_late: 6, answer_lost: 3, refused: 1, lost: 2 };
const FATES_WHILE_DOWN: typeof FATES = { answered: 0, answered_late: 0, answer_lost: 0, refused: 8, lost: 2 };

/**
 * What a replica's connections may lose alone: all but its flushes, which have connections of their own, or only the
 * renewals of its lease, so that it goes on deciding and affirming to the end of a lease that it cannot lengthen.
 */
const DEAFNESS = {
  all_but_flushes: (text: string) => text !== LEDGER_APPLY_SQL,
  renewals: (text: string) => text.startsWith("UPDATE replicas SET lease_until"),
} as const;
export type Deafness = keyof typeof DEAFNESS;

/** The network between replicas and their database, and whether that is up. */
export interface Network {
  isDown: boolean;
  /** At the end of a history everything arrives. */
  isCalm: boolean;
  /** With an embedded database there is no network to fail. */
  readonly isEmbedded: boolean;
}

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One replica's connections: each statement waits for its turn, and then is answered, or answered late, or its answer
 * is lost, or it never arrives, or arrives long after it was given up.
 */
export class SimulatedConnection implements Database {
  readonly kind: "postgres" | "pglite";
  readonly #name: string;
  readonly #scheduler: Scheduler;
  readonly #database: SimulatedDatabase;
  readonly #network: Network;
  readonly #onExecuted: () => Promise<void>;
  /** What does not get through for a while, although the network is up. */
  deafTo: Deafness | null = null;
  #isCut = false;
  #isBuried = false;

  constructor(
    name: string,
    parts: {
      readonly scheduler: Scheduler;
      readonly database: SimulatedDatabase;
      readonly network: Network;
      readonly onExecuted: () => Promise<void>;
    },
  ) {
    this.kind = parts.network.isEmbedded ? "pglite" : "postgres";
    this.#name = name;
    this.#scheduler = parts.scheduler;
    this.#database = parts.database;
    this.#network = parts.network;
    this.#onExecuted = parts.onExecuted;
  }

  query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      // Nobody is there any more to be told.
      if (this.#isCut) return;
      const statement = { text, values, resolve, reject };
      this.#scheduler.add(`${this.#name}: ${describe(text, values)}`, () => this.#arrive(statement));
    });
  }

  script(): Promise<void> {
    return Promise.reject(new TypeError("no replica runs scripts"));
  }

  async listen(): Promise<void> {
    // Key changes are told by the world, which may also forget to.
  }

  async close(): Promise<void> {
    this.#isCut = true;
  }

  /** What it had sent is carried out no more: the database went down with it, or has begun a new life. */
  bury(): void {
    this.#isCut = true;
    this.#isBuried = true;
  }

  async #arrive(statement: Statement): Promise<void> {
    if (this.#isBuried) return;
    const { random } = this.#scheduler;
    // The process is gone, but what it had sent may still be carried out.
    if (this.#isCut) return random.chance(0.5) ? this.#arriveUnheard(statement) : undefined;
    if (this.#network.isEmbedded || this.#network.isCalm)
      return this.#answer(statement, await this.#try(statement));
    const isUnheard = this.#network.isDown || (this.deafTo !== null && DEAFNESS[this.deafTo](statement.text));
    const fate = random.weighted(isUnheard ? FATES_WHILE_DOWN : FATES);
    if (fate !== "answered") this.#scheduler.note(`  … ${fate.replace("_", " ")}`);
    if (fate === "refused") return this.#fail(statement, "ECONNREFUSED", 0);
    if (fate === "lost") {
      const timeoutMs = this.#network.isDown ? CONNECT_TIMEOUT_MS : QUERY_TIMEOUT_MS;
      if (random.chance(0.5)) {
        const what = `${this.#name}: late, ${describe(statement.text, statement.values)}`;
        const arrive = () => this.#scheduler.add(what, () => this.#arriveUnheard(statement), 0.1);
        // Half of them are sure to arrive after they were given up.
        if (random.chance(0.5)) arrive();
        else setTimeout(arrive, timeoutMs + 1);
      }
      return this.#fail(statement, "timeout", timeoutMs);
    }
    const answer = await this.#try(statement);
    if (fate === "answer_lost") return this.#fail(statement, "ECONNRESET", 0);
    if (fate === "answered") return this.#answer(statement, answer);
    const what = `${this.#name}: answer to ${describe(statement.text, statement.values)}`;
    this.#scheduler.add(what, () => this.#answer(statement, answer));
    this.#fail(statement, "timeout", QUERY_TIMEOUT_MS);
  }

  /** Its sender has given it up, or is gone. */
  async #arriveUnheard(statement: Statement): Promise<void> {
    if (!this.#isBuried) await this.#try(statement);
  }

  async #execute({ text, values }: Statement): Promise<readonly Row[]> {
    const rows = await this.#database.execute(text, values);
    if (!ASIDE.test(text) && rows[0]?.["swept"] !== 0) await this.#onExecuted();
    return rows;
  }

  async #try(statement: Statement): Promise<readonly Row[] | DatabaseRefusal> {
    try {
      return await this.#execute(statement);
    } catch (error) {
      // What the simulator found must end the seed, and what the database refused must reach the replica.
      if (!(error instanceof Error) || !("severity" in error)) throw error;
      const state = "code" in error ? String(error.code) : "";
      if (!LATE.has(state))
        throw new Violation(`the database refused a statement (${state}): ${error.message}`);
      return new DatabaseRefusal(error);
    }
  }

  #answer({ resolve, reject }: Statement, answer: readonly Row[] | DatabaseRefusal): void {
    if (this.#isCut) return;
    if (answer instanceof DatabaseRefusal) reject(answer.error);
    else resolve(answer);
  }

  #fail({ reject }: Statement, code: string, afterMs: number): void {
    const error = Object.assign(new Error(`simulated: ${code}`), code === "timeout" ? {} : { code });
    if (afterMs === 0) {
      if (!this.#isCut) reject(error);
    } else setTimeout(() => this.#isCut || reject(error), afterMs);
  }
}

class DatabaseRefusal {
  readonly error: Error;

  constructor(error: Error) {
    this.error = error;
  }
}

/** What a statement is about, for the list of steps. */
function describe(text: string, values: readonly unknown[]): string {
  if (text !== LEDGER_APPLY_SQL) return text.trim().replace(/\s+/g, " ").slice(0, 44);
  const ops = JSON.parse(String(values[1])) as { kind: string; state?: string; denial_code?: string }[];
  return `flush ${values[2]}: ${ops.map(({ kind, state, denial_code: code }) => [kind, state ?? code].filter(Boolean).join(" ")).join(", ")}`;
}
