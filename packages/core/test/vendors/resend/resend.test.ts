import { describe, expect, it } from "vitest";
import { type Denial, isDenial } from "../../../src/denial.ts";
import type { Operation } from "../../../src/operation.ts";
import { parseResendPrices, RESEND_PRICES } from "../../../src/vendors/resend/prices.ts";
import { resend } from "../../../src/vendors/resend/resend.ts";
import type { ReadingContext, VendorRequest } from "../../../src/vendors/vendor.ts";

const context: ReadingContext = {
  accountId: null,
  policy: null,
  rates: { asOf: "2026-11-01" } as unknown as ReadingContext["rates"],
  prices: { resend: RESEND_PRICES, twilio: { asOf: "2026-11-01" } } as ReadingContext["prices"],
  today: "2026-11-23",
};
const MAIL = { from: "Acme <Billing@Acme.com>", to: "a@example.org", subject: "x" };
const LABELS = { agentId: "agent 1", crewRunId: "run/7" };

function read(body: unknown, path = "/emails", over: Partial<VendorRequest> = {}): Operation | Denial {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = {
    method: "POST",
    path,
    query: null,
    contentType: "application/json",
    account: null,
  } as const;
  return resend.readOperation(
    { ...request, idempotencyKey: null, body: Buffer.from(text), ...over },
    context,
  );
}

function accept(...given: Parameters<typeof read>): Operation {
  const operation = read(...given);
  if (isDenial(operation)) throw new Error(operation.reason);
  return operation;
}

const microsOf = (operation: Operation) =>
  operation.price.kind === "known" ? operation.price.micros : operation.price.kind;
const answer = (status: number, body: unknown) => ({
  status,
  header: () => null,
  body: JSON.stringify(body),
});

describe("price", () => {
  it.each([
    ["a text", { to: "a@example.org" }, 900n],
    ["each of to, cc and bcc", { to: ["a@x.io", "b@x.io"], cc: "c@x.io", bcc: ["d@x.io"] }, 3600n],
    ["the same address twice", { to: ["a@x.io", "a@x.io"] }, 1800n],
    ["a scheduled mail now", { scheduled_at: "in 1 hour" }, 900n],
  ])("counts %s", (_name, fields, micros) => {
    expect(microsOf(accept({ ...MAIL, ...fields }))).toBe(micros);
  });

  it("P10: of a batch is the sum over its mails", () => {
    expect(microsOf(accept([MAIL, { ...MAIL, cc: "c@x.io" }], "/emails/batch"))).toBe(2700n);
  });

  it.each(["/broadcasts/b1/send", "/events/send", "/automations", "/inboxes/i1/drafts/d1/send"])(
    "of %s is unknown, and no list of senders or recipients lets it pass",
    (path) => {
      const operation = accept({}, path);
      expect(operation.price.kind).toBe("unpriced");
      const lists = operation.demands
        .filter((demand) => demand.anyOf.length === 0)
        .map((demand) => demand.rule);
      expect(lists).toEqual(["resend.from", "resend.recipient_domains"]);
    },
  );

  it.each([
    [{ send: true }, "unpriced"],
    [{ scheduled_at: "tomorrow" }, "unpriced"],
    [{ send: false }, "free"],
    [{}, "free"],
  ])("of a broadcast created with %j is %s", (fields, kind) => {
    const operation = accept(fields, "/broadcasts");
    expect(operation.price.kind).toBe(kind);
    const demand = operation.demands.find((one) => one.rule === "resend.broadcasts");
    expect(demand?.ifAbsent).toBe(kind === "unpriced" ? "deny" : undefined);
  });

  it("of moving a scheduled mail is nothing", () => {
    expect(accept({ scheduled_at: "x" }, "/emails/e1", { method: "PATCH" }).price.kind).toBe("free");
  });
});

describe("refusals", () => {
  it.each([
    ["a comma in one address", { to: "a@x.io,b@x.io" }],
    ["another case of `to`", { To: "b@x.io" }],
    ["another case of `bcc`", { BCC: "b@x.io" }],
    ["two addresses in one display name", { to: "a@x.io <b@x.io>" }],
    ["a group", { to: "all: a@x.io;" }],
    ["no recipient", { to: [] }],
    ["a null recipient", { to: null }],
    ["an object as recipient", { to: [{ email: "a@x.io" }] }],
    ["51 recipients", { to: Array.from({ length: 51 }, (_, index) => `a${index}@x.io`) }],
    ["a domain that is not ASCII", { to: "a@ex\u0430mple.org" }],
    ["a line break in a name", { from: "A\nBcc: x <a@x.io>" }],
  ])("%s", (_name, fields) => {
    expect(isDenial(read({ ...MAIL, ...fields }))).toBe(true);
  });

  it.each([
    ["a name twice", read('{"from":"a@x.io","to":"a@x.io","to":["b@x.io"]}')],
    ["101 mails", read(Array(101).fill(MAIL), "/emails/batch")],
    ["an empty batch", read([], "/emails/batch")],
    ["a batch inside an object", read({ emails: [MAIL] }, "/emails/batch")],
    ["a list as one mail", read([MAIL])],
    ["a query on a POST", read(MAIL, "/emails", { query: "to=b@x.io" })],
    ["another media type", read(MAIL, "/emails", { contentType: "text/plain" })],
    ["a key of 257 characters", read(MAIL, "/emails", { idempotencyKey: "k".repeat(257) })],
    ["`send` as text", read({ send: "true" }, "/broadcasts")],
    ["`Send`", read({ Send: true }, "/broadcasts")],
    ["new recipients of a scheduled mail", read({ to: "b@x.io" }, "/emails/e1", { method: "PATCH" })],
  ])("%s", (_name, result) => {
    expect(isDenial(result)).toBe(true);
  });
});

