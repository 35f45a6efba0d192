import { describe, expect, it } from "vitest";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { VendorRequest } from "../../../src/vendors/vendor.ts";
import { contextOf, isDenial, judge, operationOf, requestOf } from "../../stripe-requests.ts";

const PAYMENTS = "/v2/money_management/outbound_payments";
const LABELS = { agentId: "billing", crewRunId: "run-7" };

function jsonOf(body: string, more: Partial<VendorRequest> = {}): VendorRequest {
  return requestOf("POST", PAYMENTS, body, { contentType: "application/json", ...more });
}

describe("a v2 body is read as JSON in exactly one way", () => {
  it("prices an amount and forwards it as JSON", () => {
    const operation = operationOf(jsonOf('{"amount":{"value":100,"currency":"USD"}}'));
    expect(operation).toMatchObject({
      contentType: "application/json",
      price: { kind: "known", amount: 100n, currency: "usd", micros: 1_000_000n },
    });
  });

  it.each([
    ["a key given twice", '{"amount":{"value":1,"value":99999,"currency":"usd"}}'],
    ["a key given twice by an escape", '{"amount":{"value":1,"v\\u0061lue":99999,"currency":"usd"}}'],
    ["an exponent", '{"amount":{"value":1e9,"currency":"usd"}}'],
    ["a fraction", '{"amount":{"value":1.5,"currency":"usd"}}'],
    ["a negative amount", '{"amount":{"value":-1,"currency":"usd"}}'],
    ["an amount in a list", '{"amount":[{"value":1,"currency":"usd"}]}'],
    ["a bracketed key", '{"amount[value]":1,"amount[currency]":"usd"}'],
    ["a key in another case", '{"amount":{"Value":99999,"value":1,"currency":"usd"}}'],
    ["a list", '[{"amount":{"value":1,"currency":"usd"}}]'],
    ["something behind it", '{"amount":{"value":1,"currency":"usd"}}{}'],
    ["a byte order mark", '\ufeff{"amount":{"value":1,"currency":"usd"}}'],
    ["a key of the prototype", '{"__proto__":{},"amount":{"value":1,"currency":"usd"}}'],
    ["a form", "amount[value]=1&amount[currency]=usd"],
  ])("refuses %s", (_what, body) => {
    expect(judge(jsonOf(body))).not.toBe("allow");
  });

  it.each(["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-16", null])(
    "refuses JSON labeled %j",
    (contentType) => {
      const body = '{"amount":{"value":1,"currency":"usd"}}';
      expect(judge(jsonOf(body, { contentType }))).toBe("request_malformed");
    },
  );

  it("finds a connected account that gets the money", () => {
    const body = '{"amount":{"value":1,"currency":"usd"},"to":{"recipient":"acct_other"}}';
    expect(judge(jsonOf(body))).toBe("destination_not_allowed");
  });

  it.each([
    [
      "beside the agent's own fields",
      '{"a": 1 }',
      '{"a": 1 ,"metadata":{"agent_id":"billing","crew_run_id":"run-7"}}',
    ],
    [
      "beside the agent's own labels",
      '{"metadata":{"order":"7"},"a":1}',
      '{"metadata":{"order":"7","agent_id":"billing","crew_run_id":"run-7"},"a":1}',
    ],
    [
      "but never over them",
      '{"metadata":{"agent_id":"me"}}',
      '{"metadata":{"agent_id":"me","crew_run_id":"run-7"}}',
    ],
    ["but not where they are cleared", '{"metadata":null}', '{"metadata":null}'],
  ])("appends labels %s", (_what, body, completed) => {
    const request = jsonOf(body);
    const bytes = stripe.completeBody(operationOf(request), request.body, LABELS);
    expect(Buffer.from(bytes).toString("utf8")).toBe(completed);
  });
});

