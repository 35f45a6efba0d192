import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, countAllowed, expectRefusal, type Front, newKey, openFront, rowOf } from "./front.ts";
import { type RawExchange, requestText, sendRaw } from "./raw-client.ts";
import { openRawVendor, type RawVendor } from "./raw-vendor.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";

let vendor: RawVendor;
let front: Front;
/** One key for exactly `POST /v1/customers`, one for every POST below /v1, one that reads customers. */
let keys: { narrow: string; wide: string; reader: string };

beforeAll(async () => {
  vendor = await openRawVendor();
  front = await openFront(vendor.url);
  const issue = async (endpoint: string) => (await newKey(front, { allowed_endpoints: [endpoint] })).vaultKey;
  keys = {
    narrow: await issue("POST /v1/customers"),
    wide: await issue("POST /v1/**"),
    reader: await issue("GET /v1/customers/*"),
  };
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});

type KeyName = keyof typeof keys;

function ask(
  line: string,
  key: KeyName = "narrow",
  headers: readonly string[] = [],
  body = "",
): Promise<RawExchange> {
  const credential = `Authorization: Bearer ${keys[key]}`;
  return sendRaw(
    front.server.dataUrl,
    requestText(line, [credential, ...(body === "" ? [] : [FORM]), ...headers], body),
  );
}

/** Runs an attack and gives what came of it; whatever it was, not one byte of it reached the vendor. */
async function attack(run: () => Promise<RawExchange>): Promise<RawExchange> {
  const before = vendor.requests.length;
  const exchange = await run();
  expect(vendor.requests.length).toBe(before);
  expect(vendor.strayBytes()).toBe("");
  return exchange;
}

/** What the parser itself refuses never becomes a request: a plain 400, no row, and the connection ends. */
function expectUnparsed(exchange: RawExchange): void {
  expect(exchange.answers.map(({ status }) => status)).toEqual([400]);
  expect(exchange.answers[0]?.headers.get("connection")).toBe("close");
  expect(codeOf(exchange.answers[0])).toBe("request_malformed");
}

describe.each<KeyName>(["narrow", "wide"])(
  "paths that are not the allowed one, with the %s allowlist",
  (key) => {
    test.each([
      ["E1", "/v1/customers/../transfers"],
      ["E1", "/v1/../v1/customers"],
      ["E1", "/v1/./customers"],
      ["E1", "/v1/customers/."],
      ["E1", "/v1/customers/.."],
      ["E1", "/v1//customers"],
      ["E1", "//v1/customers"],
      ["E1", "///v1/customers"],
      ["E1", "/v1/customers//"],
      ["E1", "/stripe/../v1/customers"],
      ["E1", "/stripe///v1/customers"],
      ["E1", "/stripe/v1//customers"],
      ["E1", "/stripe/stripe/v1/customers"],
      ["E2", "/v1/customers/%2e%2e/transfers"],
      ["E2", "/v1/customers/%2E%2e/transfers"],
      ["E2", "/v1/customers/.%2e/transfers"],
      ["E2", "/v1/customers/..%2ftransfers"],
      ["E2", "/v1/customers/..%2Ftransfers"],
      ["E2", "/v1%2fcustomers"],
      ["E2", "/v1/customers%5c..%5ctransfers"],
      ["E2", "/v1/customers\\..\\transfers"],
      ["E2", "/v1/customers/%252e%252e/transfers"],
      ["E2", "/v1/%63ustomers"],
      ["E4", "/v1/customers;/../transfers"],
      ["E4", "/v1/customers/..;/transfers"],
      ["E4", "/v1/customers;x=1"],
      ["E4", "/v1/customers%3bx=1"],
      ["E5", "/v1/customers/"],
      ["E5", "/V1/Customers"],
      ["E5", "/v1/Customers"],
      ["E5", "/v1/customers.json"],
      ["E5", "/v1/customers%20"],
      ["E5", "/v1/customers%00"],
      ["E5", "/v1/customers%0a"],
      ["E5", "/v1/customers%0d%0aHost:evil"],
      ["E6", "/v1/customers#/../transfers"],
      ["E6", "/v1/customers?a=1#b"],
      ["E7", "http://evil/v1/customers"],
      ["E7", "http://evil:abc/v1/customers"],
      ["E7", "http://[::1/v1/customers"],
      ["E7", "https://api.stripe.com@evil/"],
      ["E7", "//evil/v1"],
      ["E7", "//evil/v1/customers"],
      ["E7", "*"],
    ])("%s: refuses `%s`", async (_id, target) => {
      const exchange = await attack(() => ask(`POST ${target}`, key));
      await expectRefusal(front, exchange.answers[0]);
    });
  },
);

