import type { VendorRecord } from "@keybrake/core";
import type { LedgerCall } from "./ledger-rows.ts";

const ENTRIES_MOST = 1_000;

/** What is known now about a call whose outcome was not. */
export type Verdict =
  | { readonly kind: "settle"; readonly record: VendorRecord }
  | { readonly kind: "release" }
  | { readonly kind: "undecided"; readonly reason: string };

/** Some of what was found, and how much it is in all. */
export class FindingList<Entry> {
  readonly entries: Entry[] = [];
  count = 0;

  add(entry: Entry): void {
    this.count++;
    if (this.entries.length < ENTRIES_MOST) this.entries.push(entry);
  }
}

/** An amount that the vendor states otherwise than the ledger. */
export interface Difference {
  readonly record: VendorRecord;
  readonly callId: string | null;
  readonly amount?: bigint;
  readonly costMicros?: bigint;
}

/** A call whose outcome was unknown, and what is known now. */
export interface Judged {
  readonly call: LedgerCall;
  readonly verdict: Verdict;
  isApplied: boolean;
}

/** What the comparison of one secret's day found. */
export class Findings {
  calls = 0;
  ledgerMicros = 0n;
  readonly lost = new FindingList<LedgerCall>();
  readonly bypass = new FindingList<VendorRecord>();
  readonly differences = new FindingList<Difference>();
  readonly unknown = new FindingList<Judged>();
  /** Everything that can be decided, also beyond what the list shows. */
  readonly decided: Judged[] = [];

  addLost(call: LedgerCall): void {
    this.lost.add(call);
  }

  addBypass(record: VendorRecord): void {
    this.bypass.add(record);
  }

  addDifference(record: VendorRecord, known: Omit<Difference, "record">): void {
    this.differences.add({ record, ...known });
  }

  addUnknown(call: LedgerCall, verdict: Verdict): void {
    const judged = { call, verdict, isApplied: false };
    this.unknown.add(judged);
    if (verdict.kind !== "undecided") this.decided.push(judged);
  }
}
