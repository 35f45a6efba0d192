import type { VendorRecord } from "@keybrake/core";
import type { LedgerCall } from "./ledger-rows.ts";

/** The records that one request caused, or one object had without any request. */
export interface RecordGroup {
  readonly records: VendorRecord[];
  isExplained: boolean;
}

/** The vendor's records of a day by everything that an audit row could share with them. */
export class RecordIndex {
  readonly groups: readonly RecordGroup[];
  readonly #byRequest = new Map<string, RecordGroup>();
  readonly #byKey = new Map<string, RecordGroup>();
  readonly #byObject = new Map<string, Set<RecordGroup>>();

  /** `records` in the order in which vendors list them, the newest first. */
  constructor(records: readonly VendorRecord[]) {
    const groups = new Map<string, RecordGroup>();
    for (const record of records.toReversed()) {
      const name = groupName(record);
      const group = groups.get(name) ?? { records: [], isExplained: record.isAutomatic };
      groups.set(name, group);
      group.records.push(record);
      if (record.requestId !== null) this.#byRequest.set(record.requestId, group);
      if (record.idempotencyKey !== null) this.#byKey.set(record.idempotencyKey, group);
      for (const objectId of record.objectIds) {
        const known = this.#byObject.get(objectId) ?? new Set();
        this.#byObject.set(objectId, known.add(group));
      }
    }
    this.groups = [...groups.values()];
  }

  /** Every object that has a record. */
  objectIds(): string[] {
    return [...this.#byObject.keys()];
  }

  /** The records of an object, in the order in which they came about. */
  recordsOf(objectId: string): readonly VendorRecord[] {
    return [...(this.#byObject.get(objectId) ?? [])]
      .flatMap(({ records }) => records)
      .filter(({ objectIds }) => objectIds[0] === objectId)
      .sort(compareRecords);
  }

  /** What the call itself caused: by the vendor's request id, its idempotency key, else by its object. */
  find(call: LedgerCall): readonly RecordGroup[] {
    const own =
      (call.requestId === null ? undefined : this.#byRequest.get(call.requestId)) ??
      (call.idempotencyKey === null ? undefined : this.#byKey.get(call.idempotencyKey));
    return own === undefined ? this.#groupsOf(call.objectId) : [own];
  }

  /** Notes that the call is the cause of what it caused, and of what happened to its object. */
  explain(call: LedgerCall): void {
    for (const group of this.find(call)) group.isExplained = true;
    this.explainObject(call.objectId);
  }

  explainObject(objectId: string | null): void {
    for (const group of this.#groupsOf(objectId)) group.isExplained = true;
  }

  #groupsOf(objectId: string | null): readonly RecordGroup[] {
    return objectId === null ? [] : [...(this.#byObject.get(objectId) ?? [])];
  }
}

/** Of two records of one second the one that ends its object is the later one; else their order stays. */
export function compareRecords(a: VendorRecord, b: VendorRecord): number {
  return a.at.getTime() - b.at.getTime() || Number(isFinal(a)) - Number(isFinal(b));
}

function isFinal({ outcome }: VendorRecord): boolean {
  return outcome.kind === "settled" && outcome.exposure?.isFinal === true;
}

function groupName(record: VendorRecord): string {
  if (record.requestId !== null) return `request ${record.requestId}`;
  if (record.idempotencyKey !== null) return `key ${record.idempotencyKey}`;
  return `record ${record.id}`;
}
