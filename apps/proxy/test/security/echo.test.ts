import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { codeOf, type Front, openFront, rowOf } from "../http/front.ts";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { answerText, CUSTOMER, openRawVendor, type RawVendor, type SeenRequest } from "../http/raw-vendor.ts";
import { formsOf, SecretScanner } from "./secret-forms.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** One as Stripe makes them, and one with every character that some encoding treats in its own way. */
const SECRETS = {
  plain: "sk_test_echoQ7vX2mNf9LkT4wRz8sYbHd3JpGcE6uA",
  odd: 'sk_test_"odd\\one+with/all=of&them%41<>{}|^~`',
} as const;
type SecretName = keyof typeof SECRETS;

let vendor: RawVendor;
let front: Front;
const vaultKeys = {} as Record<SecretName, string>;
const scanner = new SecretScanner(
  Object.fromEntries(Object.entries(SECRETS).map(([name, value]) => [name, Buffer.from(value)])),
);

beforeAll(async () => {
  vendor = await openRawVendor();
  front = await openFront(vendor.url);
  for (const [name, value] of Object.entries(SECRETS) as [SecretName, string][]) {
    await front.admin.secrets.create({ name, vendor: "stripe", value });
    const { vault_key } = await front.admin.vaultKeys.create({
      agent_id: `${name}_agent`,
      secret: name,
      policy: {
        vendor: "stripe",
        daily_usd_cap: 100_000,
        allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
        expires_in: "1h",
      },
    });
    vaultKeys[name] = vault_key;
  }
}, 120_000);
afterAll(async () => {
  await front.close();
  await vendor.close();
});
beforeEach(() => vendor.answerWith(answerText(200, CUSTOMER)));

const charge = (secret: SecretName) =>
  sendRaw(
    front.server.dataUrl,
    requestText(
      "POST /v1/payment_intents",
      [`Authorization: Bearer ${vaultKeys[secret]}`, FORM],
      "amount=1000&currency=usd",
    ),
  );
const read = (secret: SecretName) =>
  sendRaw(
    front.server.dataUrl,
    requestText("GET /v1/customers/cus_1", [`Authorization: Bearer ${vaultKeys[secret]}`]),
  );

async function countAlerts(): Promise<number> {
  const text = await (await fetch(`${front.server.adminUrl}/metrics`)).text();
  return Number(/^keybrake_leaks_withheld_total (\d+)$/m.exec(text)?.[1]);
}

/** Ways to say the same in capitals or not; all other forms are case-sensitive. */
function spellingsOf(secret: SecretName): [name: string, text: string][] {
  return formsOf(Buffer.from(SECRETS[secret])).flatMap(
    ({ name, needle, ignoresCase }): [string, string][] => {
      if (!ignoresCase) return [[name, needle]];
      const upper = needle.replace(/%[0-9a-f]{2}|\\u[0-9a-f]{4}/gi, (match) =>
        match[0] === "\\" ? `\\u${match.slice(2).toUpperCase()}` : match.toUpperCase(),
      );
      const lower = needle.replace(/%[0-9A-F]{2}/g, (match) => match.toLowerCase());
      const isHex = /^[0-9a-f]+$/i.test(needle);
      return [
        [name, lower],
        [`${name}, in capitals`, isHex ? needle.toUpperCase() : upper],
      ];
    },
  );
}

const CASES = (Object.keys(SECRETS) as SecretName[]).flatMap((secret) =>
  spellingsOf(secret).map(([form, text]) => ({ secret, form, text })),
);

