import { describe, expect, it } from "vitest";
import { authorize, type KeyFacts } from "../../../src/authorize.ts";
import {
  ACCOUNT,
  accept,
  call,
  codeOf,
  contextWith,
  demandsOf,
  FROM,
  get,
  message,
  ROOT,
  read,
  request,
  SID,
  US,
} from "./twilio-requests.ts";

const OTHER = `AC${"ff".repeat(16)}`;

describe("the account", () => {
  it.each([
    ["another account", `/2010-04-01/Accounts/${OTHER}/Messages.json`],
    ["the account in capitals", `/2010-04-01/Accounts/${ACCOUNT.toUpperCase()}/Messages.json`],
    ["the account with a small prefix", `/2010-04-01/Accounts/${ACCOUNT.toLowerCase()}/Messages.json`],
    ["the account with an escape", `/2010-04-01/Accounts/%41${ACCOUNT.slice(1)}/Messages.json`],
    ["another account's own object", `/2010-04-01/Accounts/${OTHER}.json`],
    ["another account on an unknown path", `/2010-04-01/Accounts/${OTHER}/Whatever.json`],
  ])("P6: %s in the path is refused", (_name, path) => {
    expect(codeOf(get(path))).toBe("account_not_allowed");
  });

  it("a secret without an account serves nothing, and the sentence says what to do", () => {
    const operation = read(get(`${ROOT}/Messages.json`), { ...contextWith(), accountId: null });
    expect(operation).toEqual({
      code: "account_not_allowed",
      reason: expect.stringContaining("`account_id`"),
    });
  });

  it("a number cannot be handed to another account", () => {
    expect(codeOf(request(`${ROOT}/IncomingPhoneNumbers/PN1.json`, { AccountSid: OTHER }))).toBe(
      "account_not_allowed",
    );
  });
});

describe("a body that two readers could understand differently is refused", () => {
  const raw = (text: string) => request(`${ROOT}/Messages.json`, text);
  it.each([
    ["a repeated destination", `To=%2B12125550123&To=%2B19005551234&From=x`],
    ["a destination in small letters", `To=%2B12125550123&to=%2B19005551234`],
    ["only in small letters", `to=%2B12125550123`],
    ["a name with a separator", `Time_Limit=60&To=%2B12125550123`],
    ["a full-width name", `%EF%BC%B4%EF%BD%8F=x`],
    ["brackets", `MediaUrl[0]=https://a.example`],
    ["escaped brackets", `To%5B%5D=x`],
    ["a list whose name is escaped once", `MediaUrl=https://a.example&%4DediaUrl=https://b.example`],
    ["an empty field", `To=%2B12125550123&&Body=x`],
    ["a semicolon", `To=%2B12125550123;To=%2B19005551234`],
    ["an invalid escape", `To=%zz`],
  ])("%s", (_name, text) => {
    expect(codeOf(raw(text))).toBe("request_ambiguous");
  });

  it("parameters beside the body are refused", () => {
    expect(codeOf({ ...message(), query: "To=%2B19005551234" })).toBe("request_ambiguous");
  });

  it.each(["application/json", "multipart/form-data", "application/x-www-form-urlencoded; charset=utf-16"])(
    "the media type %s is malformed",
    (contentType) => {
      expect(codeOf({ ...message(), contentType })).toBe("request_malformed");
    },
  );

  it("a read has no body, and one look-up parameter", () => {
    expect(codeOf({ ...get(`${ROOT}/Messages.json`), body: Buffer.from("x=1") })).toBe("request_malformed");
    expect(codeOf(get(`/lookups/v2/PhoneNumbers/${US}`, "Fields=validation&Fields=sim_swap"))).toBe(
      "request_ambiguous",
    );
    expect(codeOf(get(`/lookups/v2/PhoneNumbers/${US}`, "fields=sim_swap"))).toBe("request_ambiguous");
  });

  it("Twilio's lists may repeat", () => {
    const text = `To=${encodeURIComponent(US)}&From=x&MediaUrl=https://a.example/1&MediaUrl=https://b.example/2`;
    expect(demandsOf(raw(text))).toEqual([
      "allowed_countries US",
      "from x",
      "callback_hosts a.example",
      "callback_hosts b.example",
    ]);
  });
});

