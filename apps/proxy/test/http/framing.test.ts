import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { codeOf, countAllowed, expectRefusal, type Front, newKey, openFront, rowOf } from "./front.ts";
import { type RawExchange, type RawOptions, requestText, sendRaw } from "./raw-client.ts";
import { answerText, CUSTOMER, openRawVendor, type RawVendor } from "./raw-vendor.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** What a smuggler wants the vendor to see as a request of its own. */
const HIDDEN = "POST /v1/transfers HTTP/1.1\r\nHost: vendor\r\nContent-Length: 0\r\n\r\n";

let vendor: RawVendor;
let front: Front;
let vaultKey: string;
let credential: string;

beforeAll(async () => {
  vendor = await openRawVendor();
  front = await openFront(vendor.url);
  ({ vaultKey } = await newKey(front, {
    allowed_endpoints: ["POST /v1/customers", "DELETE /v1/customers/*", "GET /v1/customers/*"],
  }));
  credential = `Authorization: Bearer ${vaultKey}`;
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});

/** Sends bytes and gives what came back and what of it reached the vendor. */
async function send(parts: string | readonly string[], options?: RawOptions) {
  const before = vendor.requests.length;
  const exchange = await sendRaw(front.server.dataUrl, parts, options);
  expect(vendor.strayBytes()).toBe("");
  return { ...exchange, seen: vendor.requests.slice(before) };
}

/** A head of lines as they are given, and whatever follows it. */
function head(line: string, headers: readonly string[], rest = ""): string {
  return `${[`${line} HTTP/1.1`, "Host: keybrake.test", ...headers].join("\r\n")}\r\n\r\n${rest}`;
}

/** Refused by the parser or by us: a single 4xx of ours, nothing at the vendor, and a row when there was a request. */
async function expectRefused(parts: string | readonly string[], options?: RawOptions): Promise<RawExchange> {
  const exchange = await send(parts, options);
  expect(exchange.seen).toEqual([]);
  for (const answer of exchange.answers) {
    if (answer.headers.has("keybrake-call-id")) await expectRefusal(front, answer);
    else {
      expect(codeOf(answer)).toBe("request_malformed");
      expect(answer.headers.get("connection")).toBe("close");
    }
  }
  expect(exchange.answers.length).toBeGreaterThan(0);
  return exchange;
}

