import { describe, expect, it } from "vitest";
import {
  isMethod,
  type Method,
  matchesEndpoint,
  matchTemplate,
  parseEndpointPattern,
  parseTemplate,
  prefixOf,
  readTarget,
} from "../src/endpoint.ts";
import { stripe } from "../src/vendors/stripe/stripe.ts";
import { judge, policyOf, requestOf } from "./stripe-requests.ts";

describe("isMethod", () => {
  it.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])("knows %s", (method) => {
    expect(isMethod(method)).toBe(true);
  });

  it.each(["post", "Post", "TRACE", "OPTIONS", "CONNECT", "FOO", "", " POST", "POST ", "*", "constructor"])(
    "E10: does not know `%s`",
    (method) => {
      expect(isMethod(method)).toBe(false);
    },
  );
});

describe("parseEndpointPattern", () => {
  it.each([
    ["POST /v1/refunds", "POST", ["v1", "refunds"]],
    ["GET /v1/customers/*", "GET", ["v1", "customers", "*"]],
    ["GET /v1/**", "GET", ["v1", "**"]],
    ["* /v1/refunds", "*", ["v1", "refunds"]],
    ["* /**", "*", ["**"]],
    [
      "DELETE /v1/customers/cus_1.a~b:c@d!e$f&g'h(i)j+k,l=m-n",
      "DELETE",
      ["v1", "customers", "cus_1.a~b:c@d!e$f&g'h(i)j+k,l=m-n"],
    ],
  ])("reads `%s`", (text, method, segments) => {
    expect(parseEndpointPattern(text)).toEqual({ text, method, segments });
  });

  it.each([
    "",
    "POST",
    "/v1/refunds",
    "POST/v1/refunds",
    "POST  /v1/refunds",
    "POST v1/refunds",
    " POST /v1/refunds",
    "POST /v1/refunds ",
    "POST /v1/refunds\n",
    "post /v1/refunds",
    "FOO /v1/refunds",
    "TRACE /v1/refunds",
    "** /v1/refunds",
    "POST,GET /v1/refunds",
    "POST /",
    "POST //",
    "POST /v1//refunds",
    "POST /v1/refunds/",
    "POST /**/refunds",
    "POST /v1/**/refunds",
    "POST /v1/cus_*",
    "POST /v1/***",
    "POST /v1/refunds?x=1",
    "POST /v1/refunds#x",
    "POST /v1/%72efunds",
    "POST /v1/refunds;x",
    "POST /v1\\refunds",
    "POST https://api.stripe.com/v1/refunds",
    "POST /v1/{id}",
    "POST /v1/réfunds",
  ])("refuses `%s` with a sentence that quotes it", (text) => {
    expect(parseEndpointPattern(text)).toMatch(/^`.*[^.]$/s);
  });
});

it("parseEndpointPattern names the methods that there are", () => {
  expect(parseEndpointPattern("FETCH /v1/refunds")).toBe(
    "`FETCH` is no method: use one of GET, HEAD, POST, PUT, PATCH, DELETE",
  );
});

describe("matchesEndpoint", () => {
  it.each<[string, Method, string, boolean]>([
    ["POST /v1/refunds", "POST", "/v1/refunds", true],
    ["POST /v1/refunds", "GET", "/v1/refunds", false],
    ["POST /v1/refunds", "POST", "/v1/refunds/re_1", false],
    ["POST /v1/refunds", "POST", "/v1", false],
    ["POST /v1/refunds", "POST", "/v1/Refunds", false],
    ["POST /v1/refunds", "POST", "/v1/refunds.json", false],
    ["POST /v1/refunds", "POST", "/v2/v1/refunds", false],
    ["GET /v1/customers/*", "GET", "/v1/customers/cus_1", true],
    ["GET /v1/customers/*", "GET", "/v1/customers", false],
    ["GET /v1/customers/*", "GET", "/v1/customers/cus_1/sources", false],
    ["GET /v1/customers/*", "HEAD", "/v1/customers/cus_1", false],
    ["GET /v1/*/cus_1", "GET", "/v1/customers/cus_1", true],
    ["GET /v1/**", "GET", "/v1", true],
    ["GET /v1/**", "GET", "/v1/a", true],
    ["GET /v1/**", "GET", "/v1/a/b/c", true],
    ["GET /v1/**", "GET", "/v2/a", false],
    ["GET /v1/**", "POST", "/v1/a", false],
    ["* /v1/a", "DELETE", "/v1/a", true],
    ["* /**", "PATCH", "/anything/at/all", true],
    ["GET /v1/customers/a", "GET", "/v1/customers/*", false],
    ["GET /v1/a.c", "GET", "/v1/abc", false],
  ])("`%s` against %s %s: %s", (text, method, path, isCovered) => {
    const pattern = parseEndpointPattern(text);
    if (typeof pattern === "string") throw new TypeError(pattern);
    expect(matchesEndpoint(pattern, method, path)).toBe(isCovered);
  });
});

describe("matchTemplate", () => {
  const template = parseTemplate("/v1/payment_intents/{intent}/confirm");

  it("finds the identifiers of a path", () => {
    expect(matchTemplate(template, "/v1/payment_intents/pi_1/confirm")).toEqual(
      new Map([["intent", "pi_1"]]),
    );
    const longest = `9${"z".repeat(253)}9`;
    expect(matchTemplate(template, `/v1/payment_intents/${longest}/confirm`)).toEqual(
      new Map([["intent", longest]]),
    );
    expect(matchTemplate(parseTemplate("/v1/account"), "/v1/account")).toEqual(new Map());
  });

  it.each([
    "/v1/payment_intents/pi_1",
    "/v1/payment_intents/pi_1/capture",
    "/v1/payment_intents/pi_1/confirm/x",
    "/v1/payment_intents//confirm",
    "/v1/payment_intents/*/confirm",
    "/v1/payment_intents/.pi/confirm",
    "/v1/payment_intents/_pi/confirm",
    "/v1/payment_intents/pi%2e/confirm",
    "/v1/payment_intents/pi;x/confirm",
    `/v1/payment_intents/${"p".repeat(256)}/confirm`,
    "/V1/payment_intents/pi_1/confirm",
  ])("does not match %s", (path) => {
    expect(matchTemplate(template, path)).toBeNull();
  });
});

describe("readTarget", () => {
  it.each([
    ["/v1/refunds", null, "/v1/refunds", null],
    ["/v1/refunds?", null, "/v1/refunds", ""],
    ["/v1/refunds?a=1&b=2", null, "/v1/refunds", "a=1&b=2"],
    ["/stripe/v1/refunds", "stripe", "/v1/refunds", null],
    ["/stripe/v1/v1/refunds", "stripe", "/v1/refunds", null],
    ["/stripe//v1/refunds", "stripe", "/v1/refunds", null],
    ["/stripe//v2/core/accounts?x=1", "stripe", "/v2/core/accounts", "x=1"],
    [
      "/twilio/2010-04-01/Accounts/AC1/Messages.json",
      "twilio",
      "/2010-04-01/Accounts/AC1/Messages.json",
      null,
    ],
    ["/resend/emails", "resend", "/emails", null],
    ["/resend/contacts/ada%2Bnews%40example.com", "resend", "/contacts/ada+news@example.com", null],
    ["/resend/contacts/ada+news@example.com?x=%40", "resend", "/contacts/ada+news@example.com", "x=%40"],
    ["/stripe", null, "/stripe", null],
    ["/striped/v1", null, "/striped/v1", null],
    ["/STRIPE/v1", null, "/STRIPE/v1", null],
    ["/keybrake/v1/me", null, "/keybrake/v1/me", null],
    ["/v1/stripe/x", null, "/v1/stripe/x", null],
    [`/v1/refunds?${"a".repeat(8_180)}`, null, "/v1/refunds", "a".repeat(8_180)],
    [`/${"a".repeat(2_047)}`, null, `/${"a".repeat(2_047)}`, null],
  ])("reads %s", (target, prefix, path, query) => {
    expect(readTarget(target)).toEqual({ prefix, path, query });
  });

  it.each([
    "/stripe/v1/v1/v1/refunds",
    "/stripe//v1/v1/refunds",
    "/stripe///v1/refunds",
    "/stripe//refunds",
    "/stripe/",
    "/stripe//",
    "/v1//v1/refunds",
    "/stripe/v1//refunds",
  ])("folds the seam behind a prefix once and nothing else: refuses %s", (target) => {
    expect(readTarget(target)).toBeTypeOf("string");
  });

  it.each([
    [/path is longer than 2048/, `/${"a".repeat(2_048)}`],
    [/target is longer than 8192/, `/v1/refunds?${"a".repeat(8_181)}`],
    [/must be a path that starts with `\/`/, "https://api.stripe.com/v1"],
    [/fragment/, "/v1/refunds#x"],
    [/query .* percent-encoded/, "/v1/refunds?a=<"],
    [/empty segment/, "/v1//refunds"],
    [/ends with a slash/, "/v1/refunds/"],
    [/repeats the vendor's version/, "/stripe/v1/v1/v1/refunds"],
    [/dot segment/, "/v1/../refunds"],
    [/dot segment/, "/v1/./refunds"],
    [/character that no endpoint uses, or an escape/, "/v1/%72efunds"],
  ])("says what is wrong: %s", (sentence, target) => {
    expect(readTarget(target)).toMatch(sentence);
  });
});

describe("prefixOf", () => {
  it.each([
    ["/resend/contacts/a%20b", "resend"],
    ["/twilio//", "twilio"],
    ["/stripe/v1/../x", "stripe"],
    ["/resend", null],
    ["/v1/resend/x", null],
    ["", null],
  ])("of `%s` is %s", (target, prefix) => {
    expect(prefixOf(target)).toBe(prefix);
  });
});

/** One row for each target, named by the case that it belongs to. */
function rowsOf(
  cases: Readonly<Record<string, readonly string[]>>,
): (readonly [id: string, target: string])[] {
  return Object.entries(cases).flatMap(([id, targets]) => targets.map((target) => [id, target] as const));
}

/**
 * Path attacks on a key that may only `POST /v1/customers`. Whatever the target, either it is refused, or what would
 * be put on the wire is exactly the path that policy judged.
 */
describe("E: path and method", () => {
  const policy = policyOf({ allowed_endpoints: ["POST /v1/customers"] });

  function attempt(target: string, method: Method = "POST"): string {
    const read = readTarget(target);
    if (typeof read === "string") return "refused as a target";
    return judge(requestOf(method, read.path, "", { query: read.query }), policy);
  }

  it("lets the one allowed request pass, so that the refusals below mean something", () => {
    expect(attempt("/v1/customers")).toBe("allow");
    expect(attempt("/stripe/v1/customers")).toBe("allow");
  });

  it.each(
    rowsOf({
      E1: [
        "/v1/customers/../transfers",
        "/v1/./customers",
        "/v1//customers",
        "//v1/customers",
        "/v1/customers/..",
        "/v1/customers/.",
        "/./v1/customers",
        "/../v1/customers",
        "/..",
        "/.",
        "/stripe/../v1/customers",
        "/stripe/./v1/customers",
        "/stripe//../v1/customers",
        "/stripe/v1/../v1/customers",
      ],
      E2: [
        "/v1/customers/%2e%2e/transfers",
        "/v1/customers/%2E%2e/transfers",
        "/v1/customers/.%2e/transfers",
        "/v1/customers/..%2ftransfers",
        "/v1%2fcustomers",
        "/v1%2Fcustomers",
        "/v1%5ccustomers",
        "/v1/customers/%2540",
        "/v1/customers/%2%340",
        "/v1/customers/a%2b",
        "/v1/customers/%252e%252e/transfers",
        "/%76%31/customers",
        "/v1\\customers",
        "/v1/customers/..\\transfers",
        "/v1/%c0%ae%c0%ae/transfers",
        "/stripe%2fv1/customers",
      ],
      E4: [
        "/v1/customers;/../transfers",
        "/v1/customers/..;/transfers",
        "/v1/customers;x=1",
        "/v1/customers%3bx=1",
        "/v1;/customers",
        ";/v1/customers",
      ],
      E5: [
        "/v1/customers/",
        "/v1/customers%20",
        "/v1/customers%00",
        "/v1/customers%0a",
        "/v1/customers ",
        "/v1/customers\u0000",
        "/v1/customers\n",
        "/v1/customers\r\nHost: evil",
        "/v1/customers\t",
        "/v1/cüstomers",
        "/",
      ],
      E6: [
        "/v1/customers#/../transfers",
        "/v1/customers?x=1#y",
        "#/v1/customers",
        "/v1/customers#",
        "/v1/customers?x= 1",
        "/v1/customers?x=\u0000",
        "/v1/customers?x=\n",
        "/v1/customers?x=é",
        '/v1/customers?x="',
        "/v1/customers?x=<",
        "/v1/customers?x=\\",
      ],
      E7: [
        "http://evil/v1/customers",
        "https://api.stripe.com/v1/customers",
        "https://api.stripe.com@evil/",
        "//evil/v1",
        "//evil/v1/customers",
        "///v1/customers",
        "*",
        "evil:443",
        "api.stripe.com:443",
        "",
        "v1/customers",
        "?/v1/customers",
        "/stripe//evil/v1/customers",
        "/http://evil/v1/customers",
      ],
      E13: [
        "/v1/customers/cus_x/../../transfers",
        "/v1/customers/cus_%2e",
        "/v1/customers/cus_x%00",
        `/v1/customers/${"c".repeat(10_240)}`,
      ],
    }),
  )("%s: refuses the target %j", (_id, target) => {
    expect(readTarget(target)).toBeTypeOf("string");
  });

  it.each(
    rowsOf({
      E5: [
        "/V1/Customers",
        "/v1/Customers",
        "/v1/customers.json",
        "/v1/customers.",
        "/v1/customers~",
        "/v1/customers*",
        "/v1/customers,",
        "/v1/*",
        "/**",
        "/v1",
        "/customers",
        "/v1/customers/v1/customers",
      ],
      E13: [`/v1/customers/${"c".repeat(300)}`, "/v1/customers/cus_x:y", "/v1/customers/cus_x.json"],
    }),
  )("%s: takes %j for another path than the one listed", (_id, target) => {
    expect(attempt(target)).toBe("endpoint_not_allowed");
  });

  it.each(["x=/../transfers", "/../", "?", "?x=1", "x=%2e%2e", "x=https://evil/", "x=v1//transfers"])(
    "E6: keeps the query `%s` verbatim, and policy does not look at it",
    (query) => {
      const read = readTarget(`/v1/customers?${query}`);
      expect(read).toEqual({ prefix: null, path: "/v1/customers", query });
      expect(attempt(`/v1/customers?${query}`)).toBe("allow");
      expect(attempt(`/v1/products?${query}`)).toBe("endpoint_not_allowed");
    },
  );

  it.each(["/v1/customers", "/v1/customers/cus_1", "/v1/customers/search"])(
    "E8: sends %s to the configured host and no other",
    (path) => {
      const url = new URL(stripe.hosts.main.origin + path);
      expect([url.origin, url.pathname]).toEqual(["https://api.stripe.com", path]);
    },
  );

  it.each<[string, Method]>([
    ["a read with a body", "GET"],
    ["a HEAD with a body", "HEAD"],
  ])("E10: refuses %s", (_what, method) => {
    expect(judge(requestOf(method, "/v1/customers", "a=1"))).toBe("request_malformed");
  });

  it.each<[string, Method]>([
    ["/v1/customers", "GET"],
    ["/v1/customers", "HEAD"],
    ["/v1/customers", "DELETE"],
    ["/v1/customers", "PUT"],
    ["/v1/customers", "PATCH"],
    ["/v1/customers/cus_1", "POST"],
    ["/v1/customers/cus_1", "DELETE"],
    ["/v1/transfers", "POST"],
    ["/v1/customers/cus_1/sources", "POST"],
  ])("E10: refuses what was not listed, default deny: %s by %s", (path, method) => {
    expect(attempt(path, method)).toBe("endpoint_not_allowed");
  });
});
