import {
  isDenial,
  KeybrakeError,
  type RecordSpan,
  VENDOR_RECORDS,
  type VendorAnswer,
  type VendorName,
  type VendorRead,
  type VendorRecord,
} from "@keybrake/core";
import { type DataPlane, pricingOf } from "../data-plane/data-plane.ts";
import { readVendorAsOwner } from "../data-plane/vendor-read.ts";

/** How many pages one secret's day may take. */
const PAGES_MAX = 200;
const DAY_MS = 86_400_000;

/** A stored credential whose account is compared. */
export interface ComparedSecret {
  readonly id: string;
  readonly name: string;
  readonly accountId: string | null;
}

/** The vendor's own records of a span. */
export interface ReadRecords {
  readonly records: readonly VendorRecord[];
  readonly pages: number;
  /** False when there are more than was read, or when the vendor may no longer keep them all. */
  readonly isComplete: boolean;
  /** What the vendor charged for the span in all; null when it says none. */
  readonly totalMicros: bigint | null;
}

/** Thrown when the vendor did not give its records. The message is for the operator. */
export class RecordsUnreadable extends Error {
  override readonly name = "RecordsUnreadable";
}

/** Reads the records of `span` with the real credential, page by page; every read is audited. */
export async function readRecords(
  plane: DataPlane,
  vendor: VendorName,
  secret: ComparedSecret,
  span: RecordSpan,
  day: { readonly from: Date; readonly until: Date },
): Promise<ReadRecords> {
  const source = VENDOR_RECORDS[vendor];
  const records: VendorRecord[] = [];
  let pages = 0;
  let isCut = false;
  let hasOlder = false;
  for (const first of listsOf(vendor, span)) {
    let read: VendorRead | null = first;
    for (; read !== null && pages < PAGES_MAX; pages++) {
      const answer = await ask(plane, vendor, secret, read);
      const page = source.readPage(read, answer, span, pricingOf(plane));
      if (page === null)
        throw new RecordsUnreadable(`${vendor} answered \`${read.path}\` with ${answer.status} and no list`);
      hasOlder ||= page.records.some(({ at }) => at < span.from);
      records.push(...page.records.filter(({ at }) => at >= span.from && at < span.until));
      read = page.next;
    }
    isCut ||= read !== null;
  }
  const isComplete = !isCut && isKept(source.keptDays, hasOlder, span.from, plane.clock.now());
  const total = source.total({ ...span, ...day });
  if (total === null) return { records, pages, isComplete, totalMicros: null };
  const totalMicros = source.readTotal(await ask(plane, vendor, secret, total));
  return { records, pages: pages + 1, isComplete, totalMicros };
}

/** Whether the vendor still has every record from `from` on. */
export function isKept(keptDays: number | null, hasOlder: boolean, from: Date, now: Date): boolean {
  return keptDays === null ? hasOlder : now.getTime() - from.getTime() <= keptDays * DAY_MS;
}

function listsOf(vendor: VendorName, span: RecordSpan): readonly VendorRead[] {
  try {
    return VENDOR_RECORDS[vendor].lists(span);
  } catch (error) {
    if (error instanceof RangeError) throw new RecordsUnreadable(error.message);
    throw error;
  }
}

async function ask(
  plane: DataPlane,
  vendor: VendorName,
  secret: ComparedSecret,
  read: VendorRead,
): Promise<VendorAnswer> {
  const answer = await readVendorAsOwner(
    plane,
    {
      route: plane.routes[vendor],
      secretId: secret.id,
      accountId: secret.accountId,
      purpose: "read to compare the audit log with the vendor's records",
    },
    read,
  ).catch((error: unknown) => {
    if (error instanceof KeybrakeError && error.code.startsWith("vendor_"))
      throw new RecordsUnreadable(`${vendor} did not answer \`${read.path}\``);
    throw error;
  });
  if (answer === "stale") throw new TypeError("Keybrake's own reads have no policy");
  if (isDenial(answer)) throw new RecordsUnreadable(`\`${read.path}\` may not be read: ${answer.reason}`);
  return answer;
}
