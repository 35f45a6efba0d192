import { FAULTS, type FaultCode, VENDOR_NAMES, VENDORS } from "@keybrake/core";
import { describe, expect, it } from "vitest";
import { readFault, readRefusal, readVendorBaseUrl } from "../src/index.ts";

const CALL_ID = "0193f0c2-0000-7000-8000-000000000001";
const headers = { "Keybrake-Call-Id": CALL_ID };

describe("a fault of the proxy's", () => {
  const codes = Object.keys(FAULTS) as FaultCode[];

  it.each(VENDOR_NAMES)("is understood in the shape of %s, and is no refusal", (vendor) => {
    for (const code of codes) {
      const { status, title: message } = FAULTS[code];
      const body = VENDORS[vendor].renderError({ code, status, message, callId: CALL_ID, denial: null });
      expect(readFault({ status, headers, body })).toMatchObject({ code, message, callId: CALL_ID });
      expect(readRefusal({ status, headers, body })).toBeNull();
    }
  });

  it("is said to have sent nothing only where the proxy decides before it sends", () => {
    const notSent = codes.filter((code) => {
      const { status } = FAULTS[code];
      const body = VENDORS.stripe.renderError({ code, status, message: "x", callId: null, denial: null });
      return readFault({ status, headers, body })?.outcome === "not_sent";
    });
    expect(notSent).toEqual(["ledger_unavailable", "history_lost", "overloaded"]);
  });

  it("is told from a vendor's own trouble", () => {
    expect(
      readFault({ status: 500, headers, body: '{"error":{"code":"internal","message":"oops"}}' }),
    ).toBeNull();
    expect(readFault({ status: 200, headers, body: '{"message":"keybrake internal: x"}' })).toBeNull();
  });
});

describe("a vendor's base URL", () => {
  it("comes from the first of its variables that is set, and null is only for none", () => {
    const both = {
      RESEND_BASE_URL: "http://127.0.0.1:1/resend/",
      RESEND_API_URL: "http://127.0.0.1:2/resend",
    };
    expect(readVendorBaseUrl("resend", both)?.url).toBe("http://127.0.0.1:1/resend");
    expect(readVendorBaseUrl("resend", { RESEND_API_URL: both.RESEND_API_URL })?.url).toBe(
      both.RESEND_API_URL,
    );
    expect(readVendorBaseUrl("resend", {})).toBeNull();
    expect(() => readVendorBaseUrl("resend", { ...both, RESEND_BASE_URL: "" })).toThrow(
      /RESEND_BASE_URL is empty/,
    );
  });

  it.each(["https://api.resend.com", "https://RESEND.com./v1"])("is never the vendor's own: %s", (url) => {
    expect(() => readVendorBaseUrl("resend", { RESEND_BASE_URL: url })).toThrow(/names the vendor itself/);
  });
});
