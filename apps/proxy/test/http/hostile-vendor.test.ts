import type { Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CANARY_SECRET } from "../support/crew.ts";
import { codeOf, type Front, newKey, openFront, rowOf } from "./front.ts";
import { type RawExchange, requestText, sendRaw } from "./raw-client.ts";
import { answerText, CUSTOMER, openRawVendor, type RawVendor, type Reply } from "./raw-vendor.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
const INTENT = JSON.stringify({
  id: "pi_1",
  object: "payment_intent",
  amount: 1000,
  amount_received: 1000,
  currency: "usd",
  status: "succeeded",
});
const ANSWER_BYTES_MAX = 10 * 1_048_576;

let vendor: RawVendor;
/** Where a redirect would lead. */
let evil: RawVendor;
let front: Front;
let credential: string;

beforeAll(async () => {
  [vendor, evil] = await Promise.all([openRawVendor(), openRawVendor()]);
  front = await openFront(vendor.url);
  const key = await newKey(front, {
    daily_usd_cap: 100_000,
    allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
  });
  credential = `Authorization: Bearer ${key.vaultKey}`;
}, 120_000);
afterAll(async () => {
  await front.close();
  await Promise.all([vendor.close(), evil.close()]);
});
beforeEach(() => vendor.answerWith(answerText(200, CUSTOMER)));

/** Ten dollars: what is held when the answer proves nothing. */
const charge = () =>
  sendRaw(
    front.server.dataUrl,
    requestText("POST /v1/payment_intents", [credential, FORM], "amount=1000&currency=usd"),
  );
const read = () => sendRaw(front.server.dataUrl, requestText("GET /v1/customers/cus_1", [credential]));

/** Whatever the vendor did: one request to it, none elsewhere, nothing of the credential, and a row at its end. */
async function suffer(reply: Reply, call: () => Promise<RawExchange>): Promise<RawExchange> {
  vendor.answerWith(reply);
  const before = vendor.requests.length;
  const exchange = await call();
  vendor.answerWith(answerText(200, CUSTOMER));
  expect(vendor.requests.length - before).toBe(1);
  expect(evil.requests).toEqual([]);
  expect(exchange.text).not.toContain(CANARY_SECRET);
  expect(front.server.process.exitCode).toBeNull();
  return exchange;
}

async function expectUnknown(exchange: RawExchange, code: string): Promise<void> {
  expect(exchange.answers.map(({ status }) => status)).toEqual([502]);
  expect(codeOf(exchange.answers[0])).toBe(code);
  expect(await rowOf(front, exchange.answers[0])).toMatchObject({ state: "unknown", reserved_usd: "10.00" });
}

