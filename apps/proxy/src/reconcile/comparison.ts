import type { Trace, VendorRecord, VendorRecords } from "@keybrake/core";
import { BatchClaims } from "./batch-claims.ts";
import { Findings, type Verdict } from "./findings.ts";
import type { CountedExposure, LedgerCall } from "./ledger-rows.ts";
import { compareRecords, type RecordGroup, RecordIndex } from "./record-index.ts";

const DAY_MS = 86_400_000;
/** How far the clocks of vendor and database may be apart before a call could seem to follow its own record. */
const CLOCK_MS = 300_000;
/** Open questions that are kept in memory; the rest can be asked again once these are answered. */
const UNKNOWN_MOST = 10_000;

/** What is compared: a day, the vendor's records of it, and whose they are. */
export interface ComparisonInput {
  readonly records: readonly VendorRecord[];
  /** False when the vendor had more than was read: then absence proves nothing. */
  readonly isComplete: boolean;
  readonly traceOf: VendorRecords["traceOf"];
  readonly secretId: string;
  readonly from: Date;
  readonly until: Date;
  /** Now, by the database. */
  readonly now: Date;
}

interface Open {
  readonly call: LedgerCall;
  readonly trace: Trace | null;
}

/**
 * Holds the audit rows of a day against the vendor's own records. Rows are added one by one, and only what was found
 * is kept. Pure.
 */
export class Comparison {
  readonly #input: ComparisonInput;
  readonly #index: RecordIndex;
  readonly #claims = new BatchClaims();
  readonly #latest = new Map<string, LedgerCall>();
  readonly #unknown: Open[] = [];
  readonly #objects: ReadonlySet<string>;
  #latestMs = Number.NEGATIVE_INFINITY;
  #hasKeys = false;
  readonly findings = new Findings();

  constructor(input: ComparisonInput) {
    this.#input = input;
    this.#index = new RecordIndex(input.records);
    this.#objects = new Set(this.#index.objectIds());
    for (const { at, kind, idempotencyKey } of input.records) {
      if (kind !== "movement") this.#latestMs = Math.max(this.#latestMs, at.getTime());
      this.#hasKeys ||= idempotencyKey !== null;
    }
  }

