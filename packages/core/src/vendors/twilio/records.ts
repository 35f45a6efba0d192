import type { VendorRead } from "../../operation.ts";
import type { RecordPage, RecordSpan, Trace, VendorRecord, VendorRecords } from "../records.ts";
import type { Pricing, VendorAnswer } from "../vendor.ts";
import { readTwilioFollowUp } from "./read-outcome.ts";

const PAGE_SIZE = 1_000;
const DAY_MS = 86_400_000;

interface List {
  readonly name: "messages" | "calls";
  readonly file: string;
  readonly date: string;
  readonly kind: string;
  /** The endpoint that makes one, as audit rows name it. */
  readonly endpoint: string;
}

const ACCOUNT = "/2010-04-01/Accounts/{AccountSid}";

/** A message is listed by the day on which it was sent, a call by the day on which it began. */
const LISTS: readonly List[] = [
  {
    name: "messages",
    file: "Messages.json",
    date: "DateSent",
    kind: "message",
    endpoint: `POST ${ACCOUNT}/Messages.json`,
  },
  {
    name: "calls",
    file: "Calls.json",
    date: "StartTime",
    kind: "call",
    endpoint: `POST ${ACCOUNT}/Calls.json`,
  },
];

/**
 * Twilio's lists of messages and calls. A list is by the time of sending: one that never went out may be missing, so
 * absence proves nothing. They show no request ids; rows are joined by sid.
 */
export const twilioRecords: VendorRecords = {
  // Thirteen months, by its documentation.
  keptDays: 390,
  lists: (span) => LISTS.map((list) => firstPage(list, span)),
  readPage: (read, answer, _span, pricing) => readPage(read, answer, pricing),
  traceOf: (endpoint) => {
    const list = LISTS.find((candidate) => candidate.endpoint === endpoint);
    return list === undefined ? null : traceOf(list);
  },
  total: (span) => ({
    method: "GET",
    path: `${accountPath(span)}/Usage/Records.json`,
    query: `Category=totalprice&StartDate=${dayOf(span.from)}&EndDate=${lastDayOf(span)}`,
    body: null,
  }),
  readTotal: (answer) => {
    const records = (answer.status === 200 ? parseObject(answer.body) : null)?.["usage_records"];
    const [record] = Array.isArray(records) ? (records as unknown[]) : [];
    if (!isObject(record) || record["category"] !== "totalprice") return null;
    return readPrice(record["price"], record["price_unit"]);
  },
};

function traceOf({ kind }: List): Trace {
  return { kind, isListed: true, provesAbsence: false, namesObject: true };
}

function accountPath({ accountId }: RecordSpan): string {
  if (accountId === null || !/^AC[0-9a-f]{32}$/.test(accountId)) {
    throw new RangeError("the secret has no AccountSid: store it again with its account id");
  }
  return `/2010-04-01/Accounts/${accountId}`;
}

/** What was made on the last day may have gone out on the next one. */
function firstPage({ file, date }: List, span: RecordSpan): VendorRead {
  const after = `${date}%3E=${dayOf(span.from)}`;
  const before = `${date}%3C=${dayOf(new Date(span.until.getTime() + DAY_MS - 1))}`;
  const query = `${after}&${before}&PageSize=${PAGE_SIZE}`;
  return { method: "GET", path: `${accountPath(span)}/${file}`, query, body: null };
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

function lastDayOf({ until }: RecordSpan): string {
  return dayOf(new Date(until.getTime() - 1));
}

function readPage(read: VendorRead, answer: VendorAnswer, pricing: Pricing): RecordPage | null {
  const list = LISTS.find(({ file }) => read.path.endsWith(`/${file}`));
  const page = answer.status === 200 ? parseObject(answer.body) : null;
  const items = list === undefined ? undefined : page?.[list.name];
  if (list === undefined || page === null || !Array.isArray(items)) return null;
  const records: VendorRecord[] = [];
  for (const item of items as unknown[]) {
    if (!isObject(item)) return null;
    // What arrived, and what Twilio sent by itself (a reply, a leg that a call dialed), was no request of anybody.
    if (item["direction"] !== "outbound-api") continue;
    const record = readItem(list, item, pricing);
    if (record === null) return null;
    records.push(record);
  }
  const next = nextOf(read, page["next_page_uri"]);
  return next === undefined ? null : { records, next };
}

/** The next page of the same list; undefined when the answer points anywhere else. */
function nextOf(read: VendorRead, uri: unknown): VendorRead | null | undefined {
  if (uri === null || uri === undefined || uri === "") return null;
  const [path, query] = typeof uri === "string" ? uri.split("?", 2) : [];
  return path === read.path && query !== undefined ? { ...read, query } : undefined;
}

function readItem(
  { kind, endpoint }: List,
  item: Readonly<Record<string, unknown>>,
  pricing: Pricing,
): VendorRecord | null {
  const { sid, date_created: created, status } = item;
  const at = new Date(typeof created === "string" ? created : Number.NaN);
  if (typeof sid !== "string" || sid === "" || Number.isNaN(at.getTime())) return null;
  // An entry of the list is what a read of that object answers: its price is read by the same rule.
  const answer = { status: 200, header: () => null, body: JSON.stringify(item) };
  return {
    id: sid,
    at,
    what: typeof status === "string" ? `${kind} ${status}` : kind,
    kind,
    objectIds: [sid],
    requestId: null,
    idempotencyKey: null,
    isAutomatic: false,
    outcome: readTwilioFollowUp(endpoint, answer, pricing),
  };
}

/** Micro-dollars of `-0.00830`, rounded up; null for what is no price in dollars. */
function readPrice(price: unknown, unit: unknown): bigint | null {
  const [, whole, fraction = ""] = /^-?([0-9]{1,9})(?:\.([0-9]{1,12}))?$/.exec(String(price ?? "")) ?? [];
  if (whole === undefined || typeof unit !== "string" || unit.toUpperCase() !== "USD") return null;
  const micros = BigInt(whole) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
  return /[1-9]/.test(fraction.slice(6)) ? micros + 1n : micros;
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