describe("a policy is asked for", () => {
  it.each<[string, Record<string, string>, string[]]>([
    ["country and sender", {}, ["allowed_countries US", `from ${FROM}`]],
    ["a small country that shares a code", { To: "+18765550100" }, ["allowed_countries JM", `from ${FROM}`]],
    ["a number of no known country", { To: "+8811234567" }, ["allowed_countries unknown", `from ${FROM}`]],
    ["a messaging service", { From: "", MessagingServiceSid: "MG1" }, ["allowed_countries US", "from MG1"]],
    [
      "a status callback, its host in small letters",
      { StatusCallback: "https://Hooks.Example.com:8443/x?y" },
      ["allowed_countries US", `from ${FROM}`, "callback_hosts hooks.example.com"],
    ],
  ])("a message: %s", (_name, form, demands) => {
    if (form["From"] === "") expect(demandsOf(message(form))).toEqual(demands);
    else expect(demandsOf(message(form))).toEqual(demands);
  });

  it.each<[string, Record<string, string>, string]>([
    ["its instructions' host", { Url: "http://a.example/twiml" }, "callback_hosts a.example"],
    ["a fallback", { FallbackUrl: "https://f.example" }, "callback_hosts f.example"],
    ["a recording's callback", { RecordingStatusCallback: "https://r.example" }, "callback_hosts r.example"],
    ["a caller id", { CallerId: "+14155550111" }, "from +14155550111"],
    ["a SIP host", { To: "sip:x@Sip.Evil.example" }, "callback_hosts sip.evil.example"],
    [
      "what inline instructions play",
      { Twiml: "<Response><Play>https://p.example/a.mp3</Play></Response>" },
      "callback_hosts p.example",
    ],
    [
      "where they hand over",
      { Twiml: '<Response><Gather action="https://g.example/?a=1&amp;b=2"/></Response>' },
      "callback_hosts g.example",
    ],
  ])("a call: %s", (_name, form, demand) => {
    expect(demandsOf(call(form))).toContain(demand);
  });

  it.each([
    "https://user@evil.example/",
    "https://good.example\\@evil.example/",
    "https://good.example%2eevil.example/",
    "//evil.example/",
    "javascript:alert(1)",
    "ftp://evil.example/",
    "https://[::1]/",
    " https://evil.example",
    "https://evil.example\t/",
    "https:///evil.example",
  ])("P9: a URL that readers split differently is malformed: %s", (Url) => {
    expect(codeOf(call({ Url }))).toBe("request_malformed");
  });

  it.each([
    [call({ ApplicationSid: "AP1" })],
    [message({ ApplicationSid: "AP1" })],
    [request(`${ROOT}/IncomingPhoneNumbers/PN1.json`, { VoiceApplicationSid: "AP1" })],
    [request(`${ROOT}/IncomingPhoneNumbers/PN1.json`, { TrunkSid: "TK1" })],
  ])("an object that hides URLs is refused", (asked) => {
    expect(codeOf(asked)).toBe("destination_not_allowed");
  });

  it("P9: a call to a country that the policy does not list is refused, and so is an unlisted host", () => {
    const rules = { allowed_countries: ["US"], from: [FROM], callback_hosts: ["hooks.example.com"] };
    expect(verdictOf(message(), rules)).toBe("allow");
    expect(verdictOf(message({ StatusCallback: "https://hooks.example.com/x" }), rules)).toBe("allow");
    expect(verdictOf(message({ To: "+447400123456" }), rules)).toBe("destination_not_allowed");
    expect(verdictOf(message({ To: "+8811234567" }), rules)).toBe("destination_not_allowed");
    expect(verdictOf(message({ From: "+14155550199" }), rules)).toBe("destination_not_allowed");
    expect(verdictOf(message({ StatusCallback: "https://evil.example" }), rules)).toBe(
      "destination_not_allowed",
    );
    // Without a list any country goes, but no URL does.
    expect(verdictOf(message({ To: "+447400123456" }), {})).toBe("allow");
    expect(verdictOf(message({ StatusCallback: "https://evil.example" }), {})).toBe(
      "destination_not_allowed",
    );
  });
});

describe("the catalogue", () => {
  it.each([
    ["GET", "/2010-04-01/Accounts.json"],
    ["POST", "/2010-04-01/Accounts.json"],
    ["GET", `${ROOT}.json`],
    ["POST", `${ROOT}.json`],
    ["POST", `${ROOT}/Keys.json`],
    ["POST", `${ROOT}/SigningKeys.json`],
    ["POST", `${ROOT}/Tokens.json`],
    ["POST", "/accounts/v1/AuthTokens/Promote"],
    ["POST", "/iam/v1/Keys"],
    ["POST", "/oauth/v2/token"],
    ["POST", "/verify/v2/Services/VA1/AccessTokens"],
  ] as const)("%s %s is refused whatever the policy says", (method, path) => {
    const asked = method === "GET" ? get(path) : request(path);
    expect(verdictOf(asked, {})).toBe("endpoint_forbidden");
  });

  it.each([
    ["XML instead of JSON", `${ROOT}/Messages`],
    ["another ending", `${ROOT}/Messages/${SID}.csv`],
    ["no ending", `${ROOT}/Messages/${SID}`],
    ["small letters", `${ROOT}/messages.json`],
    ["an older version", `/2008-08-01/Accounts/${ACCOUNT}/Messages.json`],
    ["a product that is not in it", "/studio/v2/Flows"],
    ["the core API under a product", `/verify${ROOT}/Messages.json`],
  ])("does not know %s, which is refused", (_name, path) => {
    expect(accept(get(path)).endpoint).toBeNull();
    expect(verdictOf(get(path), {})).toBe("unpriced");
  });

  it("names the host that serves a path", () => {
    expect(accept(message()).host).toBe("main");
    expect(accept(get("/verify/v2/Services")).host).toBe("verify");
    expect(accept(get("/studio/v2/Flows")).host).toBe("studio");
  });

  it("keeps no idempotency key, which Twilio has not", () => {
    expect(accept({ ...message(), idempotencyKey: "k" }).idempotencyKey).toBeNull();
  });
});

function verdictOf(asked: Parameters<typeof read>[0], rules: object): string {
  const context = contextWith(rules);
  const operation = accept(asked, context);
  const { policy } = context;
  if (policy === null) throw new TypeError("no policy");
  const key = { status: "active", expiresAt: null, policy } as KeyFacts;
  const decision = authorize(key, operation, new Date());
  return decision.verdict === "allow" ? "allow" : decision.denial.code;
}