function chunked(...chunks: readonly string[]): string {
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n\r\n`;
}

describe("F2: a chunked body cannot hide a request", () => {
  test.each([
    "DELETE /v1/customers/cus_1",
    "POST /v1/customers",
    "OPTIONS /v1/customers",
    "PUT /v1/customers",
  ])("F2: %s", async (line) => {
    const text = head(line, [credential, FORM, "Transfer-Encoding: chunked"], chunked(HIDDEN));
    await expectRefused(text);
  });

  test("F2: a chunked DELETE that is a proper form arrives once, with a length", async () => {
    const body = "note=POST+/v1/transfers+HTTP/1.1";
    const text = head(
      "DELETE /v1/customers/cus_1",
      [credential, FORM, "Transfer-Encoding: chunked"],
      chunked(body.slice(0, 7), body.slice(7)),
    );
    const { answers, seen } = await send(text);
    expect(answers[0]?.status).toBe(200);
    expect(seen.map(({ line }) => line)).toEqual(["DELETE /v1/customers/cus_1 HTTP/1.1"]);
    expect(seen[0]?.body).toBe(body);
    expect(seen[0]?.headers.map(([name]) => name)).not.toContain("transfer-encoding");
  });

  test("F2: a DELETE without a body is followed by nothing", async () => {
    const { seen } = await send(head("DELETE /v1/customers/cus_1", [credential]));
    expect(seen.map(({ body }) => body)).toEqual([""]);
  });
});

describe("F3: every framing that two readers could understand differently is refused", () => {
  const body = "name=x";
  const cases: readonly (readonly [name: string, headers: readonly string[], rest: string])[] = [
    ["CL and TE", ["Content-Length: 6", "Transfer-Encoding: chunked"], chunked(body)],
    ["TE and CL", ["Transfer-Encoding: chunked", "Content-Length: 6"], chunked(body)],
    ["CL 0 and TE", ["Content-Length: 0", "Transfer-Encoding: chunked"], chunked(body) + HIDDEN],
    ["two CL that differ", ["Content-Length: 6", "Content-Length: 60"], body],
    ["two CL that agree", ["Content-Length: 6", "Content-Length: 6"], body],
    ["a list of CL", ["Content-Length: 6, 6"], body],
    ["CL: +6", ["Content-Length: +6"], body],
    ["CL: -6", ["Content-Length: -6"], body],
    ["CL: 0x6", ["Content-Length: 0x6"], body],
    ["CL: 06", ["Content-Length: 06"], body],
    ["CL: 6 6", ["Content-Length: 6 6"], body],
    ["CL: 6.0", ["Content-Length: 6.0"], body],
    ["CL: 6e0", ["Content-Length: 6e0"], body],
    ["CL: nothing", ["Content-Length:"], body],
    ["CL: twenty digits", ["Content-Length: 18446744073709551622"], body],
    ["CL: a full-width digit", ["Content-Length: \xef\xbc\x96"], body],
    ["CL with a space before the colon", ["Content-Length : 6"], body],
    ["Content_Length", ["Content_Length: 6"], ""],
    ["TE: chunked, identity", ["Transfer-Encoding: chunked, identity"], chunked(body)],
    ["TE: identity", ["Transfer-Encoding: identity"], chunked(body)],
    ["TE: gzip, chunked", ["Transfer-Encoding: gzip, chunked"], chunked(body)],
    ["TE: chunked,", ["Transfer-Encoding: chunked,"], chunked(body)],
    ["TE: ,chunked", ["Transfer-Encoding: ,chunked"], chunked(body)],
    ["TE: chunked;q=1", ["Transfer-Encoding: chunked;q=1"], chunked(body)],
    ["TE: xchunked", ["Transfer-Encoding: xchunked"], chunked(body)],
    ["TE: a vertical tab before chunked", ["Transfer-Encoding: \x0bchunked"], chunked(body)],
    ["TE: a no-break space before chunked", ["Transfer-Encoding: \xa0chunked"], chunked(body)],
    ["TE: chunked in quotes", ['Transfer-Encoding: "chunked"'], chunked(body)],
    ["TE twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked(body)],
    ["TE twice, one of them another", ["Transfer-Encoding: chunked", "Transfer-Encoding: x"], chunked(body)],
    ["TE with a space before the colon", ["Transfer-Encoding : chunked"], chunked(body)],
    ["TE on a folded line", ["Transfer-Encoding:", " chunked"], chunked(body)],
    ["TE behind a lone CR", ["X: y\rTransfer-Encoding: chunked"], chunked(body)],
    ["TE behind a bare LF", ["X: y\nTransfer-Encoding: chunked"], chunked(body)],
    ["Transfer_Encoding", ["Transfer_Encoding: chunked"], ""],
    ["a first line that begins with a space", [" Transfer-Encoding: chunked"], chunked(body)],
  ];
  test.each(cases)("F3: %s", async (_name, headers, rest) => {
    await expectRefused(head("POST /v1/customers", [credential, FORM, ...headers], rest));
  });

  test.each([
    ["a size in another base", "0x6\r\nname=x\r\n0\r\n\r\n"],
    ["a negative size", "-6\r\nname=x\r\n0\r\n\r\n"],
    ["a size with a space", "6 \r\nname=x\r\n0\r\n\r\n"],
    ["a size of seventeen digits", "10000000000000006\r\nname=x\r\n0\r\n\r\n"],
    ["a chunk that is longer than its size", "3\r\nname=x\r\n0\r\n\r\n"],
    ["a size that ends in a bare LF", "6\nname=x\r\n0\r\n\r\n"],
    ["a chunk that ends in a bare LF", "6\r\nname=x\n0\r\n\r\n"],
    ["an extension with a line feed", "6;a\nb\r\nname=x\r\n0\r\n\r\n"],
    ["an extension with a lone CR", "6;a\rb\r\nname=x\r\n0\r\n\r\n"],
  ])("F3: chunks with %s", async (_name, rest) => {
    const { seen, answers } = await send(
      head("POST /v1/customers", [credential, FORM, "Transfer-Encoding: chunked"], rest),
    );
    expect(seen).toEqual([]);
    for (const { status } of answers) expect(status).toBe(400);
  });

  test("F3: `Chunked` in any case is chunked, and arrives with a length", async () => {
    const text = head(
      "POST /v1/customers",
      [credential, FORM, "transfer-encoding:  ChUnKeD "],
      chunked(body),
    );
    const { seen } = await send(text);
    expect(seen.map((request) => request.body)).toEqual([expect.stringMatching(/^name=x/)]);
  });
});

describe("F6: no upgrade", () => {
  test.each([
    ["websocket", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]],
    ["h2c", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]],
    ["Upgrade without Connection", ["Upgrade: websocket"]],
    ["Connection without Upgrade", ["Connection: upgrade"]],
  ])("F6: %s", async (_name, headers) => {
    for (const line of ["GET /v1/customers/cus_1", "POST /v1/customers"]) {
      await expectRefused(head(line, [credential, ...headers, "Content-Length: 0"]));
    }
  });

  test("F6: HTTP/2 with prior knowledge is not spoken", async () => {
    const { seen, text } = await send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(seen).toEqual([]);
    expect(text).toMatch(/^(?:HTTP\/1\.1 400 |$)/);
  });

  test.each(["Connection: keep-alive, Stripe-Version", "Connection: authorization", "Connection: x-foo"])(
    "`%s` names no header that is then dropped",
    async (header) => {
      await expectRefused(head("POST /v1/customers", [credential, header, "Content-Length: 0"]));
    },
  );
});

describe("F7: one credential, in a documented place", () => {
  const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString("base64")}`;

  test("F7: bearer, basic user and basic password work, and the vault key never reaches the vendor", async () => {
    for (const form of [
      credential,
      `authorization: bearer ${vaultKey}`,
      basic(`${vaultKey}:`),
      basic(vaultKey),
      basic(`AC0123456789:${vaultKey}`),
    ]) {
      for (const line of ["POST /v1/customers", "GET /v1/customers/cus_1"]) {
        const { answers, seen } = await send(head(line, [form, "Content-Length: 0"]));
        expect(answers[0]?.status).toBe(200);
        expect(seen).toHaveLength(1);
        expect(seen[0]?.headers.filter(([name]) => name === "authorization")).toHaveLength(1);
        expect(seen[0]?.text).not.toContain(vaultKey);
        expect(seen[0]?.text).not.toContain("vault_");
        expect(seen[0]?.text).toContain("Bearer sk_test_canary");
      }
    }
  });

  test.each([
    ["two bearers", () => [credential, credential]],
    ["bearer and basic", () => [credential, basic(`${vaultKey}:`)]],
    ["a real secret and a vault key", () => ["Authorization: Bearer sk_live_real", credential]],
    ["a second name in capitals", () => [credential, `AUTHORIZATION: Bearer ${vaultKey}`]],
    ["a proxy credential", () => [credential, `Proxy-Authorization: Bearer ${vaultKey}`]],
    ["a vault key as user name and as password", () => [basic(`${vaultKey}:${vaultKey}`)]],
    ["an underscore", () => [credential, `X_Authorization: Bearer ${vaultKey}`]],
  ])("F7: refuses %s", async (_name, headers) => {
    await expectRefused(head("POST /v1/customers", [...headers(), "Content-Length: 0"]));
  });

  test.each([
    "key=sk_live_other",
    "%6bey=sk_live_other",
    "a=b&KEY=sk_live_other",
    "api_key=x",
    "apikey=x",
    "access_token=x",
    "Authorization=Bearer%20x",
    "key[]=x",
    "key%5B0%5D=x",
  ])("F7: refuses a second credential in the query: `%s`", async (query) => {
    await expectRefused(head(`POST /v1/customers?${query}`, [credential, "Content-Length: 0"]));
    await expectRefused(head(`GET /v1/customers/cus_1?${query}`, [credential]));
  });

  test.each([
    ["none", []],
    ["another scheme", [`Authorization: Digest ${"x".repeat(20)}`]],
    ["two spaces", ["Authorization: Bearer  vault_x"]],
    ["two values", ["Authorization: Bearer vault_x, Bearer vault_y"]],
    ["a scheme alone", ["Authorization: Bearer"]],
    ["a cookie", ["Cookie: vault_key=vault_x"]],
    ["an API key header", ["X-Api-Key: vault_x"]],
  ])("F7: %s is no credential", async (_name, headers) => {
    const { answers } = await expectRefused(head("POST /v1/customers", [...headers, "Content-Length: 0"]));
    expect(answers[0]?.status).toBe(401);
  });
});