describe("E6: a query stays what it was, and policy does not see it", () => {
  test.each(["?x=/../transfers", "?/../", "??", "?a=%2e%2e%2f&b=%00x", "?expand[]=latest_charge"])(
    "E6: `/v1/customers%s` arrives byte for byte, or is refused",
    async (query) => {
      const before = vendor.requests.length;
      const { answers } = await ask(`POST /v1/customers${query}`);
      const seen = vendor.requests.slice(before);
      const row = await rowOf(front, answers[0]);
      expect(row.path).toBe("/v1/customers");
      if (row.verdict === "deny") expect(seen).toEqual([]);
      else expect(seen.map(({ line }) => line)).toEqual([`POST /v1/customers${query} HTTP/1.1`]);
    },
  );

  test("E6: a query never widens the allowlist", async () => {
    const exchange = await attack(() => ask("POST /v1/transfers?/v1/customers"));
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_ambiguous");
  });
});

describe("E7: forms of a target that are no path", () => {
  test("E7: OPTIONS * is refused", async () => {
    const exchange = await attack(() => ask("OPTIONS *", "wide"));
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
  });

  test.each(["CONNECT evil:443", "CONNECT api.stripe.com:443"])("E7: `%s` opens no tunnel", async (line) => {
    // A second answer or an open connection would mean that something listens behind the first.
    const text =
      requestText(line, [`Authorization: Bearer ${keys.wide}`]) + requestText("POST /v1/customers", []);
    const exchange = await attack(() => sendRaw(front.server.dataUrl, text, { answers: 2 }));
    expect(exchange.isClosed).toBe(true);
    expect(exchange.answers).toHaveLength(1);
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
  });

  test.each(["POST evil:443", "POST v1/customers", "CONNECT /v1/customers"])(
    "E7: `%s` is refused by the parser",
    async (line) => {
      expectUnparsed(await attack(() => ask(line, "wide")));
    },
  );
});

describe("E8: whoever the Host header names, the request goes to the configured vendor", () => {
  /** The one request that a call caused, which must be addressed to the vendor and say nothing of another host. */
  async function expectOwnHost(run: () => Promise<RawExchange>): Promise<void> {
    const before = vendor.requests.length;
    const { answers } = await run();
    expect(answers[0]?.status).toBe(200);
    const [seen, ...more] = vendor.requests.slice(before);
    expect(more).toEqual([]);
    expect(seen?.headers.filter(([name]) => name === "host")).toEqual([["host", new URL(vendor.url).host]]);
    expect(seen?.text).not.toMatch(/evil|forwarded/i);
  }

  const credential = (key: KeyName) => `Authorization: Bearer ${keys[key]}`;
  const games: readonly (readonly [name: string, host: string, headers: readonly string[]])[] = [
    ["another host", "evil.test", []],
    ["another port", "127.0.0.1:1", []],
    ["a user name", "api.stripe.com@evil.test", []],
    ["nothing", "", []],
    ["X-Forwarded-Host", "keybrake.test", ["X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https"]],
    ["Forwarded", "keybrake.test", ["Forwarded: host=evil.test", "X-Host: evil.test"]],
    ["X-Original-URL", "keybrake.test", ["X-Original-URL: /v1/evil", "X-Rewrite-URL: /v1/evil"]],
  ];
  test.each(games)("E8: %s, on an accounted call and on a read", async (_name, host, headers) => {
    const write = requestText("POST /v1/customers", [credential("narrow"), ...headers], "", host);
    const read = requestText("GET /v1/customers/cus_1", [credential("reader"), ...headers], "", host);
    await expectOwnHost(() => sendRaw(front.server.dataUrl, write));
    await expectOwnHost(() => sendRaw(front.server.dataUrl, read));
  });

  test("E8: two Hosts are refused", async () => {
    const exchange = await attack(() => ask("POST /v1/customers", "narrow", ["Host: evil"]));
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_ambiguous");
  });

  test("E8: no Host is refused, in HTTP/1.1 and in HTTP/1.0", async () => {
    for (const version of ["1.1", "1.0"]) {
      const text = `POST /v1/customers HTTP/${version}\r\n${credential("narrow")}\r\nContent-Length: 0\r\n\r\n`;
      const exchange = await attack(() => sendRaw(front.server.dataUrl, text));
      expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
    }
  });
});

