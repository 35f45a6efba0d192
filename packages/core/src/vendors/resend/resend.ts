import type { Vendor } from "../vendor.ts";
import { appendTags } from "./labels.ts";
import { RESEND_PRICE_RULES } from "./price-rules.ts";
import { findUnpricedReason, RESEND_CATALOGUE, readResendOperation } from "./read-operation.ts";
import { readResendOutcome } from "./read-outcome.ts";
import { renderResendError } from "./render-error.ts";

/** Resend, as its official SDK 6.38 calls it. */
export const resend: Vendor = {
  name: "resend",
  hosts: { main: { origin: "https://api.resend.com", prefix: "" } },
  requestHeaders: ["x-batch-validation"],
  responseHeaders: [
    "content-type",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "x-request-id",
    "x-resend-daily-quota",
    "x-resend-monthly-quota",
  ],
  requestIdHeader: "x-request-id",
  replayHeader: null,
  // resend-python does.
  readBody: "{}",
  endpoints: RESEND_CATALOGUE.endpoints,
  priceRules: RESEND_PRICE_RULES,
  findUnpricedReason,
  readCredentialMode: () => null,
  findCredentialProblem: (value) =>
    /^re_[A-Za-z0-9_]+$/.test(value)
      ? null
      : "a key of Resend starts with `re_`: store the key from Resend's dashboard",
  requestsPerSecond: () => 2,
  isRateLimited: ({ status, body }) => status === 429 && !/"(?:daily|monthly)_quota_exceeded"/.test(body),
  requestPage: () => null,
  authorization: (credential) => `Bearer ${credential}`,
  readOperation: readResendOperation,
  priceFromMemory: () => null,
  priceFromAnswers: () => ({ kind: "unpriced", reason: "no price of Resend is read from answers" }),
  readOwner: () => null,
  // Resend's amounts are its fees, in cents.
  toMicros: (amount, currency) => (currency === "usd" ? amount * 10_000n : null),
  readOutcome: readResendOutcome,
  followUp: () => null,
  readFollowUp: () => ({ kind: "unknown", reason: "no answer of Resend is pending" }),
  completeBody: appendTags,
  // Endpoints whose answers hold secrets are forbidden.
  scrubAnswer: (_operation, body) => body,
  renderError: renderResendError,
};