it("demands sender and recipient domains in lower case", () => {
  const demands = accept({ ...MAIL, cc: ["B@Other.ORG", "c@other.org"] }).demands.map(
    (demand) => demand.anyOf,
  );
  expect(demands).toEqual([["billing@acme.com", "@acme.com"], ["example.org"], ["other.org"]]);
});

describe("catalogue", () => {
  it.each([
    ["POST", "/api-keys"],
    ["GET", "/api-keys"],
    ["POST", "/domains"],
    ["PATCH", "/domains/d1"],
    ["POST", "/webhooks"],
    ["GET", "/webhooks"],
    ["GET", "/webhooks/w1"],
    ["GET", "/logs/l1"],
    ["POST", "/webhooks/w1/signing-secret/rotate"],
  ] as const)("forbids %s %s", (method, path) => {
    expect(accept("", path, { method }).endpoint?.forbidden).toBe(true);
  });

  it("does not know other paths", () => expect(accept("", "/nope").endpoint).toBeNull());
});

describe("labels", () => {
  it.each([
    ["are added where there are no tags", '{"a":1 }', '{"a":1 ,"tags":[A,R]}'],
    [
      "are appended to tags",
      '{"tags":[{"name":"x","value":"y"}]}',
      '{"tags":[{"name":"x","value":"y"},A,R]}',
    ],
    [
      "leave the agent's own",
      '{"tags":[{"name":"agent_id","value":"y"}]}',
      '{"tags":[{"name":"agent_id","value":"y"},R]}',
    ],
    ["leave tags that are no list", '{"tags":null}', '{"tags":null}'],
    ["go into each mail of a batch", '[{},{"tags":[]}]', '[{"tags":[A,R]},{"tags":[A,R]}]'],
  ])("%s", (_name, body, expected) => {
    const text = Buffer.from(resend.completeBody(accept(MAIL), Buffer.from(body), LABELS)).toString();
    const agent = '{"name":"agent_id","value":"agent_1"}';
    const run = '{"name":"crew_run_id","value":"run_7"}';
    expect(text).toBe(expected.replaceAll("A", agent).replaceAll("R", run));
  });
});

describe("outcome", () => {
  const one = accept(MAIL);
  const batch = accept([MAIL, MAIL], "/emails/batch");
  it.each([
    [
      "an id",
      one,
      answer(200, { id: "e1" }),
      { kind: "settled", costMicros: 900n, amount: 1n, objectId: "e1" },
    ],
    ["no id", one, answer(200, {}), { kind: "unknown" }],
    [
      "a part of a batch",
      batch,
      answer(200, { data: [{ id: "1" }], errors: [{ index: 1 }] }),
      { costMicros: 1800n },
    ],
    ["nothing of a batch", batch, answer(200, { data: [], errors: [{ index: 0 }] }), { costMicros: 0n }],
    [
      "a documented error",
      one,
      answer(422, { name: "validation_error" }),
      { kind: "refused", vendorCode: "validation_error" },
    ],
    [
      "a key with another body",
      one,
      answer(409, { name: "invalid_idempotent_request" }),
      { kind: "refused" },
    ],
    ["a key in flight", one, answer(409, { name: "concurrent_idempotent_requests" }), { kind: "unknown" }],
    ["an error without a name", one, answer(400, {}), { kind: "unknown" }],
    ["a 500", one, answer(500, { name: "validation_error" }), { kind: "unknown" }],
  ])("of %s", (_name, operation, given, expected) => {
    expect(resend.readOutcome(operation, given, context)).toMatchObject(expected);
  });
});

it.each([
  ["daily_cap_exceeded", 429, "daily_quota_exceeded"],
  ["monthly_cap_exceeded", 429, "monthly_quota_exceeded"],
  ["rate_limited", 429, "rate_limit_exceeded"],
  ["vault_key_missing", 401, "missing_api_key"],
  ["endpoint_not_allowed", 403, "invalid_access"],
  ["ledger_unavailable", 503, "application_error"],
] as const)("renders %s in Resend's shape", (code, status, name) => {
  const body = JSON.parse(resend.renderError({ code, status, message: "m", callId: "c", denial: null }));
  expect(body).toMatchObject({ statusCode: status, name, message: `${code}: m` });
});

it.each(["vault_x_abc", "sk_live_1", "", "re_"])("refuses %j as a credential", (value) => {
  expect(resend.findCredentialProblem(value, null)).not.toBeNull();
});

it("reads prices, and names each problem", () => {
  expect(parseResendPrices({ as_of: "2026-11-01", recipient_micros: 900 })).toEqual(RESEND_PRICES);
  expect(parseResendPrices({ as_of: "2026-02-31", recipient_micros: 0.5, x: 1 })).toHaveLength(3);
});