describe("F8: trailers and chunk extensions", () => {
  const start = (headers: readonly string[] = []) => [
    credential,
    FORM,
    "Transfer-Encoding: chunked",
    ...headers,
  ];

  test.each(["Stripe-Account: acct_x", "Authorization: Bearer sk_live_x", "Content-Length: 60", "X: y"])(
    "F8: the trailer `%s` is refused",
    async (trailer) => {
      const rest = `6\r\nname=x\r\n0\r\n${trailer}\r\n\r\n`;
      await expectRefused(head("POST /v1/customers", start(), rest));
      await expectRefused(head("POST /v1/customers", start(["Trailer: X"]), rest));
    },
  );

  test("F8: a chunk extension goes no further", async () => {
    const rest = '6;secret="Stripe-Account: acct_x"\r\nname=x\r\n0;more\r\n\r\n';
    const { seen } = await send(head("POST /v1/customers", start(), rest));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.body).toMatch(/^name=x/);
    expect(seen[0]?.text).not.toMatch(/acct_x|secret|more/);
  });
});

describe("F9: heads that are too long, or no HTTP", () => {
  const long = (count: number) => Array.from({ length: count }, (_, index) => `x${index}: 1`);
  const cases: readonly (readonly [name: string, text: () => string])[] = [
    ["1,000 headers", () => head("POST /v1/customers", [credential, ...long(1_000)])],
    ["65 headers", () => head("POST /v1/customers", [credential, "Content-Length: 0", ...long(62)])],
    ["a header of 64 kB", () => head("POST /v1/customers", [credential, `X: ${"x".repeat(65_536)}`])],
    ["a name of 64 kB", () => head("POST /v1/customers", [credential, `${"x".repeat(65_536)}: x`])],
    ["a target of 64 kB", () => head(`POST /v1/${"x".repeat(65_536)}`, [credential])],
    ["bare LFs", () => head("POST /v1/customers", [credential, "Content-Length: 0"]).replaceAll("\r", "")],
    ["one bare LF", () => `POST /v1/customers HTTP/1.1\nHost: a\r\n${credential}\r\n\r\n`],
    ["a folded header", () => head("POST /v1/customers", [credential, "X: a", "\tb", "Content-Length: 0"])],
    ["a NUL in a value", () => head("POST /v1/customers", [credential, "X: a\u0000b", "Content-Length: 0"])],
    ["a NUL in a name", () => head("POST /v1/customers", [credential, "X\u0000: a", "Content-Length: 0"])],
    ["a lone CR", () => head("POST /v1/customers", [credential, "X: a\rb", "Content-Length: 0"])],
    ["a control character", () => head("POST /v1/customers", [credential, "X: a\x08b", "Content-Length: 0"])],
    ["no colon", () => head("POST /v1/customers", [credential, "Content-Length 0"])],
    ["an empty name", () => head("POST /v1/customers", [credential, ": a"])],
    ["HTTP/0.9", () => "GET /v1/customers/cus_1\r\n\r\n"],
    ["HTTP/1.2", () => `POST /v1/customers HTTP/1.2\r\nHost: a\r\n${credential}\r\n\r\n`],
    ["HTTP/11", () => `POST /v1/customers HTTP/11\r\nHost: a\r\n${credential}\r\n\r\n`],
    [
      "another expectation",
      () => head("POST /v1/customers", [credential, "Expect: 200-ok", "Content-Length: 0"]),
    ],
  ];
  test.each(cases)("F9: %s", async (_name, text) => {
    await expectRefused(text());
  });

  test("F9: the process is as it was", async () => {
    const { answers } = await send(head("POST /v1/customers", [credential, "Content-Length: 0"]));
    expect(answers[0]?.status).toBe(200);
    expect(front.server.process.exitCode).toBeNull();
    expect(front.server.output()).not.toMatch(/Error:|at .*node_modules/);
  });

  test("`Expect: 100-continue` is answered here and goes no further", async () => {
    const text = requestText("POST /v1/customers", [credential, FORM, "Expect: 100-continue"], "name=x");
    const { seen, answers } = await send(text);
    expect(answers[0]?.status).toBe(200);
    expect(seen[0]?.headers.map(([name]) => name)).not.toContain("expect");
    const read = await send(head("GET /v1/customers/cus_1", [credential, "Expect: 100-continue"]));
    expect(read.seen).toHaveLength(1);
    expect(read.seen[0]?.text).not.toContain(vaultKey);
  });
});