describe("a file is sent to its own host as multipart form data", () => {
  const part = (name: string, value: string, more = "") =>
    `--b1\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
  const FILE = `--b1\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n\u0000\u00ff--x\r\n`;
  const send = (body: string, contentType: string | null = "multipart/form-data; boundary=b1") =>
    requestOf("POST", "/v1/files", "", { contentType, body: Buffer.from(body, "latin1") });

  it("keeps its bytes, its boundary and its host", () => {
    const request = send(`${part("purpose", "dispute_evidence")}${FILE}--b1--\r\n`);
    const operation = operationOf(request);
    expect(operation).toMatchObject({
      host: "files",
      contentType: "multipart/form-data; boundary=b1",
      price: { kind: "free" },
    });
    expect(stripe.completeBody(operation, request.body, LABELS)).toBe(request.body);
    expect(stripe.hosts["files"]?.origin).toBe("https://files.stripe.com");
  });

  it.each([
    ["no boundary", `${FILE}--b1--`, "multipart/form-data"],
    ["a form's type", "purpose=x", "application/x-www-form-urlencoded"],
    ["a preamble", `x\r\n${FILE}--b1--`, undefined],
    ["an epilogue", `${FILE}--b1--\r\nx`, undefined],
    ["no end", FILE, undefined],
    ["a name twice", `${part("purpose", "a")}${part("purpose", "b")}--b1--`, undefined],
    [
      "another header",
      `--b1\r\nContent-Disposition: form-data; name="a"\r\nX-A: 1\r\n\r\nx\r\n--b1--`,
      undefined,
    ],
    ["a part without a name", "--b1\r\nContent-Type: text/plain\r\n\r\nx\r\n--b1--", undefined],
    ["a link to the file", `${part("file_link_data[create]", "true")}${FILE}--b1--`, undefined],
    ["a boundary behind a bare line end", `${part("purpose", "a\n--b1\nx")}${FILE}--b1--`, undefined],
    ["two boundaries", `${FILE}--b1--`, "multipart/form-data; boundary=b1; boundary=b2"],
  ])("refuses %s", (_what, body, contentType) => {
    expect(judge(send(body, contentType))).not.toBe("allow");
  });

  it.each(["/v1/quotes/qt_1/pdf", "/v1/files/file_1/contents"])("reads %s from there, too", (path) => {
    expect(operationOf(requestOf("GET", path))).toMatchObject({ host: "files", endpoint: { streams: true } });
  });
});

describe("an idempotency key", () => {
  it.each([
    ["POST", "/v1/payment_intents", "k", "k"],
    ["DELETE", "/v1/customers/cus_1", "k", "k"],
    ["POST", "/v1/payment_intents", "", null],
    ["GET", "/v1/charges", "k", null],
    ["HEAD", "/v1/charges", "k", null],
  ] as const)("of %s %s, given as %j, is %j", (method, path, idempotencyKey, expected) => {
    const form = method === "POST" ? "amount=1&currency=usd" : "";
    expect(operationOf(requestOf(method, path, form, { idempotencyKey })).idempotencyKey).toBe(expected);
  });
});

describe("a priced form has one reading at every depth", () => {
  const LINES =
    "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=1";

  it.each([
    ["a name in another case", `${LINES}&line_items[0][Quantity]=99`],
    ["a value that is a map, too", `${LINES}&line_items[0][quantity][x]=99&line_items[0][quantity]=1`],
    ["a list in another case", `${LINES}&Line_items[1][price]=price_1`],
    ["a query beside it", null],
  ])("refuses %s", (_what, form) => {
    const request = requestOf("POST", "/v1/checkout/sessions", form ?? LINES, {
      query: form === null ? "expires_at=1" : null,
    });
    expect(judge(request)).toMatch(/^request_ambiguous$/);
  });
});

it("lets Keybrake's own reads show an owner, and an agent's never", () => {
  const request = requestOf("GET", "/v1/disputes/du_1", "", { query: "expand[]=charge.customer" });
  expect(isDenial(stripe.readOperation(request, contextOf(undefined, null)))).toBe(false);
  expect(isDenial(stripe.readOperation(request, contextOf()))).toBe(true);
});
