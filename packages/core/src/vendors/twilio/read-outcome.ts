import { toUsdMicros } from "../../money.ts";
import type { Operation, VendorRead } from "../../operation.ts";
import type { Outcome } from "../../outcome.ts";
import type { Pricing, VendorAnswer } from "../vendor.ts";
import { readPhoneNumber } from "./phone-number.ts";
import type { TwilioPrices } from "./prices.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Statuses with which Twilio says, in its error shape, that it did nothing. */
const REFUSALS = new Set([400, 401, 403, 404, 405, 410, 415, 422]);
/** A message that is not sent, now or later. */
const UNSENT_CODES = new Set(["failed", "canceled"]);
/** A call that nobody took. */
const UNANSWERED = new Set(["busy", "canceled", "failed", "no-answer"]);
const SID = /^[A-Z]{2}[0-9a-f]{32}$/;
const SECONDS_PER_MINUTE = 60;

const ACCOUNT = "/2010-04-01/Accounts/{AccountSid}";
/** What Twilio prices afterwards: the endpoint that made it, and where it is read. */
const PENDING: Readonly<Record<string, { readonly read: string; readonly settle: string }>> = {
  [`POST ${ACCOUNT}/Messages.json`]: { read: "Messages", settle: "message" },
  [`POST ${ACCOUNT}/Calls.json`]: { read: "Calls", settle: "call" },
  [`POST ${ACCOUNT}/Conferences/{ConferenceSid}/Participants.json`]: { read: "Calls", settle: "participant" },
};

/** Says what Twilio's answer proves about money. */
export function readTwilioOutcome(operation: Operation, answer: VendorAnswer, pricing: Pricing): Outcome {
  const fields = readFields(answer.body);
  const { status } = answer;
  if (status === 429) return { kind: "refused", vendorCode: codeOf(fields) };
  if (status < 200 || status > 299) return readFailure(status, fields);
  const settle = operation.endpoint?.settle ?? "none";
  if (settle === "none") return settled(null, null, sidOf(fields));
  if (settle === "quoted") return readQuoted(operation, fields);
  const sid = settle === "participant" ? text(fields, "call_sid") : text(fields, "sid");
  if (fields === null || sid === null || !SID.test(sid))
    return { kind: "unknown", reason: "Twilio's answer names no object" };
  return settle === "participant"
    ? { kind: "pending", objectId: sid, customerId: null }
    : readPrice(settle, fields, sid, pricing);
}

/** The read that tells later what a message or call cost. */
export function followUpOf(endpoint: string, objectId: string, accountId: string | null): VendorRead | null {
  const pending = PENDING[endpoint];
  if (pending === undefined || accountId === null || !SID.test(objectId)) return null;
  const path = `/2010-04-01/Accounts/${accountId}/${pending.read}/${objectId}.json`;
  return { method: "GET", path, query: null, body: null };
}

/** Reads that answer: pending until Twilio states the price, or until there will be none. */
export function readTwilioFollowUp(endpoint: string, answer: VendorAnswer, pricing: Pricing): Outcome {
  const pending = PENDING[endpoint];
  const fields = readFields(answer.body);
  const sid = text(fields, "sid");
  if (pending === undefined || answer.status !== 200 || fields === null || sid === null)
    return { kind: "unknown", reason: `Twilio's answer (${answer.status}) states no price` };
  return readPrice(pending.settle, fields, sid, pricing);
}

function readFailure(status: number, fields: Fields | null): Outcome {
  const code = codeOf(fields);
  if (REFUSALS.has(status) && code !== null && fields?.["status"] === status)
    return { kind: "refused", vendorCode: code };
  return { kind: "unknown", reason: `Twilio answered ${status}, which does not say whether it took effect` };
}

/** Twilio states no price for it, now or later: what was quoted is what it cost. */
function readQuoted({ price }: Operation, fields: Fields | null): Outcome {
  const sid = sidOf(fields);
  if (price.kind === "known")
    return { ...settled(price.amount, price.currency, sid), costMicros: price.micros };
  if (price.kind === "free") return { ...settled(0n, "usd", sid), costMicros: 0n };
  return { kind: "unknown", reason: "its price is not known, and Twilio does not state it" };
}