  /** Takes the next row; older ones first. Rows beside the day explain records, and are not judged. */
  add(call: LedgerCall): void {
    const trace = call.endpoint === null ? null : this.#input.traceOf(call.endpoint);
    const isRecorded = this.#index.find(call).length > 0;
    this.#index.explain(call);
    if (trace?.namesObject === false) this.#claims.add(call);
    if (call.secretId !== this.#input.secretId) return;
    const { objectId, state } = call;
    if (trace !== null && objectId !== null && state === "settled" && this.#objects.has(objectId)) {
      if (!call.isReplay) this.#latest.set(objectId, call);
    }
    if (!this.#isInDay(call.requestedAt)) return;
    this.findings.calls++;
    this.findings.ledgerMicros += state === "settled" ? call.costMicros : 0n;
    if (state === "unknown") this.#addUnknown({ call, trace });
    if (state === "settled" && !isRecorded && this.#mustBeRecorded(call, trace)) this.findings.addLost(call);
  }

  #mustBeRecorded(call: LedgerCall, trace: Trace | null): boolean {
    const { isComplete } = this.#input;
    return (
      isComplete &&
      trace?.isListed === true &&
      call.objectId !== null &&
      !call.isReplay &&
      !call.mayActElsewhere
    );
  }

  #addUnknown(open: Open): void {
    if (this.#unknown.length < UNKNOWN_MOST) this.#unknown.push(open);
    else this.findings.addUnknown(open.call, undecided("too many calls are unknown: apply, and ask again"));
  }

  /** The objects that no call of the day names, which an earlier day's call may have made. */
  objectsToLookUp(): string[] {
    return [...this.#objects].filter((objectId) => !this.#latest.has(objectId));
  }

  /** Ends the comparison; `counted` is what the ledger holds of objects, whenever their calls were made. */
  finish(counted: ReadonlyMap<string, CountedExposure>): Findings {
    for (const objectId of counted.keys()) this.#index.explainObject(objectId);
    const left = this.#unexplained().filter(({ records }) => !this.#claims.take(records));
    for (const group of left) {
      const record = headline(group);
      if (this.#isInDay(record.at)) this.findings.addBypass(record);
    }
    for (const objectId of this.#objects) this.#compareAmounts(objectId, counted.get(objectId));
    for (const open of this.#unknown) this.findings.addUnknown(open.call, this.#judge(open));
    return this.findings;
  }

  #unexplained(): readonly RecordGroup[] {
    return this.#index.groups.filter(({ isExplained }) => !isExplained);
  }

  #isInDay(at: Date): boolean {
    return at >= this.#input.from && at < this.#input.until;
  }

  #compareAmounts(objectId: string, counted: CountedExposure | undefined): void {
    const call = this.#latest.get(objectId);
    const records = this.#index.recordsOf(objectId).filter(({ at }) => this.#isInDay(at));
    const states = records.filter(({ kind }) => kind !== "movement");
    const record = states.at(-1) ?? records.at(-1);
    if (record === undefined || record.outcome.kind !== "settled") return;
    const said = record.outcome;
    if (call !== undefined && said.costMicros !== undefined) {
      if (call.costMicros !== said.costMicros)
        this.findings.addDifference(record, { callId: call.id, costMicros: call.costMicros });
      return;
    }
    const known = knownAmount(call, counted, this.#input.until);
    if (known === null || known.currency !== said.currency || known.amount === said.amount) return;
    this.findings.addDifference(record, known);
  }

  #judge({ call, trace }: Open): Verdict {
    const groups = this.#index.find(call);
    if (groups.length > 0) return verdictOf(groups, trace);
    if (trace?.provesAbsence !== true) return undecided("the vendor's records need not show such a call");
    if (call.mayActElsewhere)
      return undecided("its key may act on a connected account, whose records were not read");
    if (!this.#input.isComplete) return undecided("the vendor has more records than were read");
    if (this.#input.now.getTime() < this.#input.until.getTime() + DAY_MS)
      return undecided("the vendor has no record of it yet: ask again a day after its day");
    if (this.#isJoinable(call) || this.#isSilentSince(call.requestedAt)) return { kind: "release" };
    return undecided("it could be one of the vendor's records, which do not name it");
  }

  /** Whether its record would name it: the vendor's records hold idempotency keys, and it was sent with one. */
  #isJoinable(call: LedgerCall): boolean {
    return call.idempotencyKey !== null && this.#hasKeys;
  }

  /** Whether nothing at all happened at the vendor: what did could be the call, even when another one explains it. */
  #isSilentSince(at: Date): boolean {
    return this.#latestMs < at.getTime() - CLOCK_MS;
  }
}

function undecided(reason: string): Verdict {
  return { kind: "undecided", reason };
}

function verdictOf(groups: readonly RecordGroup[], trace: Trace | null): Verdict {
  const record = groups
    .flatMap(({ records }) => records)
    .filter(({ kind, outcome }) => kind === trace?.kind && outcome.kind === "settled")
    .sort(compareRecords)
    .at(-1);
  return record === undefined
    ? undecided("the vendor has a record of it that states no amount")
    : { kind: "settle", record };
}

/** What the ledger believes of an object at the day's end. */
function knownAmount(call: LedgerCall | undefined, counted: CountedExposure | undefined, until: Date) {
  if (call?.amount !== undefined && call.amount !== null)
    return call.requestedAt < until
      ? { callId: call.id, amount: call.amount, currency: call.currency }
      : null;
  if (counted === undefined || counted.updatedAt >= until) return null;
  return { callId: null, amount: counted.amount, currency: counted.currency };
}

/** In a group of several records the one that says most about the money. */
const RANK = ["refund", "payment_intent", "charge"];

function headline({ records }: RecordGroup): VendorRecord {
  const ranked = [...records].sort((a, b) => rankOf(a) - rankOf(b) || compareRecords(b, a));
  const [first] = ranked;
  if (first === undefined) throw new TypeError("a group has at least one record");
  return first;
}

function rankOf({ kind }: VendorRecord): number {
  const rank = RANK.indexOf(kind);
  return rank < 0 ? RANK.length : rank;
}
