import { RECONCILE_ENTRIES_MAX, type ReconcileReport } from "@keybrake/client/contract";
import {
  formatUsd,
  type Pricing,
  recordMicros,
  type Vendor,
  type VendorName,
  type VendorRecord,
} from "@keybrake/core";
import type { Difference, Findings, Judged } from "./findings.ts";
import type { LedgerCall } from "./ledger-rows.ts";
import type { ReadRecords } from "./read-records.ts";

/** Why a call was settled or released by a comparison: stands in its audit row. */
export const SETTLED_REASON = "settled by reconciliation: the vendor has a record of it";
export const RELEASED_REASON = "released by reconciliation: the vendor has no record of it";

type Lists = "lost" | "bypass" | "differences" | "unknown";
type Building = {
  [Name in Lists]: { count: number; entries: ReconcileReport[Name]["entries"][number][] };
};

/** Puts the findings of several secrets together as the API tells them. */
export class ReportBuilder {
  readonly #vendorName: VendorName;
  readonly #day: string;
  readonly #vendor: Vendor;
  readonly #pricing: Pricing;
  readonly #secrets: string[] = [];
  readonly #lists: Building = {
    lost: { count: 0, entries: [] },
    bypass: { count: 0, entries: [] },
    differences: { count: 0, entries: [] },
    unknown: { count: 0, entries: [] },
  };
  #isComplete = true;
  #calls = 0;
  #records = 0;
  #pages = 0;
  #ledgerMicros = 0n;
  #vendorMicros: bigint | null = null;

  constructor(vendorName: VendorName, day: string, vendor: Vendor, pricing: Pricing) {
    this.#vendorName = vendorName;
    this.#day = day;
    this.#vendor = vendor;
    this.#pricing = pricing;
  }

  /** Adds what was found for one secret. */
  add(secret: string, findings: Findings, read: ReadRecords): void {
    this.#secrets.push(secret);
    this.#isComplete &&= read.isComplete;
    this.#calls += findings.calls;
    this.#records += read.records.length;
    this.#pages += read.pages;
    this.#ledgerMicros += findings.ledgerMicros;
    if (read.totalMicros !== null) this.#vendorMicros = (this.#vendorMicros ?? 0n) + read.totalMicros;
    this.#take("lost", findings.lost, (call) => lostEntry(secret, call));
    this.#take("bypass", findings.bypass, (record) => bypassEntry(secret, record));
    this.#take("differences", findings.differences, (difference) => differenceEntry(secret, difference));
    this.#take("unknown", findings.unknown, (judged) => this.#unknownEntry(secret, judged));
  }

  build(): ReconcileReport {
    const { lost, bypass, differences, unknown } = this.#lists;
    return {
      vendor: this.#vendorName,
      day: this.#day,
      secrets: this.#secrets,
      clean: [lost, bypass, differences, unknown].every(({ count }) => count === 0),
      complete: this.#isComplete,
      calls: this.#calls,
      records: this.#records,
      pages: this.#pages,
      ledger_total_usd: formatUsd(this.#ledgerMicros),
      vendor_total_usd: this.#vendorMicros === null ? null : formatUsd(this.#vendorMicros),
      lost,
      bypass,
      differences,
      unknown,
    };
  }

  #take<Name extends Lists, Found>(
    name: Name,
    found: { readonly entries: readonly Found[]; readonly count: number },
    show: (entry: Found) => Building[Name]["entries"][number],
  ): void {
    const list: { count: number; entries: Building[Name]["entries"][number][] } = this.#lists[name];
    list.count += found.count;
    const room = RECONCILE_ENTRIES_MAX - list.entries.length;
    list.entries.push(...found.entries.slice(0, room).map(show));
  }

  #unknownEntry(
    secret: string,
    { call, verdict, isApplied }: Judged,
  ): ReconcileReport["unknown"]["entries"][number] {
    const record = verdict.kind === "settle" ? verdict.record : null;
    const micros = record === null ? null : recordMicros(record, this.#vendor, this.#pricing);
    return {
      secret,
      ...callFields(call),
      reserved_usd: formatUsd(call.heldMicros),
      verdict: verdict.kind,
      vendor_object_id: record?.objectIds[0] ?? call.objectId,
      ...moneyOf(record),
      cost_usd: micros === null ? null : formatUsd(micros),
      reason: reasonOf(verdict),
      applied: isApplied,
    };
  }
}

function reasonOf(verdict: Judged["verdict"]): string {
  if (verdict.kind === "undecided") return verdict.reason;
  return verdict.kind === "settle" ? "the vendor has a record of it" : "the vendor has no record of it";
}

function callFields(call: LedgerCall) {
  return {
    call_id: call.id,
    requested_at: call.requestedAt.toISOString(),
    agent_id: call.agentId,
    crew_run_id: call.crewRunId,
    endpoint: call.endpoint,
  };
}

function moneyOf(record: VendorRecord | null): { amount: number | null; currency: string | null } {
  const said = record?.outcome.kind === "settled" ? record.outcome : null;
  return { amount: numberOf(said?.amount), currency: said?.currency ?? null };
}

function numberOf(amount: bigint | null | undefined): number | null {
  return amount === null || amount === undefined ? null : Number(amount);
}

function lostEntry(secret: string, call: LedgerCall): ReconcileReport["lost"]["entries"][number] {
  return {
    secret,
    ...callFields(call),
    vendor_object_id: call.objectId,
    amount: numberOf(call.amount),
    currency: call.currency,
    cost_usd: formatUsd(call.costMicros),
  };
}

function bypassEntry(secret: string, record: VendorRecord): ReconcileReport["bypass"]["entries"][number] {
  const objectId = record.outcome.kind === "settled" ? record.outcome.objectId : null;
  return {
    secret,
    at: record.at.toISOString(),
    what: record.what,
    vendor_object_id: record.objectIds[0] ?? objectId,
    vendor_request_id: record.requestId,
    ...moneyOf(record),
  };
}

function differenceEntry(
  secret: string,
  { record, callId, amount, costMicros }: Difference,
): ReconcileReport["differences"]["entries"][number] {
  const said = record.outcome.kind === "settled" ? record.outcome : null;
  const isFee = costMicros !== undefined;
  return {
    secret,
    call_id: callId,
    vendor_object_id: record.objectIds[0] ?? record.id,
    what: record.what,
    currency: said?.currency ?? null,
    ledger_amount: isFee ? null : numberOf(amount),
    vendor_amount: isFee ? null : numberOf(said?.amount),
    ledger_usd: isFee ? formatUsd(costMicros) : null,
    vendor_usd: isFee && said?.costMicros !== undefined ? formatUsd(said.costMicros) : null,
  };
}