/** The price of a message or call as Twilio states it, with what is charged besides it and stands in no answer. */
function readPrice(settle: string, fields: Fields, sid: string, pricing: Pricing): Outcome {
  const status = text(fields, "status") ?? "";
  const { twilio } = pricing.prices;
  const stated = text(fields, "price");
  if (stated === null) {
    if (settle === "message" && UNSENT_CODES.has(status))
      return settleMicros(status === "failed" ? twilio.failedMicros : 0n, sid);
    if (settle === "message" && status === "undelivered") return readUndelivered(fields, sid, twilio);
    if (settle !== "message" && UNANSWERED.has(status)) return settleMicros(0n, sid);
    return { kind: "pending", objectId: sid, customerId: null };
  }
  const currency = text(fields, "price_unit")?.toLowerCase() ?? "";
  const micros = microsOfPrice(stated, currency, pricing);
  if (micros === null)
    return { kind: "unknown", reason: `the price \`${stated} ${currency}\` cannot be read, or has no rate` };
  const besides = settle === "message" ? carrierMicros(fields, twilio) : lineMicros(settle, fields, twilio);
  return besides === null
    ? { kind: "unknown", reason: "the price table lacks what is charged besides Twilio's own price" }
    : settleMicros(micros + besides, sid);
}

/** A message that was sent and did not arrive is charged like any other; Twilio often states no price for it. */
function readUndelivered(fields: Fields, sid: string, prices: TwilioPrices): Outcome {
  const table = tableOf(fields, prices);
  const units = unitsOf(fields);
  if (table === null || units === 0n) return { kind: "pending", objectId: sid, customerId: null };
  return settleMicros((table.unitMicros + table.carrierMicros) * units, sid);
}

/** Carriers' fees are billed beside the price; a channel without carriers has none. */
function carrierMicros(fields: Fields, prices: TwilioPrices): bigint | null {
  if (/^[a-z]+:/.test(text(fields, "to") ?? "")) return 0n;
  // A country without a figure was unpriced before, too: nothing more is known of it than Twilio's own price.
  return (tableOf(fields, prices)?.carrierMicros ?? 0n) * unitsOf(fields);
}

function tableOf(fields: Fields, prices: TwilioPrices) {
  const country = readPhoneNumber(text(fields, "to") ?? "")?.country ?? null;
  if (country === null) return null;
  return (hasMedia(fields) ? prices.mms : prices.sms).get(country) ?? null;
}

function hasMedia(fields: Fields): boolean {
  return /^[1-9]/.test(text(fields, "num_media") ?? "0");
}

function unitsOf(fields: Fields): bigint {
  const segments = text(fields, "num_segments") ?? "";
  if (hasMedia(fields)) return 1n;
  return /^[0-9]{1,3}$/.test(segments) ? BigInt(segments) : 0n;
}

/** Machine detection, and a participant's minutes in the conference, cost besides the call's own. */
function lineMicros(settle: string, fields: Fields, prices: TwilioPrices): bigint | null {
  const detection = prices.extras.get("machine_detection") ?? null;
  const detected = text(fields, "answered_by") === null ? 0n : detection;
  if (settle !== "participant" || detected === null) return detected;
  const seconds = text(fields, "duration") ?? "";
  const { conferenceMicros: minute } = prices.voice;
  if (minute === null || !/^[0-9]{1,6}$/.test(seconds)) return null;
  return detected + minute * BigInt(Math.ceil(Number(seconds) / SECONDS_PER_MINUTE));
}

/** Reads Twilio's price, a negative decimal such as `-0.00830`; null when it is none or has no usable rate. */
function microsOfPrice(price: string, currency: string, { rates, today }: Pricing): bigint | null {
  const match = /^-?([0-9]{1,9})(?:\.([0-9]{1,12}))?$/.exec(price);
  if (match === null || !/^[a-z]{3}$/.test(currency)) return null;
  const [, whole = "", fraction = ""] = match;
  return toUsdMicros(BigInt(whole + fraction), currency, fraction.length, rates, today);
}

function settleMicros(micros: bigint, sid: string): Outcome {
  return { ...settled((micros + 9_999n) / 10_000n, "usd", sid), costMicros: micros };
}

function settled(
  amount: bigint | null,
  currency: string | null,
  objectId: string | null,
): Extract<Outcome, { kind: "settled" }> {
  return { kind: "settled", amount, currency, exposure: null, objectId, customerId: null };
}

function sidOf(fields: Fields | null): string | null {
  return text(fields, "sid");
}

/** The number of Twilio's error; null when the body has none. */
export function readTwilioCode(body: string): string | null {
  return codeOf(readFields(body));
}

function codeOf(fields: Fields | null): string | null {
  const code = fields?.["code"];
  return typeof code === "number" && Number.isSafeInteger(code) ? String(code) : null;
}

/** A field that Twilio writes as text, and sometimes as a number. */
function text(fields: Fields | null, name: string): string | null {
  const value = fields?.[name];
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}

function readFields(body: string): Fields | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}