/** Framing that two readers understand differently, and bytes that are no HTTP. */
const BROKEN: readonly (readonly [name: string, answer: string])[] = [
  [
    "CL and TE",
    `HTTP/1.1 200 OK\r\nContent-Length: ${INTENT.length}\r\nTransfer-Encoding: chunked\r\n\r\n${INTENT}`,
  ],
  ["two CL that differ", `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n${INTENT}`],
  ["CL: +5", `HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n${INTENT}`],
  ["CL: 0x5", `HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n${INTENT}`],
  ["CL: -1", `HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n${INTENT}`],
  ["a chunk that is no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
  [
    "a NUL in a header",
    `HTTP/1.1 200 OK\r\nX: a\u0000b\r\nContent-Length: ${INTENT.length}\r\n\r\n${INTENT}`,
  ],
  [
    "an injected header behind a lone CR",
    `HTTP/1.1 200 OK\r\nRequest-Id: a\rSet-Cookie: b\r\nContent-Length: ${INTENT.length}\r\n\r\n${INTENT}`,
  ],
  ["a header without a colon", `HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 0\r\n\r\n`],
  ["HTTP/2", `HTTP/2 200\r\ncontent-length: ${INTENT.length}\r\n\r\n${INTENT}`],
  ["a status of four digits", `HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n`],
  ["a status below 100", `HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}`],
  ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
  [
    "a switch of protocols that nobody asked for",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  ],
  ["a bare 101", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["a head of 64 kB", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(65_536)}\r\nContent-Length: 0\r\n\r\n`],
];

describe("F6, F11: an answer that is broken is none", () => {
  test.each(BROKEN)(
    "F11: %s, to an accounted call: 502, and its worst case stays charged",
    async (_name, answer) => {
      await expectUnknown(await suffer(answer, charge), "vendor_unreachable");
    },
  );

  test.each(BROKEN)("F11: %s, to a read: 502 or broken off", async (_name, answer) => {
    const exchange = await suffer(answer, read);
    if (exchange.answers.length === 0) expect(exchange.isClosed).toBe(true);
    else expect(exchange.answers.map(({ status }) => status)).toEqual([502]);
    expect(exchange.text).not.toMatch(/set-cookie|switching|websocket/i);
  });

  test("F11: none of these broke anything else", async () => {
    expect((await charge()).answers[0]?.status).toBe(200);
    expect((await read()).answers[0]?.status).toBe(200);
    expect(front.server.output()).not.toContain("keybrake ends after an internal error");
    // A streamed read is settled when its last byte has left, a moment after the agent has it.
    await vi.waitFor(async () => {
      const { data } = await front.admin.calls.list({ state: "reserved", limit: 1 });
      expect(data).toEqual([]);
    });
  });
});

describe("F11: answers that are whole, and want more", () => {
  const everywhere = [
    ["an accounted call", () => charge()],
    ["a read", () => read()],
  ] as const;

  test.each(everywhere)("F11: a redirect is not followed, on %s", async (_name, call) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const reply = answerText(status, "{}", [`Location: ${evil.url}/v1/customers/cus_1`]);
      const { answers } = await suffer(reply, call);
      expect(answers).toHaveLength(1);
      expect(answers[0]?.headers.has("location")).toBe(false);
    }
  });

  test.each(everywhere)("F11: headers are an allowlist, on %s", async (_name, call) => {
    const headers = [
      "Set-Cookie: session=1",
      'Alt-Svc: h2="evil:443"',
      "Location: http://evil/",
      `Link: <${evil.url}>; rel=preload`,
      "Refresh: 0; url=http://evil",
      "Strict-Transport-Security: max-age=1",
      "Access-Control-Allow-Origin: *",
      "Keybrake-Call-Id: 00000000-0000-7000-8000-000000000000",
      "Cache-Control: public, max-age=3600",
      "Server: nginx",
      "Connection: close, X-Hop",
      "X-Hop: 1",
      "Keep-Alive: timeout=1000",
      "Proxy-Authenticate: Basic",
      "Content-Disposition: attachment",
      "Request-Id: req_real",
      "Stripe-Version: 2026-10-28.endive",
    ];
    const { answers, text } = await suffer(answerText(200, INTENT, headers), call);
    const names = [...(answers[0]?.headers.keys() ?? [])];
    const allowed = ["cache-control", "connection", "content-length", "content-type", "date", "keep-alive"];
    const known = [...allowed, "keybrake-call-id", "request-id", "stripe-version"];
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
    expect(answers[0]?.headers.get("request-id")).toBe("req_real");
    expect(answers[0]?.headers.get("cache-control")).toBe("no-store");
    expect(text).not.toMatch(/evil|session=1|00000000-0000|timeout=1000|X-Hop/i);
    expect(answers[0]?.body).toBe(INTENT);
  });

  test.each(everywhere)(
    "F11: a thousand informational answers change nothing, on %s",
    async (_name, call) => {
      const flood = "HTTP/1.1 103 Early Hints\r\nLink: <http://evil/>\r\n\r\n".repeat(1_000);
      const { answers, text } = await suffer(flood + answerText(200, INTENT), call);
      expect(answers.map(({ status, body }) => [status, body])).toEqual([[200, INTENT]]);
      expect(text).not.toMatch(/Early Hints|evil/);
    },
  );

  test.each(everywhere)(
    "F11: a second answer is never given to the next call, on %s",
    async (_name, call) => {
      await suffer(answerText(200, INTENT) + answerText(200, '{"poisoned":true}'), call);
      for (let attempt = 0; attempt < 3; attempt++) {
        for (const next of [charge, read]) expect((await next()).text).not.toContain("poisoned");
      }
    },
  );

  test.each(everywhere)("F11: a header that is no latin1 spoils no success, on %s", async (_name, call) => {
    const reply = answerText(200, INTENT, [`Request-Id: ${Buffer.from("req_€").toString("latin1")}`]);
    const { answers } = await suffer(reply, call);
    expect(answers.map(({ status, body }) => [status, body])).toEqual([[200, INTENT]]);
  });

  test.each(everywhere)(
    "F11: an encoded answer cannot be searched, so it is withheld, on %s",
    async (_name, call) => {
      for (const header of [
        "Content-Encoding: gzip",
        "Content-Encoding: br",
        "Content-Encoding: identity, gzip",
      ]) {
        const { answers } = await suffer(answerText(200, INTENT, [header]), call);
        expect(answers.map(({ status }) => status)).toEqual([502]);
        expect(codeOf(answers[0])).toBe("vendor_answer_withheld");
      }
    },
  );

  test.each(everywhere)("F11: nor can a compressed transfer, on %s", async (_name, call) => {
    const chunks = `${INTENT.length.toString(16)}\r\n${INTENT}\r\n0\r\n\r\n`;
    const reply = `HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${chunks}`;
    const { answers, text } = await suffer(reply, call);
    expect(answers.map(({ status }) => status)).toEqual([502]);
    expect(text).not.toContain("payment_intent");
  });

  test.each([204, 304])("F11: a body behind a %s is not passed on", async (status) => {
    for (const call of [charge, read]) {
      const { text } = await suffer(answerText(status, "HTTP/1.1 200 OK\r\n\r\n"), call);
      expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    }
  });

  test("F11: trailers of an answer are dropped", async () => {
    const chunks = `${INTENT.length.toString(16)}\r\n${INTENT}\r\n0\r\nSet-Cookie: a=b\r\n\r\n`;
    const reply = `HTTP/1.1 200 OK\r\nTrailer: Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    for (const call of [charge, read]) {
      const { answers, text } = await suffer(reply, call);
      expect(answers[0]?.body).toBe(INTENT);
      expect(text).not.toMatch(/a=b/);
    }
  });
});

