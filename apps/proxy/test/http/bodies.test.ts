import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, countAllowed, expectRefusal, type Front, newKey, openFront, rowOf } from "./front.ts";
import { type RawExchange, requestText, sendRaw } from "./raw-client.ts";
import { openRawVendor, type RawVendor } from "./raw-vendor.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const FORM_BYTES_MAX = 65_536;
const BODY_BYTES_MAX = 1_048_576;
const PAY = "POST /v1/payment_intents";

let vendor: RawVendor;
let front: Front;
let credential: string;
/** A body of one byte, and then nothing: it is refused after ten real seconds, so it waits beside the other tests. */
let stalled: Promise<RawExchange>;

beforeAll(async () => {
  vendor = await openRawVendor();
  front = await openFront(vendor.url);
  const { vaultKey } = await newKey(front, {
    daily_usd_cap: 100_000,
    allowed_endpoints: ["POST /v1/**", "DELETE /v1/**"],
  });
  credential = `Authorization: Bearer ${vaultKey}`;
  stalled = sendRaw(front.server.dataUrl, headOf([FORM, "Content-Length: 40"], "a"));
  stalled.catch(() => undefined);
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});

function headOf(headers: readonly string[], rest: string, line = PAY): string {
  return `${[`${line} HTTP/1.1`, "Host: a", credential, ...headers].join("\r\n")}\r\n\r\n${rest}`;
}

/** Sends bytes that must be refused: nothing of them reaches the vendor, nothing is held, and a row says why. */
async function refused(text: string, half = false): Promise<string> {
  const before = vendor.requests.length;
  const exchange = await sendRaw(front.server.dataUrl, text, { half });
  expect(vendor.requests.length).toBe(before);
  expect(vendor.strayBytes()).toBe("");
  return expectRefusal(front, exchange.answers[0]);
}

const pay = (body: string) => requestText(PAY, [credential, FORM], body);

describe("G1: an amount has one spelling", () => {
  test.each([
    "amount=1&amount=99999&currency=usd",
    "amount[]=1&currency=usd",
    "amount[0]=1&currency=usd",
    "amount=1&amount[]=9&currency=usd",
    "amount=1&amount[value]=9&currency=usd",
    "Amount=1&currency=usd",
    "amount=1&AMOUNT=9&currency=usd",
    "amount%00=1&currency=usd",
    "+amount=1&currency=usd",
    "%20amount=1&currency=usd",
    "amount+=1&currency=usd",
    "amount%09=1&currency=usd",
    "amount=1&%61mount=9&currency=usd",
    "amount%5B%5D=1&currency=usd",
    "amount[=1&currency=usd",
    "amount]=1&currency=usd",
    "amount=1&&currency=usd",
    "&amount=1&currency=usd",
    "amount=1&currency=usd&",
    "amount=1;amount=9&currency=usd",
    "amount=1&currency=usd&currency=jpy",
    "amount=1&currency[]=usd",
    "amount=1&Currency=usd",
    "amount=%ff&currency=usd",
    "amount=1&currency=usd&x=%zz",
    "amount=1&currency=usd&x=%c0%ae",
    "\xef\xbb\xbfamount=1&currency=usd",
    "amount=1&currency=usd&_method=DELETE",
  ])("G1: refuses `%s`", async (body) => {
    await refused(pay(body));
  });

  test("G1: an escaped name counts as the name", async () => {
    const { answers } = await sendRaw(front.server.dataUrl, pay("%61mount=900&currency=usd"));
    expect(await rowOf(front, answers[0])).toMatchObject({
      verdict: "allow",
      amount: 900,
      reserved_usd: "9.00",
    });
    expect(vendor.requests.at(-1)?.body).toMatch(/^%61mount=900&/);
  });

  test.each(["?amount=1", "?amount=1&currency=usd", "?%61mount=1", "?Amount=1", "?transfer_data[amount]=1"])(
    "G1: refuses an amount in the query: `%s`",
    async (query) => {
      await refused(requestText(`${PAY}${query}`, [credential, FORM], "amount=900&currency=usd"));
    },
  );

  test("G1: refuses a field that stands in query and body", async () => {
    const text = requestText(
      `${PAY}?description=a`,
      [credential, FORM],
      "amount=1&currency=usd&description=b",
    );
    expect(await refused(text)).toBe("request_ambiguous");
  });
});

