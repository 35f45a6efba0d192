import type { Database } from "../ledger/database.ts";
import type { Replica } from "../ledger/replica.ts";
import { type Finding, raiseAlerts } from "./alert-store.ts";
import { BudgetFindings } from "./budget-findings.ts";
import { findDenialSpikes, findSuspendedKeys, findUnknownCalls } from "./call-findings.ts";
import { ChainWatch } from "./chain-watch.ts";
import { findKillSwitch, findLostHistory } from "./installation-findings.ts";

/** What is sent no more, though nobody could be told: nobody has taken it since. */
const EXPIRE = `
  UPDATE alert_deliveries SET state = 'failed', last_error = coalesce(last_error, 'it was not sent in time')
  WHERE state = 'pending' AND expires_at < clock_timestamp() - interval '1 minute'`;

/** Who is told of what went wrong meanwhile. */
export interface AlertWatchEvents {
  readonly onRaised: (count: number) => void;
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * Looks every few seconds for what an operator should know, and raises it. One replica does, the eldest; that there may
 * be two of them for a moment costs time and nothing else, because an alert can be raised only once.
 */
export class AlertWatch {
  readonly #database: Database;
  readonly #replica: Pick<Replica, "isEldest">;
  readonly #events: AlertWatchEvents;
  readonly #finders: readonly [what: string, find: () => Promise<readonly Finding[]>][];

  constructor(database: Database, replica: Pick<Replica, "isEldest">, events: AlertWatchEvents) {
    const budgets = new BudgetFindings(database);
    const chain = new ChainWatch(database);
    this.#database = database;
    this.#replica = replica;
    this.#events = events;
    this.#finders = [
      ["the kill switch", () => findKillSwitch(database)],
      ["lost history", () => findLostHistory(database)],
      ["suspended keys", () => findSuspendedKeys(database)],
      ["used budgets", () => budgets.find()],
      ["unknown calls", () => findUnknownCalls(database)],
      ["refused calls", () => findDenialSpikes(database)],
      ["broken chains", () => chain.find()],
    ];
  }

  /** One look; returns how many alerts it raised. What cannot be looked for is told, and keeps nothing else back. */
  async look(): Promise<number> {
    if (!(await this.#replica.isEldest())) return 0;
    let raised = 0;
    for (const [what, find] of this.#finders) {
      try {
        raised += await raiseAlerts(this.#database, await find());
      } catch (error) {
        this.#events.onError(`look for ${what}`, error);
      }
    }
    if (raised > 0) this.#events.onRaised(raised);
    await this.#database.query(EXPIRE);
    return raised;
  }
}