describe("F10: pipelined requests", () => {
  test("F10: allowed, denied, allowed: each is judged alone, and the answers come in order", async () => {
    const text = [
      requestText("POST /v1/customers", [credential, FORM], "name=first"),
      requestText("POST /v1/transfers", [credential, FORM], "amount=1"),
      requestText("POST /v1/customers", [credential, FORM], "name=third"),
    ].join("");
    const { answers, seen } = await send(text, { answers: 3 });
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 200]);
    expect(seen.map(({ body }) => body.split("&")[0]).sort()).toEqual(["name=first", "name=third"]);
    const rows = await Promise.all(answers.map((answer) => rowOf(front, answer)));
    expect(rows.map(({ state, path }) => [state, path])).toEqual([
      ["settled", "/v1/customers"],
      ["denied", "/v1/transfers"],
      ["settled", "/v1/customers"],
    ]);
  });

  test("F10: another key's request on the same connection has its own rights", async () => {
    const other = await newKey(front, { allowed_endpoints: ["GET /v1/balance"] });
    const text = [
      requestText("POST /v1/customers", [credential, FORM], "name=x"),
      requestText("POST /v1/customers", [`Authorization: Bearer ${other.vaultKey}`, FORM], "name=x"),
      requestText("POST /v1/customers", [FORM], "name=x"),
    ].join("");
    const { answers } = await send(text, { answers: 3 });
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 401]);
  });

  test("F10: garbage behind a call that is under way is no answer to that call", async () => {
    // The vendor takes its time, so that the garbage is read while the call is out.
    vendor.answerWith((_request, socket) => setTimeout(() => socket.write(answerText(200, CUSTOMER)), 200));
    const socket = connect(Number(new URL(front.server.dataUrl).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const before = vendor.requests.length;
    socket.write(requestText("POST /v1/customers", [credential, FORM], "name=x"));
    await vi.waitUntil(() => vendor.requests.length > before, { timeout: 15_000 });
    socket.write("NO HTTP AT ALL\r\n\r\n");
    await closed;
    vendor.answerWith(answerText(200, CUSTOMER));
    // Broken off, or answered as it deserves; a 400 would say that the call had not been sent.
    expect(text).not.toMatch(/^HTTP\/1\.1 4/);
    await vi.waitUntil(async () => {
      const { data } = await front.admin.calls.list({ state: "reserved", limit: 1 });
      return data.length === 0;
    });
  });
});