describe("E9: nothing overrides the method", () => {
  test.each(["X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE"])(
    "E9: `%s` is refused",
    async (header) => {
      const exchange = await attack(() => ask("POST /v1/customers", "wide", [header]));
      expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
    },
  );

  test.each([
    ["the body", "", "_method=DELETE"],
    ["the body, escaped", "", "%5fmethod=DELETE"],
    ["the body, in capitals", "", "_METHOD=DELETE"],
    ["the query", "?_method=DELETE", ""],
    ["the query of a form", "?_method=DELETE", "name=x"],
  ])("E9: `_method` in %s is refused", async (_where, query, body) => {
    const exchange = await attack(() => ask(`POST /v1/customers${query}`, "wide", [], body));
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_ambiguous");
  });
});

describe("E10: methods", () => {
  test.each(["TRACE", "OPTIONS", "PROPFIND", "LINK", "MKCOL", "PURGE"])(
    "E10: %s is refused",
    async (method) => {
      const exchange = await attack(() => ask(`${method} /v1/customers`, "wide"));
      expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
    },
  );

  test.each(["post", "Post", "FOO", "POSTPOST", "GET\tPOST"])("E10: `%s` is no method", async (method) => {
    expectUnparsed(await attack(() => ask(`${method} /v1/customers`, "wide")));
  });

  test("E10: a GET with a body is refused, however the body is framed", async () => {
    const withLength = await attack(() =>
      ask("GET /v1/customers/cus_1", "reader", ["Content-Length: 3"], ""),
    );
    expect(withLength.answers[0]?.status).toBe(400);
    const credential = `Authorization: Bearer ${keys.reader}`;
    const chunked = `GET /v1/customers/cus_1 HTTP/1.1\r\nHost: a\r\n${credential}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n`;
    const exchange = await attack(() => sendRaw(front.server.dataUrl, chunked));
    expect(await expectRefusal(front, exchange.answers[0])).toBe("request_malformed");
  });

  test("E10: a permission to GET is none to HEAD, DELETE or POST", async () => {
    for (const method of ["HEAD", "DELETE", "POST", "PUT", "PATCH"]) {
      const exchange = await attack(() =>
        ask(`${method} /v1/customers/cus_1`, "reader", ["Connection: close"]),
      );
      expect(exchange.text).toMatch(/^HTTP\/1\.1 403 /);
    }
  });
});

describe("E13: identifiers in a path", () => {
  test.each([
    "cus_x/../../transfers",
    "cus_%2e",
    "cus_x%2f..%2f..%2ftransfers",
    "..",
    ".",
    "cus_x?/../x/../../transfers#",
    "cus_x\\..\\..\\transfers",
    "cus_x%00",
    "cus_x/balance_transactions",
    "-cus",
    "*",
    `cus_${"x".repeat(300)}`,
    `cus_${"x".repeat(3_000)}`,
  ])("E13: refuses `%s`", async (id) => {
    const exchange = await attack(() => ask(`GET /v1/customers/${id}`, "reader"));
    await expectRefusal(front, exchange.answers[0]);
  });

  test("E13: an identifier of 10 kB is refused before it is a request", async () => {
    expectUnparsed(await attack(() => ask(`GET /v1/customers/${"x".repeat(10_240)}`, "reader")));
  });
});

describe("the prefix of a vendor", () => {
  test.each(["/stripe/v1/customers", "/stripe/v1/v1/customers", "/stripe//v1/customers", "/v1/customers"])(
    "`%s` is the vendor's own path",
    async (target) => {
      const before = vendor.requests.length;
      const { answers } = await ask(`POST ${target}`);
      expect(answers[0]?.status).toBe(200);
      expect(vendor.requests.slice(before).map(({ line }) => line)).toEqual(["POST /v1/customers HTTP/1.1"]);
    },
  );

  test.each(["/twilio/v1/customers", "/resend/v1/customers"])(
    "`%s` contradicts the key, so it is refused",
    async (target) => {
      const exchange = await attack(() => ask(`POST ${target}`, "wide"));
      expect(await expectRefusal(front, exchange.answers[0])).toBe("vendor_mismatch");
    },
  );
});

// Last, because it counts what all of the above has left behind.
test("as many requests reached the vendor as the audit log says were allowed", async () => {
  expect(vendor.requests.length).toBe(await countAllowed(front));
  expect(vendor.strayBytes()).toBe("");
});
