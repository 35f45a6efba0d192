import { describe, expect, it } from "vitest";
import { DENIALS, type DenialCode, deny } from "../src/denial.ts";
import { FAULTS } from "../src/faults.ts";

/** The contract's table of refusals, with the one limit that the environment adds. */
const CONTRACT: readonly (readonly [code: string, status: number])[] = [
  ["vault_key_missing", 401],
  ["vault_key_invalid", 401],
  ["vault_key_revoked", 401],
  ["vault_key_expired", 401],
  ["vendor_mismatch", 403],
  ["endpoint_not_allowed", 403],
  ["endpoint_forbidden", 403],
  ["account_not_allowed", 403],
  ["currency_not_allowed", 403],
  ["destination_not_allowed", 403],
  ["customer_not_allowed", 403],
  ["unpriced", 403],
  ["per_call_cap_exceeded", 403],
  ["total_cap_exceeded", 403],
  ["total_call_cap_exceeded", 403],
  ["daily_cap_exceeded", 429],
  ["monthly_cap_exceeded", 429],
  ["daily_call_cap_exceeded", 429],
  ["monthly_request_limit", 429],
  ["rate_limited", 429],
  ["request_ambiguous", 400],
  ["request_malformed", 400],
  ["idempotency_in_flight", 409],
  ["idempotency_mismatch", 422],
  ["duplicate_call", 403],
  ["payload_too_large", 413],
  ["request_timeout", 408],
  ["kill_switch_engaged", 503],
];

/**
 * What the same request can overcome by waiting alone. A kill switch is not among them: somebody has to disengage it,
 * and SDKs that retry a 503 must not hammer while the brake is pulled.
 */
const WAITING_HELPS = [
  "daily_cap_exceeded",
  "monthly_cap_exceeded",
  "daily_call_cap_exceeded",
  "monthly_request_limit",
  "rate_limited",
  "idempotency_in_flight",
  "request_timeout",
];

describe("DENIALS", () => {
  it.each(CONTRACT)("has `%s` with status %i", (code, status) => {
    expect(DENIALS).toHaveProperty([code, "status"], status);
  });

  it.each(Object.keys(DENIALS))("has no code that the contract does not name: `%s`", (code) => {
    expect(CONTRACT.map(([known]) => known)).toContain(code);
  });

  it.each(Object.entries(DENIALS))(
    "calls `%s` retryable only when waiting alone helps",
    (code, { retryable }) => {
      expect(retryable).toBe(WAITING_HELPS.includes(code));
    },
  );

  it.each(Object.entries(DENIALS))("gives `%s` status 429 only when waiting helps", (_code, spec) => {
    expect(spec.status === 429 && !spec.retryable).toBe(false);
  });

  it("shares no code with the faults, so that a code says which of the two it is", () => {
    expect(Object.keys(DENIALS).filter((code) => code in FAULTS)).toEqual([]);
  });
});

describe("deny", () => {
  it("makes a denial with no limit and no time", () => {
    const code: DenialCode = "unpriced";
    expect(deny(code, "because")).toEqual({ code, reason: "because" });
  });
});