describe("F12: connected accounts", () => {
  test.each([
    "Stripe-Account: acct_x",
    "stripe-account: acct_x",
    "STRIPE-ACCOUNT: acct_x",
    "Stripe-Context: acct_x",
    "stripe-context: acct_x/cus_1",
    "Stripe_Account: acct_x",
    "STRIPE-ACCOUNT : acct_x",
    "Stripe-Account\t: acct_x",
    "Stripe-Account:",
  ])("F12: `%s` is refused", async (header) => {
    await expectRefused(head("POST /v1/customers", [credential, header, "Content-Length: 0"]));
    await expectRefused(head("GET /v1/customers/cus_1", [credential, header]));
  });

  test("F12: a pinned account is named by its key only, and once", async () => {
    const pinned = await newKey(front, {
      allowed_endpoints: ["POST /v1/customers", "GET /v1/customers/*"],
      stripe: { account: "acct_mine" },
    });
    const own = [`Authorization: Bearer ${pinned.vaultKey}`, "Content-Length: 0"];
    for (const line of ["POST /v1/customers", "GET /v1/customers/cus_1"]) {
      const { seen } = await send(head(line, [...own, "Stripe-Account: acct_mine"]));
      expect(seen[0]?.headers.filter(([name]) => name === "stripe-account")).toEqual([
        ["stripe-account", "acct_mine"],
      ]);
      await expectRefused(head(line, [...own, "Stripe-Account: acct_other"]));
      await expectRefused(head(line, [...own, "Stripe-Context: acct_mine"]));
      await expectRefused(head(line, [...own, "Stripe-Account: acct_mine", "Stripe-Account: acct_mine"]));
    }
  });
});