describe("G2: an amount is a positive whole number", () => {
  test.each([
    "1e3",
    "0x10",
    "01",
    "+1",
    "%2B1",
    "-1",
    "0",
    "1.5",
    "1.0",
    "+1+",
    "%201",
    "1%20",
    "1_000",
    "1,000",
    "%EF%BC%91",
    "%D9%A1",
    "9007199254740993",
    "9".repeat(30),
    "",
    "NaN",
    "Infinity",
    "null",
    "1%0a",
    "1%00",
    "1%E2%80%8B",
  ])("G2: refuses `amount=%s`", async (amount) => {
    await refused(pay(`amount=${amount}&currency=usd`));
    await refused(pay(`amount_to_capture=${amount}`).replace(PAY, "POST /v1/payment_intents/pi_1/capture"));
  });
});

describe("G4: JSON is not what this vendor's money endpoints read", () => {
  test.each([
    '{"amount":1,"amount":99999,"currency":"usd"}',
    '{"amou\\u006et":1,"currency":"usd"}',
    '{"amount":1e400}',
    '{"amount":-0}',
    '{"amount":NaN}',
    '{"amount":1,}',
    '\xef\xbb\xbf{"amount":1}',
    '{"__proto__":{"amount":1}}',
    "[".repeat(10_000),
  ])("G4: refuses `%s`", async (body) => {
    for (const type of [FORM, "Content-Type: application/json"]) {
      await refused(requestText(PAY, [credential, type], body));
    }
  });
});

describe("G5: one media type", () => {
  const body = "amount=100&currency=usd";
  test.each([
    "Content-Type: text/plain",
    "Content-Type: application/json",
    "Content-Type: multipart/form-data; boundary=x",
    "Content-Type: text/plain; x=application/x-www-form-urlencoded",
    "Content-Type: application/x-www-form-urlencoded; charset=utf-7",
    "Content-Type: application/x-www-form-urlencoded; charset=ibm037",
    "Content-Type: application/x-www-form-urlencoded; charset=utf-8; charset=utf-7",
    "Content-Type: application/x-www-form-urlencoded, application/json",
    "Content-Type: application/x-www-form-urlencoded;",
    "Content-Type: application/x-www-form-urlencodedx",
    "Content-Type:",
    "X: y",
  ])("G5: refuses a form labeled `%s`", async (header) => {
    await refused(requestText(PAY, [credential, header], body));
  });

  test("G5: refuses two Content-Types", async () => {
    const text = requestText(PAY, [credential, FORM, "Content-Type: application/json"], body);
    expect(await refused(text)).toBe("request_ambiguous");
  });

  test("G5: takes the charset that it is", async () => {
    const { answers } = await sendRaw(
      front.server.dataUrl,
      requestText(PAY, [credential, `${FORM}; charset=UTF-8`], body),
    );
    expect(await rowOf(front, answers[0])).toMatchObject({ verdict: "allow", amount: 100 });
  });
});