describe("D2: the vendor echoes the credential", () => {
  // Behind text of another length in front, so that base64 stands as it would in a longer message.
  const bodyWith = (text: string) =>
    `{"id":"pi_1","object":"echo","got":"Bearer ${text}","more":"${"x".repeat(99)}"}`;

  test.each(CASES)(
    "D2: $secret, $form, in the body of an accounted call: withheld",
    async ({ secret, text }) => {
      vendor.answerWith(answerText(200, bodyWith(text)));
      const before = await countAlerts();
      const exchange = await charge(secret);
      expect(exchange.answers.map(({ status }) => status)).toEqual([502]);
      expect(codeOf(exchange.answers[0])).toBe("vendor_answer_withheld");
      expect(exchange.answers[0]?.headers.get("stripe-should-retry")).toBe("false");
      expect(exchange.text).not.toContain(text);
      expect(scanner.find("answer", exchange.text)).toEqual([]);
      expect(await countAlerts()).toBe(before + 1);
      // It may have been executed: what it could cost stays charged.
      expect(await rowOf(front, exchange.answers[0])).toMatchObject({
        state: "unknown",
        reserved_usd: "10.00",
      });
    },
  );

  test.each(CASES)(
    "D2: $secret, $form, in a read: broken off before its first byte",
    async ({ secret, text }) => {
      vendor.answerWith(answerText(200, bodyWith(text)));
      const before = await countAlerts();
      const exchange = await read(secret);
      expect(exchange.answers).toEqual([]);
      expect(exchange.isClosed).toBe(true);
      expect(exchange.text).not.toContain(text.slice(0, 12));
      expect(await countAlerts()).toBe(before + 1);
    },
  );

  test.each(CASES)(
    "D2: $secret, $form, in a read, split over chunks at every place",
    async ({ secret, text }) => {
      const cut = Math.floor(text.length / 2);
      const parts = [`{"got":"${text.slice(0, cut)}`, text.slice(cut, cut + 1), `${text.slice(cut + 1)}"}`];
      vendor.answerWith(writeApart(parts));
      const exchange = await read(secret);
      expect(exchange.answers).toEqual([]);
      expect(exchange.text).not.toContain(text.slice(0, 12));
      expect(scanner.find("answer", exchange.text)).toEqual([]);
    },
  );

  test("D2: a secret of one byte a chunk, behind a megabyte of other text", async () => {
    vendor.answerWith(writeApart(["x".repeat(1_048_576), ...SECRETS.plain]));
    const exchange = await read("plain");
    expect(exchange.answers).toEqual([]);
    expect(exchange.text).not.toContain(SECRETS.plain.slice(0, 12));
  });

  test.each([
    ["an accounted call", charge],
    ["a read", read],
  ] as const)("D2: in a header that agents may see, on %s", async (_name, call) => {
    const before = await countAlerts();
    vendor.answerWith(answerText(200, CUSTOMER, [`Request-Id: ${SECRETS.plain}`]));
    const exchange = await call("plain");
    expect(codeOf(exchange.answers[0])).toBe("vendor_answer_withheld");
    expect(scanner.find("answer", exchange.text)).toEqual([]);
    expect(await countAlerts()).toBe(before + 1);
    const row = await vi.waitUntil(async () => {
      const { completed_at, ...rest } = await rowOf(front, exchange.answers[0]);
      return completed_at === null ? null : rest;
    });
    expect(scanner.find("row", JSON.stringify(row))).toEqual([]);
  });

  test("D2: in the identifiers that a row would keep: the row keeps none of them", async () => {
    const object = { id: SECRETS.plain, object: "payment_intent", amount: 1000, amount_received: 1000 };
    const succeeded = { ...object, currency: "usd", status: "succeeded", customer: SECRETS.plain };
    vendor.answerWith(answerText(200, JSON.stringify(succeeded)));
    const exchange = await charge("plain");
    expect(codeOf(exchange.answers[0])).toBe("vendor_answer_withheld");
    const row = await rowOf(front, exchange.answers[0]);
    expect(row).toMatchObject({ state: "unknown", vendor_object_id: null, customer_id: null });
    vendor.answerWith(answerText(400, JSON.stringify({ error: { code: SECRETS.plain } })));
    const refused = await rowOf(front, (await charge("plain")).answers[0]);
    expect(refused.state).toBe("released");
    expect(scanner.find("rows", JSON.stringify([row, refused]))).toEqual([]);
  });

  test.each([200, 500])(
    "D2: in the answer (%i) that prices a refund: nothing is sent, shown or kept",
    async (status) => {
      const { vault_key } = await front.admin.vaultKeys.create({
        agent_id: "refund_agent",
        secret: "plain",
        policy: { vendor: "stripe", allowed_endpoints: ["POST /v1/refunds"], daily_usd_cap: 1000 },
      });
      const object = { id: "ch_1", amount: 1000, amount_captured: 1000, amount_refunded: 0 };
      const reply = JSON.stringify({ ...object, currency: SECRETS.plain });
      vendor.answerWith(answerText(status, reply, [`Request-Id: ${SECRETS.plain}`]));
      const [sent, alerts] = [vendor.requests.length, await countAlerts()];
      const exchange = await sendRaw(
        front.server.dataUrl,
        requestText("POST /v1/refunds", [`Authorization: Bearer ${vault_key}`, FORM], "charge=ch_1"),
      );
      expect(codeOf(exchange.answers[0])).toBe("vendor_answer_withheld");
      expect(vendor.requests.slice(sent).map(({ line }) => line)).toEqual(["GET /v1/charges/ch_1 HTTP/1.1"]);
      expect(scanner.find("answer", exchange.text)).toEqual([]);
      expect(await countAlerts()).toBe(alerts + 1);
    },
  );

  test("D2: in the answer to a read of Keybrake's own: it is withheld, and the operator is told", async () => {
    vendor.answerWith((request, socket) => {
      const [, value = ""] = request.headers.find(([name]) => name === "authorization") ?? [];
      socket.write(answerText(200, JSON.stringify({ object: "list", data: [], got: value })));
    });
    const alerts = await countAlerts();
    const compared = front.admin.reconcile({ vendor: "stripe", day: new Date().toISOString().slice(0, 10) });
    await expect(compared).rejects.toMatchObject({ code: "records_unreadable" });
    expect(await countAlerts()).toBe(alerts + 1);
    const alert = front.server
      .output()
      .split("\n")
      .filter((line) => line.includes("contained a real credential"))
      .at(-1);
    const { data } = await front.admin.calls.list({ agent_id: "keybrake", limit: 1 });
    expect(JSON.parse(alert ?? "{}")).toMatchObject({
      level: 50,
      agent_id: "keybrake",
      call_id: data[0]?.id,
      endpoint: data[0]?.endpoint,
    });
  });

  test("D2: another agent's credential is another's to keep, an answer without any passes untouched", async () => {
    const body = JSON.stringify({ id: "cus_1", note: SECRETS.plain.slice(0, -1) });
    vendor.answerWith(answerText(200, body));
    expect((await read("plain")).answers[0]?.body).toBe(body);
  });
});

