import { describe, expect, test } from "vitest";
import { RESEND_PRICES, TWILIO_PRICES, USD_ONLY, VENDORS } from "../../../src/index.ts";
import { VENDOR_RECORDS } from "../../../src/vendors/records.ts";

const PRICING = {
  rates: USD_ONLY,
  prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
  today: "2026-11-23",
};
const SPAN = {
  from: new Date("2026-11-22T00:00:00Z"),
  until: new Date("2026-11-23T00:00:00Z"),
  accountId: null,
};

const { resend } = VENDOR_RECORDS;
const [MAILS] = resend.lists(SPAN);
if (MAILS === undefined) throw new TypeError("there is one list");

function answerOf(body: unknown, status = 200) {
  return { status, header: () => null, body: typeof body === "string" ? body : JSON.stringify(body) };
}

function mail(id: string, createdAt = "2026-11-22 12:00:00.123456+00") {
  return {
    id,
    created_at: createdAt,
    to: ["a@example.com", "b@example.com"],
    cc: null,
    bcc: "c@example.com",
  };
}

function readMails(data: readonly unknown[], hasMore = true) {
  return resend.readPage(
    MAILS as never,
    answerOf({ object: "list", has_more: hasMore, data }),
    SPAN,
    PRICING,
  );
}

describe("Resend's records", () => {
  test("are read from an endpoint that the catalogue knows, free of charge", () => {
    const operation = VENDORS.resend.readOperation(
      {
        method: MAILS.method,
        path: MAILS.path,
        query: MAILS.query,
        contentType: null,
        idempotencyKey: null,
        account: null,
        body: Buffer.alloc(0),
      },
      { ...PRICING, accountId: null, policy: null },
    );
    expect(operation).toMatchObject({ path: "/emails", query: "limit=100", price: { kind: "free" } });
    expect(operation).toHaveProperty("endpoint.operation", "emails.list");
  });

  test("cost their recipients, and are joined by id", () => {
    expect(readMails([mail("m_1")])?.records).toMatchObject([
      { objectIds: ["m_1"], outcome: { kind: "settled", costMicros: 2_700n, amount: 1n, currency: "usd" } },
    ]);
  });

  test.each(["2026-11-22 12:00:00.123456+00", "2026-11-22T12:00:00.123Z", "2026-11-22 13:00:00.123+01"])(
    "%s is a time",
    (text) => {
      expect(readMails([mail("m_1", text)])?.records[0]?.at).toEqual(new Date("2026-11-22T12:00:00.123Z"));
    },
  );

  test("are read on until one is older than the span, or there are no more", () => {
    expect(readMails([mail("m_1")])?.next).toEqual({ ...MAILS, query: "limit=100&after=m_1" });
    expect(readMails([mail("m_1")], false)?.next).toBeNull();
    expect(readMails([mail("m_1"), mail("m_0", "2026-11-21 23:59:59+00")])?.next).toBeNull();
  });

  test.each([
    ["an error", answerOf({ name: "restricted_api_key" }, 401)],
    ["no JSON", answerOf("no")],
    ["no list", answerOf({ data: null })],
    ["an entry without an id", answerOf({ data: [{ ...mail("m_1"), id: null }] })],
    ["an entry without a time", answerOf({ data: [mail("m_1", "today")] })],
  ])("%s is no page", (_name, answer) => {
    expect(resend.readPage(MAILS, answer, SPAN, PRICING)).toBeNull();
  });

  test("every endpoint that leaves a trace stands in the catalogue, as the audit log writes it", () => {
    const known = VENDORS.resend.endpoints.filter(
      ({ method, template }) => resend.traceOf(`${method} ${template.text}`) !== null,
    );
    expect(known.map(({ operation }) => operation).sort()).toEqual(["emails.batch", "emails.send"]);
  });
});
