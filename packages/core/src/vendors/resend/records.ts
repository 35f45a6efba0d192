import type { VendorRead } from "../../operation.ts";
import type { RecordPage, VendorRecord, VendorRecords } from "../records.ts";
import type { Pricing, VendorAnswer } from "../vendor.ts";

const PATH = "/emails";
const PAGE_SIZE = 100;
const MICROS_PER_CENT = 10_000n;

/**
 * Resend's list of mails. It is newest first and knows no dates, so what is younger than the span is read through. It
 * shows neither request ids nor idempotency keys: a mail is joined by its id, and a batch by its time and size.
 */
export const resendRecords: VendorRecords = {
  // It depends on the plan, and no answer tells it.
  keptDays: null,
  lists: () => [pageAfter(null)],
  readPage: (_read, answer, { from }, pricing) => readPage(answer, from, pricing),
  traceOf: (endpoint) => {
    if (endpoint === "POST /emails")
      return { kind: "email", isListed: true, provesAbsence: true, namesObject: true };
    if (endpoint === "POST /emails/batch")
      return { kind: "email", isListed: false, provesAbsence: true, namesObject: false };
    return null;
  },
  total: () => null,
  readTotal: () => null,
};

function pageAfter(id: string | null): VendorRead {
  const after = id === null ? "" : `&after=${encodeURIComponent(id)}`;
  return { method: "GET", path: PATH, query: `limit=${PAGE_SIZE}${after}`, body: null };
}

function readPage(answer: VendorAnswer, from: Date, pricing: Pricing): RecordPage | null {
  const page = answer.status === 200 ? parseObject(answer.body) : null;
  const data = page?.["data"];
  if (!Array.isArray(data)) return null;
  const records: VendorRecord[] = [];
  for (const item of data as unknown[]) {
    const record = readMail(item, pricing);
    if (record === null) return null;
    records.push(record);
  }
  const last = records.at(-1);
  const isOver = last === undefined || last.at < from || page?.["has_more"] !== true;
  return { records, next: isOver ? null : pageAfter(last.id) };
}

function readMail(item: unknown, pricing: Pricing): VendorRecord | null {
  const mail = isObject(item) ? item : {};
  const { id, created_at: createdAt } = mail;
  const at = typeof createdAt === "string" ? parseTime(createdAt) : null;
  if (typeof id !== "string" || id === "" || at === null) return null;
  const recipients = BigInt(countOf(mail["to"]) + countOf(mail["cc"]) + countOf(mail["bcc"]));
  const costMicros = recipients * pricing.prices.resend.recipientMicros;
  return {
    id,
    at,
    what: "email",
    kind: "email",
    objectIds: [id],
    requestId: null,
    idempotencyKey: null,
    isAutomatic: false,
    outcome: {
      kind: "settled",
      amount: (costMicros + MICROS_PER_CENT - 1n) / MICROS_PER_CENT,
      currency: "usd",
      costMicros,
      exposure: null,
      objectId: id,
      customerId: null,
    },
  };
}

/** Resend writes `2026-11-22 10:11:12.123456+00` as well as ISO 8601. */
function parseTime(text: string): Date | null {
  const iso = text.replace(" ", "T").replace(/([+-][0-9]{2})$/, "$1:00");
  const zoned = /(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(iso) ? iso : `${iso}Z`;
  const at = new Date(zoned);
  return Number.isNaN(at.getTime()) ? null : at;
}

function countOf(recipients: unknown): number {
  if (Array.isArray(recipients)) return recipients.length;
  return typeof recipients === "string" && recipients !== "" ? 1 : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