describe("G6: nothing is ever decompressed", () => {
  const residentBytes = () => {
    const status = readFileSync(`/proc/${front.server.process.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  };

  test("G6: a bomb of 64 MiB in 64 kB is refused unread", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1_048_576)).toString("latin1");
    const before = residentBytes();
    for (const encoding of ["gzip", "deflate", "br", "zstd", "identity", "x"]) {
      const headers = [FORM, `Content-Encoding: ${encoding}`, `Content-Length: ${bomb.length}`];
      await refused(headOf(headers, bomb));
    }
    expect(residentBytes() - before).toBeLessThan(50 * 1_048_576);
  });
});

describe("G9: bodies have a length and an end", () => {
  test("G9: a form one byte over 64 KiB, and 64 KiB exactly", async () => {
    const body = `amount=100&currency=usd&x=${"y".repeat(FORM_BYTES_MAX)}`;
    expect(await refused(pay(body.slice(0, FORM_BYTES_MAX + 1)))).toBe("payload_too_large");
    const { answers } = await sendRaw(front.server.dataUrl, pay(body.slice(0, FORM_BYTES_MAX)));
    expect(await rowOf(front, answers[0])).toMatchObject({ verdict: "allow" });
    expect(vendor.requests.at(-1)?.body.startsWith(body.slice(0, FORM_BYTES_MAX))).toBe(true);
  });

  test("G9: anything else one byte over 1 MiB", async () => {
    const json = "Content-Type: application/json";
    const over = requestText(PAY, [credential, json], "x".repeat(BODY_BYTES_MAX + 1));
    expect(await refused(over)).toBe("payload_too_large");
    const within = requestText(PAY, [credential, json], "x".repeat(BODY_BYTES_MAX));
    expect(await refused(within)).toBe("request_malformed");
  });

  test("G9: a length is believed before a byte of it is read", async () => {
    expect(await refused(headOf([FORM, "Content-Length: 9999999999"], ""))).toBe("payload_too_large");
  });

  test("G9: chunks are counted, not believed", async () => {
    const chunk = `1000\r\n${"x".repeat(4_096)}\r\n`;
    const text = headOf([FORM, "Transfer-Encoding: chunked"], chunk.repeat(20));
    expect(await refused(text)).toBe("payload_too_large");
  });

  test("G9: an agent that hangs up in the middle of its body holds nothing", async () => {
    const before = vendor.requests.length;
    await sendRaw(front.server.dataUrl, headOf([FORM, "Content-Length: 100"], "amount=100&curr"), {
      half: true,
    });
    expect(vendor.requests.length).toBe(before);
  });

  test("G9: one byte and then nothing: 408 after ten seconds, and the connection ends", async () => {
    const { answers, isClosed } = await stalled;
    expect(answers[0]?.status).toBe(408);
    expect(codeOf(answers[0])).toBe("request_timeout");
    expect(answers[0]?.headers.get("connection")).toBe("close");
    expect(isClosed || answers.length === 1).toBe(true);
    await expectRefusal(front, answers[0]);
  });
});

describe("G10: bodies that are work", () => {
  test.each([
    ["100,000 fields", Array.from({ length: 100_000 }, (_, index) => `a${index}=`).join("&")],
    ["10,000 fields in 64 KiB", Array.from({ length: 10_000 }, (_, index) => `a${index % 10}`).join("&")],
    ["201 fields", Array.from({ length: 201 }, (_, index) => `a${index}=1`).join("&")],
    ["a depth of 10,000", `a${"[b]".repeat(10_000)}=1`],
    ["a depth of 6", "a[b][c][d][e][f][g]=1"],
    ["a key of 300 characters", `${"k".repeat(300)}=1`],
    ["10,000 brackets that open", `a${"[".repeat(10_000)}=1`],
    ["60,000 percent signs", "%".repeat(60_000)],
  ])("G10: refuses %s", async (_name, body) => {
    await refused(pay(body));
  });
});

test("G10: a key of 5 MB is refused, even if the connection breaks before the agent has read why", async () => {
  const before = vendor.requests.length;
  const { answers } = await sendRaw(front.server.dataUrl, pay(`${"k".repeat(5_000_000)}=1`));
  for (const answer of answers) expect(await expectRefusal(front, answer)).toBe("payload_too_large");
  expect(vendor.requests.length).toBe(before);
});

// Last, because it counts what all of the above has left behind.
test("nothing is held by what was refused, and as many requests arrived as were allowed", async () => {
  expect(vendor.requests.length).toBe(await countAllowed(front));
  const { data } = await front.admin.calls.list({ state: "reserved", limit: 1 });
  expect(data).toEqual([]);
  let held = 0;
  for await (const call of front.admin.calls.ndjson({ state: "denied" })) held += Number(call.reserved_usd);
  expect(held).toBe(0);
});