describe("B4: a vendor that is slow to everybody", () => {
  /** Calls of one secret that run at the same time, and how many of them one key may fill. */
  const RUNNING = 128;
  const KEY_RUNNING = 32;

  test("B4: a read beyond those that may run holds nothing while it waits, and is sent when it is its turn", async () => {
    const held: Socket[] = [];
    vendor.answerWith((_request, socket) => void held.push(socket));
    const before = vendor.requests.length;
    const keys = await Promise.all(
      Array.from({ length: RUNNING / KEY_RUNNING + 1 }, () =>
        newKey(front, { allowed_endpoints: ["GET /v1/customers/*"] }),
      ),
    );
    const readAs = (vaultKey: string | undefined) =>
      sendRaw(
        front.server.dataUrl,
        requestText("GET /v1/customers/cus_1", [`Authorization: Bearer ${vaultKey}`]),
      );
    const first = keys
      .slice(1)
      .flatMap(({ vaultKey }) => Array.from({ length: KEY_RUNNING }, () => readAs(vaultKey)));
    await vi.waitUntil(() => vendor.requests.length - before === RUNNING, { timeout: 15_000 });
    const late = [readAs(keys[0]?.vaultKey), readAs(keys[0]?.vaultKey)];
    await vi.waitUntil(
      async () =>
        (await (await fetch(`${front.server.adminUrl}/metrics`)).text()).includes(
          'keybrake_vendor_queue_length{vendor="stripe"} 2',
        ),
      { timeout: 15_000 },
    );
    expect((await front.admin.calls.list({ vault_key_id: keys[0]?.id ?? "" })).data).toEqual([]);
    vendor.answerWith(answerText(200, CUSTOMER));
    for (const socket of held) socket.write(answerText(200, CUSTOMER));
    const answered = (await Promise.all([...first, ...late])).map(({ answers }) => answers[0]?.status);
    expect(new Set(answered)).toEqual(new Set([200]));
    expect(vendor.requests.length - before).toBe(RUNNING + late.length);
  }, 60_000);
});

describe("F11: answers without an end", () => {
  /** Writes for as long as the other side takes it. */
  const endless =
    (head: string): Reply =>
    (_request, socket: Socket) => {
      const block = Buffer.alloc(262_144, " ");
      socket.write(head);
      const fill = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on("drain", fill);
      fill();
    };

  test.each([
    ["chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n"],
    ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"],
    ["until the connection closes", "HTTP/1.1 200 OK\r\n\r\n"],
  ])("F11: more than 10 MiB, %s, is cut off and stays charged", async (_name, head) => {
    await expectUnknown(await suffer(endless(head), charge), "vendor_unreachable");
  });

  test("F11: just short of 10 MiB arrives whole", async () => {
    const filler = "x".repeat(ANSWER_BYTES_MAX - 1_000);
    const body = JSON.stringify({ ...JSON.parse(INTENT), filler });
    const { answers } = await suffer(answerText(200, body), charge);
    expect(answers[0]?.body.length).toBe(body.length);
  });

  test("F11: the connection of an endless refusal is given up, not drained", async () => {
    const head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 99999999999\r\n\r\n";
    const closed = new Promise<void>((resolve) => {
      const flood = endless(head) as (request: never, socket: Socket) => void;
      vendor.answerWith((request, socket) => {
        socket.once("close", () => resolve());
        flood(request as never, socket);
      });
    });
    const { answers } = await read();
    expect(answers.map(({ status }) => status)).toEqual([502]);
    await closed;
  });

  test("F11: when the agent leaves an endless read, the vendor's connection ends as well", async () => {
    const gone = new AbortController();
    const closed = new Promise<void>((resolve) => {
      vendor.answerWith((request, socket) => {
        socket.once("close", () => resolve());
        (endless("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n") as (r: never, s: Socket) => void)(
          request as never,
          socket,
        );
      });
    });
    const answer = await fetch(`${front.server.dataUrl}/v1/customers/cus_1`, {
      headers: { authorization: credential.slice("Authorization: ".length) },
      signal: gone.signal,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    gone.abort();
    await closed;
  });
});
