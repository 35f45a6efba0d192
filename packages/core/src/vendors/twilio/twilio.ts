import { toUsdMicros } from "../../money.ts";
import type { Problem, Vendor } from "../vendor.ts";
import { TWILIO_ENDPOINTS } from "./catalogue.ts";
import { TWILIO_HOSTS } from "./hosts.ts";
import { TWILIO_PRICE_RULES } from "./price-rules.ts";
import { findUnpricedReason, readTwilioOperation } from "./read-operation.ts";
import { followUpOf, readTwilioCode, readTwilioFollowUp, readTwilioOutcome } from "./read-outcome.ts";
import { scrubTokens } from "./scrub.ts";

/** Twilio's currencies, as far as it bills in them: all but the yen have cents. */
const ZERO_DECIMALS = new Set(["jpy"]);
const API_KEY = /^SK[0-9a-f]{32}:[!-9;-~]+$/;

/** Twilio, core API 2010-04-01. */
export const twilio: Vendor = {
  name: "twilio",
  hosts: TWILIO_HOSTS,
  requestHeaders: [],
  responseHeaders: ["content-type", "retry-after", "twilio-request-id", "twilio-request-duration"],
  requestIdHeader: "twilio-request-id",
  replayHeader: null,
  readBody: null,
  endpoints: TWILIO_ENDPOINTS,
  // Twilio's test credentials look like the others.
  priceRules: TWILIO_PRICE_RULES,
  findUnpricedReason,
  readCredentialMode: () => null,
  findCredentialProblem,
  // Twilio bounds how many requests run at once and states no rate: this keeps well below its hundred.
  requestsPerSecond: () => 50,
  // Its other 429s bound one phone number or one verification.
  isRateLimited: ({ status, body }) => status === 429 && [null, "20429"].includes(readTwilioCode(body)),
  requestPage: () => null,
  authorization: (credential, accountId) =>
    `Basic ${Buffer.from(API_KEY.test(credential) ? credential : `${accountId ?? ""}:${credential}`, "utf8").toString("base64")}`,
  readOperation: readTwilioOperation,
  priceFromMemory: () => null,
  priceFromAnswers: () => ({ kind: "unpriced", reason: "no price of Twilio needs a look-up" }),
  readOwner: () => null,
  toMicros: (amount, currency, pricing) =>
    toUsdMicros(amount, currency, ZERO_DECIMALS.has(currency) ? 0 : 2, pricing.rates, pricing.today),
  readOutcome: readTwilioOutcome,
  followUp: followUpOf,
  readFollowUp: readTwilioFollowUp,
  completeBody: (operation, body) => {
    if (operation.additions.size === 0) return body;
    const added = [...operation.additions]
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .join("&");
    return Buffer.concat([body, Buffer.from(body.length === 0 ? added : `&${added}`, "ascii")]);
  },
  scrubAnswer: (_operation, body) => scrubTokens(body),
  renderError,
};

/** A credential is an auth token, or an API key with its secret as `SK…:secret`; either way the account is named. */
function findCredentialProblem(value: string, accountId: string | null): string | null {
  if (accountId === null || !/^AC[0-9a-f]{32}$/.test(accountId))
    return "`account_id` must be the account's SID: `AC` and 32 lower-case hexadecimal digits";
  if (value.trim() === "") return "the value is empty: store the auth token, or an API key as `SK…:secret`";
  if (/^AC[0-9a-f]{32}/i.test(value))
    return "an account SID (`AC…`) is no secret: store the auth token, or an API key as `SK…:secret`";
  if (value.startsWith("SK") && !API_KEY.test(value))
    return "an API key's SID (`SK…`) is not enough: store it with its secret, as `SK…:secret`";
  return /[^!-~]/.test(value) || (value.includes(":") && !API_KEY.test(value))
    ? "the value has a character that no auth token has: store the auth token, or an API key as `SK…:secret`"
    : null;
}

/** Twilio's error numbers end in the status where they mean it in general; the others stand for themselves. */
const ERROR_NUMBERS: Readonly<Record<number, number>> = { 401: 20003, 400: 20001 };

function renderError({ code, status, message }: Problem): string {
  return JSON.stringify({
    code: ERROR_NUMBERS[status] ?? 20_000 + status,
    message: `keybrake ${code}: ${message}`,
    more_info: `docs/errors.md#${code}`,
    status,
  });
}
