import { type BudgetSpec, type BudgetWindow, windowStart } from "./budget.ts";
import type { CredentialMode } from "./credential-mode.ts";
import type { RecordedCall } from "./policy-replay.ts";

type Unit = BudgetSpec["unit"];

interface WindowName {
  readonly window: BudgetWindow;
  readonly unit: Unit;
  readonly mode: CredentialMode;
  readonly start: Date;
}

/** What changes in one window when a hold ends. */
interface Change {
  readonly name: string;
  readonly by: bigint;
}

interface Ending {
  readonly atMs: number;
  readonly changes: readonly Change[];
}

/** How much of a policy's caps recorded calls use up as time goes on: held first, and what they cost when they end. */
export class RecordedUse {
  readonly #budgets: readonly Pick<BudgetSpec, "window" | "unit">[];
  readonly #used = new Map<string, bigint>();
  /** In the order of their times. */
  readonly #endings: Ending[] = [];
  /** What ends at the present moment: it may end before or after whatever else happens in it. */
  #now: readonly Change[] = [];

  constructor(budgets: readonly Pick<BudgetSpec, "window" | "unit">[]) {
    this.#budgets = budgets;
  }

  /** Says what a window had used before. */
  open(window: WindowName, used: bigint): void {
    this.#used.set(nameOf(window), used);
  }

  /** Goes on to a moment: everything that ended before it has ended. */
  settleBefore(moment: Date): void {
    for (const change of this.#now) this.#apply(change);
    const ms = moment.getTime();
    const isOver = ({ atMs }: Ending) => atMs < ms;
    const over = this.#endings.splice(0, countWhile(this.#endings, isOver));
    for (const { changes } of over) for (const change of changes) this.#apply(change);
    const now = this.#endings.splice(
      0,
      countWhile(this.#endings, ({ atMs }) => atMs === ms),
    );
    this.#now = now.flatMap(({ changes }) => changes);
  }

  /** The least or the most that the window which covers a call can have used at this moment. */
  read(call: RecordedCall, budget: Pick<BudgetSpec, "window" | "unit">, side: "least" | "most"): bigint {
    const name = nameOf({ ...budget, mode: call.mode, start: windowStart(budget.window, call.requestedAt) });
    let used = this.#used.get(name) ?? 0n;
    for (const change of this.#now)
      if (change.name === name && change.by < 0n === (side === "least")) used += change.by;
    return used;
  }

  /** Holds what a call needs in every window that covers it, until it ends. */
  add(call: RecordedCall, holdMicros: bigint, isCounted: boolean): void {
    const changes: Change[] = [];
    for (const { window, unit } of this.#budgets) {
      const nameAt = (time: Date) =>
        nameOf({ window, unit, mode: call.mode, start: windowStart(window, time) });
      const name = nameAt(call.requestedAt);
      this.#apply({ name, by: unit === "usd" ? holdMicros : isCounted ? 1n : 0n });
      if (unit === "usd") {
        changes.push({ name, by: call.costMicros - holdMicros });
        for (const { day, micros } of call.credits) changes.push({ name: nameAt(day), by: -micros });
      } else if (isCounted && call.state === "released" && call.statusCode === null) {
        changes.push({ name, by: -1n });
      }
    }
    const hasEnded = call.state === "settled" || call.state === "released";
    if (hasEnded && call.completedAt !== null)
      this.#insert({ atMs: call.completedAt.getTime(), changes: changes.filter(({ by }) => by !== 0n) });
  }

  #insert(ending: Ending): void {
    if (ending.changes.length === 0) return;
    let low = 0;
    let high = this.#endings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#endings[middle]?.atMs ?? 0) <= ending.atMs) low = middle + 1;
      else high = middle;
    }
    this.#endings.splice(low, 0, ending);
  }

  #apply({ name, by }: Change): void {
    const used = (this.#used.get(name) ?? 0n) + by;
    // A credit for a call that the policy refuses gives nothing back.
    this.#used.set(name, used < 0n ? 0n : used);
  }
}

function countWhile(endings: readonly Ending[], holds: (ending: Ending) => boolean): number {
  const index = endings.findIndex((ending) => !holds(ending));
  return index === -1 ? endings.length : index;
}

function nameOf({ window, unit, mode, start }: WindowName): string {
  return `${unit} ${window} ${mode} ${start.toISOString()}`;
}
