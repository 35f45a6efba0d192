import type { AgentCall } from "./agent-call.ts";
import {
  checkBalance,
  checkCaps,
  checkDecisions,
  checkMoney,
  checkMoves,
  checkSums,
  checkSuspensions,
} from "./invariants.ts";
import type { SimulatedDatabase } from "./simulated-database.ts";
import { readSendRights, type SeenCall, type Snapshot, takeSnapshot } from "./snapshot.ts";
import type { Received, SimulatedVendor } from "./vendor.ts";
import { Violation } from "./violation.ts";

/** A decision is good for this long, as `SqlLedger` has it. */
const SEND_WITHIN_MS = 5_000;
/** As long may a decision go unasked, so that a call may leave after its key was revoked. */
const STOPPED_MS_MAX = 60;
/** From then on the ledger lets an idempotency key be used anew. */
const REUSED_AFTER_MS = 23 * 3_600_000;
/** Answers that say nothing about a row: nobody could look, or too many asked. */
const WITHOUT_ROW = new Set(["ledger_unavailable", "overloaded"]);
/** Answers to a call that may have been held already when it was stopped. */
const STOPS: ReadonlySet<string> = new Set(["vault_key_revoked", "vault_key_expired", "kill_switch_engaged"]);
/** Answers to a call that was sent, or read at the vendor, and ended somehow. */
const AFTER_SENDING = new Set(["vendor_unreachable", "vendor_timeout", "vendor_answer_withheld"]);

/** Looks at the ledger after every statement, and says what promise was broken. */
export class Observer {
  readonly #database: SimulatedDatabase;
  readonly #vendor: SimulatedVendor;
  readonly #highest = new Map<string, { readonly key: string; readonly limit: number }>();
  readonly #sent = new Set<string>();
  #seen: Snapshot;
  /** After a power cut holds are put back past the limits, and settlements are forgotten. */
  #hasForgotten = false;

  private constructor(database: SimulatedDatabase, vendor: SimulatedVendor, seen: Snapshot) {
    this.#database = database;
    this.#vendor = vendor;
    this.#seen = seen;
    this.#noteLimits();
  }

  static async open(database: SimulatedDatabase, vendor: SimulatedVendor): Promise<Observer> {
    return new Observer(database, vendor, await takeSnapshot(database));
  }

  /** The ledger as it was after the latest statement. */
  get seen(): Snapshot {
    return this.#seen;
  }

  find(callId: string): SeenCall | undefined {
    return this.#seen.calls.find(({ id }) => id === callId);
  }

  /** Checks everything that must hold between two statements. */
  async look(): Promise<void> {
    const before = this.#seen;
    this.#seen = await takeSnapshot(this.#database);
    this.#noteLimits();
    checkMoves(before, this.#seen);
    checkSums(this.#seen);
    checkDecisions(before, this.#seen);
    checkSuspensions(before, this.#seen);
    this.checkMoney();
  }

  /** Checks what the vendor has executed against what is counted. */
  checkMoney(): void {
    checkMoney(this.#seen, this.#vendor);
  }

  /** The power was cut and the journal replayed: what is remembered starts here. */
  async forget(): Promise<void> {
    this.#hasForgotten = true;
    this.#seen = await takeSnapshot(this.#database);
    checkSums(this.#seen);
  }

  /** Judges a call whose first byte is about to leave; the function is called if it does. */
  async judgeSend(callId: string): Promise<() => { readonly payerId: string }> {
    const rights = await readSendRights(this.#database, callId);
    return () => {
      const problem =
        rights === null
          ? "without an open hold"
          : rights.state !== "reserved"
            ? "when it was unknown already"
            : !rights.isLeased
              ? "by a replica without a lease"
              : rights.isExpired
                ? "when its key had expired"
                : rights.ageMs > SEND_WITHIN_MS
                  ? `${rights.ageMs} ms after its decision`
                  : rights.stoppedMs !== null && rights.stoppedMs > STOPPED_MS_MAX
                    ? `${rights.stoppedMs} ms after it was stopped`
                    : null;
      if (problem !== null) throw new Violation(`call ${callId} was sent ${problem}`);
      this.#sent.add(callId);
      return { payerId: this.find(callId)?.replayOf ?? callId };
    };
  }

  /** One idempotency key may mean two things only when the first one did not happen, or is long forgotten. */
  checkClash(earlier: Received, later: Received): void {
    const isOver =
      this.find(earlier.callId)?.state === "released" || later.atMs - earlier.atMs >= REUSED_AFTER_MS;
    if (!isOver)
      throw new Violation(
        `call ${later.callId} uses the idempotency key of call ${earlier.callId} for another body`,
      );
  }

  /** An agent's answer must agree with a row that is there already. */
  checkAnswer({ answer }: AgentCall): void {
    if (answer === null) return;
    const { status, callId, body } = answer;
    const code = codeOf(body);
    if (code === "internal") throw new Violation(`call ${callId} failed inside keybrake`);
    if (WITHOUT_ROW.has(code)) return;
    const row = this.find(callId);
    const isFromHere = /"keybrake":\{/.test(body);
    const expected = isFromHere
      ? AFTER_SENDING.has(code)
        ? ["unknown", "released", undefined]
        : // What was revoked or stopped between its commit and its first byte was held, and is given back unsent.
          STOPS.has(code)
          ? ["denied", "released"]
          : ["denied"]
      : status === 200
        ? ["settled", "unknown"]
        : ["settled", "released", "unknown"];
    if (!expected.includes(row?.state)) {
      throw new Violation(`call ${callId} was answered ${status} (${code}), and its row is ${row?.state}`);
    }
  }

  /** Checks what must hold when everything has come to its end. `survived` are the requests whose replica lived on. */
  async checkEnd(survived: readonly AgentCall[]): Promise<void> {
    await this.look();
    for (const { callIds } of survived) {
      const stuck = callIds.find((id) => this.find(id)?.state === "unknown" && !this.#sent.has(id));
      if (stuck !== undefined) throw new Violation(`call ${stuck} was never sent, and still holds its money`);
    }
    const open = this.#seen.calls.find(({ state }) => state === "reserved");
    if (open !== undefined) throw new Violation(`call ${open.id} is still reserved at the end`);
    if (this.#hasForgotten) return;
    checkBalance(this.#seen, this.#vendor);
    checkCaps(this.#seen, this.#vendor, this.#highest);
  }

  #noteLimits(): void {
    for (const { budget, scope, value, unit, limit } of this.#seen.windows) {
      if (scope !== "vault_key" || unit !== "usd") continue;
      const known = this.#highest.get(budget)?.limit ?? 0;
      this.#highest.set(budget, { key: value, limit: Math.max(limit, known) });
    }
  }
}

function codeOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string } };
    return error?.code ?? "";
  } catch {
    return "";
  }
}