describe("D5: the vendor refuses the credential, and quotes it", () => {
  const tail = SECRETS.plain.slice(-4);
  const quote = JSON.stringify({
    error: { type: "invalid_request_error", message: `Invalid API Key provided: sk_test_****${tail}` },
  });

  test.each([401, 403])("D5: a %s is told as a 502 of ours, without the tail", async (status) => {
    for (const call of [charge, read]) {
      vendor.answerWith(answerText(status, quote, ["WWW-Authenticate: Basic", `Request-Id: req_${tail}x`]));
      const { answers, text } = await call("plain");
      expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([
        [502, "vendor_answer_withheld"],
      ]);
      expect(answers[0]?.headers.get("stripe-should-retry")).toBe("false");
      expect(text).not.toContain(tail);
      expect(text).not.toContain("Invalid API Key");
    }
  });
});

test("nothing of all this is in the log, in the metrics or in the audit log", async () => {
  const metrics = await (await fetch(`${front.server.adminUrl}/metrics`)).text();
  const rows: string[] = [];
  for await (const call of front.admin.calls.ndjson({})) rows.push(JSON.stringify(call));
  const outputs = { log: front.server.output(), metrics, rows: rows.join("\n") };
  expect(Object.entries(outputs).flatMap(([where, text]) => scanner.find(where, text))).toEqual([]);
  expect(outputs.log).toContain("a vendor's answer contained a real credential and was withheld");
});

/** An answer in chunks, each in a packet of its own as far as the kernel lets it be. */
function writeApart(parts: readonly string[]): (request: SeenRequest, socket: Socket) => void {
  return (_request, socket) => {
    const write = async () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (const part of parts) {
        await new Promise((resolve) => socket.write(`${part.length.toString(16)}\r\n${part}\r\n`, resolve));
        await turn();
      }
      socket.write("0\r\n\r\n");
    };
    write().catch(() => undefined);
  };
}