test("what reaches the vendor is built from scratch: an allowlist of headers, and none of ours", async () => {
  const headers = [
    credential,
    FORM,
    "Idempotency-Key: order-7",
    "Stripe-Version: 2026-10-28.endive",
    "User-Agent: agent/1",
    "Keybrake-Run-Id: run_1",
    "Keybrake-Agent-Id: agent_1",
    "KEYBRAKE-Anything: x",
    "Cookie: a=b",
    "Accept: text/html",
    "Accept-Encoding: gzip, br",
    "Referer: http://inside",
    "Via: 1.1 inside",
    "X-Forwarded-For: 10.0.0.1",
    "X-Stripe-Client-User-Agent: {}",
    "Connection: close",
  ];
  const { seen: writes } = await send(requestText("POST /v1/customers", headers, "name=x"));
  const { seen: reads } = await send(requestText("GET /v1/customers/cus_1", headers));
  const namesOf = (request: (typeof writes)[number] | undefined) =>
    request?.headers.map(([name]) => name).sort() ?? [];
  const always = ["accept", "accept-encoding", "authorization", "connection", "host", "stripe-version"];
  expect(namesOf(writes[0])).toEqual(
    [...always, "content-length", "content-type", "idempotency-key", "user-agent"].sort(),
  );
  expect(namesOf(reads[0])).toEqual([...always, "user-agent"].sort());
  for (const { headers: sent, text } of [...writes, ...reads]) {
    expect(text).not.toMatch(/keybrake-|order-7|run_1|agent\/1|gzip|inside|10\.0\.0\.1/i);
    expect(sent).toContainEqual(["accept-encoding", "identity"]);
    expect(sent).toContainEqual(["user-agent", "keybrake"]);
  }
});

// Last, because it counts what all of the above has left behind.
test("as many requests reached the vendor as the audit log says were allowed", async () => {
  expect(vendor.requests.length).toBe(await countAllowed(front));
  expect(vendor.strayBytes()).toBe("");
});
