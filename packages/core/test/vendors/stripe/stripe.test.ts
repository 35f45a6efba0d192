import { describe, expect, it } from "vitest";
import { DENIALS, type Denial, type DenialCode } from "../../../src/denial.ts";
import { FAULTS, type FaultCode } from "../../../src/faults.ts";
import { VENDORS } from "../../../src/vendors/index.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";

const DENIAL_CODES = Object.keys(DENIALS) as DenialCode[];
const FAULT_CODES = Object.keys(FAULTS) as FaultCode[];

function render(
  code: DenialCode | FaultCode,
  denial: Denial | null = null,
  callId: string | null = "call-1",
) {
  const status = { ...DENIALS, ...FAULTS }[code].status;
  const parsed: unknown = JSON.parse(stripe.renderError({ code, status, message: "no", callId, denial }));
  return parsed as { error: Record<string, unknown> };
}

describe("stripe", () => {
  it("is registered under its own name and reaches its own host only", () => {
    expect(VENDORS.stripe).toBe(stripe);
    expect([stripe.name, stripe.hosts.main.origin]).toEqual(["stripe", "https://api.stripe.com"]);
  });

  it("presents a credential as a bearer token", () => {
    expect(stripe.authorization("sk_test_x", null)).toBe("Bearer sk_test_x");
  });

  it.each([
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "idempotency-key",
    "proxy-authorization",
    "stripe-account",
    "stripe-context",
    "transfer-encoding",
    "x-http-method-override",
  ])("F12: never copies the agent's `%s` to the vendor", (name) => {
    expect(stripe.requestHeaders).not.toContain(name);
  });

  it.each(["alt-svc", "connection", "location", "set-cookie", "transfer-encoding", "upgrade"])(
    "F11: never copies the vendor's `%s` to the agent",
    (name) => {
      expect(stripe.responseHeaders).not.toContain(name);
    },
  );

  it("names headers in lower case, as they are compared", () => {
    const names = [...stripe.requestHeaders, ...stripe.responseHeaders, stripe.requestIdHeader];
    expect(names.filter((name) => name !== name.toLowerCase())).toEqual([]);
    expect(stripe.responseHeaders).toContain(stripe.requestIdHeader);
  });
});

describe("renderError", () => {
  // stripe-node takes any answer without an `error` object for a success.
  it.each([...DENIAL_CODES, ...FAULT_CODES])(
    "is an `error` object with every field of the contract: `%s`",
    (code) => {
      expect(render(code)).toEqual({
        error: {
          type: expect.stringMatching(/^(?:invalid_request|idempotency|rate_limit|api)_error$/),
          code,
          message: "keybrake: no",
          doc_url: expect.stringContaining(code),
          keybrake: { call_id: "call-1", limit: null, retry_at: null },
        },
      });
    },
  );

  it.each<[DenialCode | FaultCode, string]>([
    ["vault_key_invalid", "invalid_request_error"],
    ["endpoint_not_allowed", "invalid_request_error"],
    ["total_cap_exceeded", "invalid_request_error"],
    ["request_ambiguous", "invalid_request_error"],
    ["daily_cap_exceeded", "rate_limit_error"],
    ["rate_limited", "rate_limit_error"],
    ["idempotency_mismatch", "idempotency_error"],
    ["kill_switch_engaged", "api_error"],
    ["ledger_unavailable", "api_error"],
    ["vendor_timeout", "api_error"],
    ["internal", "api_error"],
  ])("gives `%s` the type `%s`", (code, type) => {
    expect(render(code).error["type"]).toBe(type);
  });

  it("says which limit refused, and when to come back", () => {
    const limit = {
      scope: "vault_key",
      window: "daily",
      unit: "usd",
      limit: "10.00",
      used: "9.50",
      requested: "1.00",
    };
    const denial: Denial = {
      code: "daily_cap_exceeded",
      reason: "no",
      limit,
      retryAt: new Date("2026-11-24T00:00:00Z"),
      retryAfterSeconds: 60,
    };
    expect(render("daily_cap_exceeded", denial, null).error["keybrake"]).toEqual({
      call_id: null,
      limit,
      retry_at: "2026-11-24T00:00:00.000Z",
    });
  });

  it.each(['"', "\\", "\n", "</script>", "\u2028", "\ud800", "`x`"])(
    "C5: stays one JSON object with %j in its message",
    (text) => {
      const rendered = stripe.renderError({
        code: "internal",
        status: 500,
        message: text,
        callId: text,
        denial: null,
      });
      expect(rendered).not.toMatch(/[\r\n]/);
      expect(JSON.parse(rendered)).toMatchObject({
        error: { message: `keybrake: ${text}`, keybrake: { call_id: text } },
      });
    },
  );
});
