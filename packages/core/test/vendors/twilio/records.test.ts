import { describe, expect, test } from "vitest";
import { RESEND_PRICES, TWILIO_PRICES, USD_ONLY, VENDORS } from "../../../src/index.ts";
import { VENDOR_RECORDS } from "../../../src/vendors/records.ts";

const PRICING = {
  rates: USD_ONLY,
  prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
  today: "2026-11-23",
};
const ACCOUNT = "ACc0ffee00c0ffee00c0ffee00c0ffee00";
const SID = `SM${"a".repeat(32)}`;
const SPAN = {
  from: new Date("2026-11-22T00:00:00Z"),
  until: new Date("2026-11-23T00:00:00Z"),
  accountId: ACCOUNT,
};

const { twilio } = VENDOR_RECORDS;
const [MESSAGES, CALLS] = twilio.lists(SPAN);
const TOTAL = twilio.total(SPAN);
if (MESSAGES === undefined || CALLS === undefined || TOTAL === null)
  throw new TypeError("there are three reads");

function answerOf(body: unknown, status = 200) {
  return { status, header: () => null, body: typeof body === "string" ? body : JSON.stringify(body) };
}

const MESSAGE = {
  sid: SID,
  date_created: "Sun, 22 Nov 2026 12:00:00 +0000",
  direction: "outbound-api",
  status: "delivered",
  to: "whatsapp:+14155550100",
  num_segments: "1",
  num_media: "0",
  price: "-0.00830",
  price_unit: "USD",
};

describe("Twilio's records", () => {
  test("are read from endpoints that the catalogue knows, free of charge", () => {
    for (const read of [MESSAGES, CALLS, TOTAL]) {
      const operation = VENDORS.twilio.readOperation(
        {
          method: read.method,
          path: read.path,
          query: read.query,
          contentType: null,
          idempotencyKey: null,
          account: null,
          body: Buffer.alloc(0),
        },
        { ...PRICING, accountId: ACCOUNT, policy: null },
      );
      expect(operation).toMatchObject({ path: read.path, price: { kind: "free" } });
      expect(operation).toHaveProperty("endpoint.operation");
    }
    expect(MESSAGES.query).toBe("DateSent%3E=2026-11-22&DateSent%3C=2026-11-23&PageSize=1000");
    expect(TOTAL.query).toBe("Category=totalprice&StartDate=2026-11-22&EndDate=2026-11-22");
  });

  test("need the account's id", () => {
    expect(() => twilio.lists({ ...SPAN, accountId: null })).toThrow(RangeError);
    expect(() => twilio.lists({ ...SPAN, accountId: "../AC" })).toThrow(RangeError);
  });

  test("state what the call's own price rule reads, and are joined by sid", () => {
    const page = twilio.readPage(
      MESSAGES,
      answerOf({ messages: [MESSAGE], next_page_uri: null }),
      SPAN,
      PRICING,
    );
    expect(page).toMatchObject({
      next: null,
      records: [{ objectIds: [SID], kind: "message", outcome: { kind: "settled", costMicros: 8_300n } }],
    });
    expect(page?.records[0]?.at).toEqual(new Date("2026-11-22T12:00:00Z"));
  });

  test("without a price are pending; what was no request of anybody is left out", () => {
    const messages = [
      { ...MESSAGE, price: null },
      { ...MESSAGE, direction: "inbound" },
      { ...MESSAGE, direction: "outbound-reply" },
    ];
    const page = twilio.readPage(MESSAGES, answerOf({ messages }), SPAN, PRICING);
    expect(page?.records).toMatchObject([{ outcome: { kind: "pending" } }]);
  });

  test("go on where the answer says, and never to another list or host", () => {
    const next = (next_page_uri: string) =>
      twilio.readPage(CALLS, answerOf({ calls: [], next_page_uri }), SPAN, PRICING);
    expect(next(`${CALLS.path}?PageSize=1000&Page=1&PageToken=x`)?.next).toEqual({
      ...CALLS,
      query: "PageSize=1000&Page=1&PageToken=x",
    });
    for (const stray of [`${MESSAGES.path}?Page=1`, `https://evil.example${CALLS.path}?Page=1`, CALLS.path]) {
      expect(next(stray)).toBeNull();
    }
  });

  test.each([
    ["an error", answerOf({ code: 20003 }, 401)],
    ["no JSON", answerOf("no")],
    ["another list", answerOf({ calls: [] })],
    ["an entry without a sid", answerOf({ messages: [{ ...MESSAGE, sid: "" }] })],
    ["an entry without a time", answerOf({ messages: [{ ...MESSAGE, date_created: "soon" }] })],
  ])("%s is no page", (_name, answer) => {
    expect(twilio.readPage(MESSAGES, answer, SPAN, PRICING)).toBeNull();
  });

  test.each([
    ["-0.00830", 8_300n],
    ["12", 12_000_000n],
    ["0.0000001", 1n],
    ["1e3", null],
    [null, null],
  ])("a total of %s is %s micro-dollars", (price, micros) => {
    const records = [{ category: "totalprice", price, price_unit: "usd" }];
    expect(twilio.readTotal(answerOf({ usage_records: records }))).toBe(micros);
  });

  test("absence is never a proof: a message that did not go out is not listed", () => {
    expect(twilio.traceOf("POST /2010-04-01/Accounts/{AccountSid}/Messages.json")).toMatchObject({
      kind: "message",
      isListed: true,
      provesAbsence: false,
    });
    expect(twilio.traceOf("POST /2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json")).toBeNull();
  });

  test("every endpoint that leaves a trace stands in the catalogue, as the audit log writes it", () => {
    const known = VENDORS.twilio.endpoints.filter(
      ({ method, template }) => twilio.traceOf(`${method} ${template.text}`) !== null,
    );
    expect(known.map(({ operation }) => operation).sort()).toEqual(["calls.create", "messages.create"]);
  });
});
