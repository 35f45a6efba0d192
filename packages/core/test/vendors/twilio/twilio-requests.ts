import { type Denial, isDenial } from "../../../src/denial.ts";
import { USD_ONLY } from "../../../src/money.ts";
import type { Operation } from "../../../src/operation.ts";
import { type Policy, parsePolicy } from "../../../src/policy.ts";
import { RESEND_PRICES } from "../../../src/vendors/resend/prices.ts";
import { parseTwilioPrices, type TwilioPrices } from "../../../src/vendors/twilio/prices.ts";
import { twilio } from "../../../src/vendors/twilio/twilio.ts";
import type { ReadingContext, VendorAnswer, VendorRequest } from "../../../src/vendors/vendor.ts";

/** The account that the tests' secret belongs to, its path, and an object's SID. */
export const ACCOUNT = `AC${"0a".repeat(16)}`;
export const ROOT = `/2010-04-01/Accounts/${ACCOUNT}`;
export const SID = `SM${"1b".repeat(16)}`;
export const FROM = "+14155550100";
export const US = "+12125550123";

/** A table whose figures differ from each other, so that a test can tell which one counted. */
export const PRICES: TwilioPrices = readTable({
  as_of: "2026-11-01",
  sms: { US: { segment: "0.01", carrier: "0.002" }, GB: { segment: "0.05", carrier: "0" } },
  mms: { US: { message: "0.03", carrier: "0.01" } },
  whatsapp: { countries: { US: "0.07" } },
  rcs: { countries: { GB: "0.2" } },
  messenger: { any: "0.005" },
  template_segments: 10,
  failed_message: "0.001",
  voice: {
    countries: { US: "0.02" },
    prefixes: { "1907": "0.3" },
    client: "0.004",
    sip: "0.006",
    conference: "0.003",
  },
  extras: { recording_minute: "0.005", machine_detection: "0.0075", speech_100_characters: "0.0032" },
  verify: { verification: "0.05", email: "0" },
  lookup: { validation: "0", caller_name: "0.01", sim_swap: "0.04" },
  numbers: { US: { local: "1.15", "toll free": "2.15" }, CA: { local: "1.25" } },
});

function readTable(json: unknown): TwilioPrices {
  const prices = parseTwilioPrices(json);
  if (Array.isArray(prices)) throw new TypeError(prices.join("; "));
  return prices;
}

/** What reading needs: no rates but the dollar's, and the policy's own part for Twilio. */
export function contextWith(rules?: object): ReadingContext {
  const pricing = { rates: USD_ONLY, prices: { twilio: PRICES, resend: RESEND_PRICES }, today: "2026-11-23" };
  return { ...pricing, accountId: ACCOUNT, policy: rules === undefined ? null : policyWith(rules) };
}

export const PRICING = contextWith();

function policyWith(rules: object): Policy {
  const parsed = parsePolicy({ vendor: "twilio", allowed_endpoints: ["* /**"], twilio: rules });
  if ("problems" in parsed) throw new TypeError(parsed.problems.join("; "));
  return parsed.policy;
}

/** A request with a form as body; a text stands for itself. */
export function request(
  path: string,
  form: Readonly<Record<string, string>> | string = "",
  over: Partial<VendorRequest> = {},
): VendorRequest {
  const text = typeof form === "string" ? form : new URLSearchParams(form).toString();
  return {
    method: "POST",
    path,
    query: null,
    contentType: "application/x-www-form-urlencoded",
    idempotencyKey: null,
    account: null,
    body: Buffer.from(text),
    ...over,
  };
}

/** A read, which has no body. */
export function get(path: string, query: string | null = null): VendorRequest {
  return request(path, "", { method: "GET", query, contentType: null });
}

export function read(asked: VendorRequest, context: ReadingContext = PRICING): Operation | Denial {
  return twilio.readOperation(asked, context);
}

/** Reads a request that must be understood. */
export function accept(asked: VendorRequest, context?: ReadingContext): Operation {
  const operation = read(asked, context);
  if (isDenial(operation)) throw new Error(operation.reason);
  return operation;
}

/** The code with which a request is refused, or `accepted`. */
export function codeOf(asked: VendorRequest, context?: ReadingContext): string {
  const operation = read(asked, context);
  return isDenial(operation) ? operation.code : "accepted";
}

/** What a request costs in micros; for any other price its kind. */
export function costOf(asked: VendorRequest, context?: ReadingContext): bigint | string {
  const { price } = accept(asked, context);
  return price.kind === "known" ? price.micros : price.kind;
}

/** What a request demands, as `rule value`. */
export function demandsOf(asked: VendorRequest): string[] {
  return accept(asked).demands.map(({ rule, anyOf }) => `${rule.slice("twilio.".length)} ${anyOf.join("|")}`);
}

export const message = (form: Readonly<Record<string, string>> = {}) =>
  request(`${ROOT}/Messages.json`, { To: US, From: FROM, Body: "hello", ...form });
export const call = (form: Readonly<Record<string, string>> = {}) =>
  request(`${ROOT}/Calls.json`, { To: US, From: FROM, TimeLimit: "61", ...form });

/** An answer with a JSON body. */
export function answer(status: number, body: unknown): VendorAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, header: () => null, body: text };
}
