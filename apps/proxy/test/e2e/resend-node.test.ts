import { describe, expect, test } from "vitest";
import { sendRaw } from "../http/raw-client.ts";
import { RESEND_SECRET, resendClient, useMessengers } from "./crew-of-three.ts";

const MAIL = {
  from: "Billing <billing@crew.example>",
  to: ["ada@example.com"],
  subject: "Invoice",
  text: "Hello",
};

describe("resend-node through a server", () => {
  const open = useMessengers();

  test("each recipient counts, the real key is used, and the labels stand in the tags", async () => {
    const { server, key, resend } = open();
    const { vaultKey, rows } = await key("resend", {}, "run-mail");
    const client = resendClient(server.dataUrl, vaultKey);
    const mail = { ...MAIL, to: ["ada@example.com", "bob@example.com"], cc: "eve@example.com" };
    const { data, error } = await client.emails.send(mail);
    expect(error).toBeNull();
    const arrived = resend.requests.at(-1);
    expect(arrived?.headers["authorization"]).toBe(`Bearer ${RESEND_SECRET}`);
    expect(JSON.parse(arrived?.body ?? "{}").tags).toContainEqual({ name: "crew_run_id", value: "run-mail" });
    expect(await rows()).toMatchObject([
      {
        state: "settled",
        cost_usd: "0.0027",
        reserved_usd: "0.0027",
        vendor_object_id: data?.id,
        direction: "fee",
      },
    ]);
  });

  test("P10: a batch is the sum of its mails, and refused as a whole by the cap", async () => {
    const { server, key, resend } = open();
    const { vaultKey, rows } = await key("resend", { daily_usd_cap: "0.01" });
    const client = resendClient(server.dataUrl, vaultKey);
    const { data } = await client.batch.send([MAIL, { ...MAIL, to: ["bob@example.com"] }]);
    expect(data?.data).toHaveLength(2);
    const before = resend.requests.length;
    const { error } = await client.batch.send(Array.from({ length: 100 }, () => MAIL));
    expect(error).toMatchObject({ statusCode: 429, name: "daily_quota_exceeded" });
    expect(error?.message).toContain("daily_cap_exceeded");
    expect(resend.requests.length).toBe(before);
    expect(await rows()).toMatchObject([{ cost_usd: "0.0018" }, { denial_code: "daily_cap_exceeded" }]);
  });

  test("P10: a batch of 100 mails to 50 recipients each holds 5,000 recipients", async () => {
    const { server, key, resend } = open();
    const to = Array.from({ length: 50 }, (_, index) => `reader${index}@example.com`);
    const batch = Array.from({ length: 100 }, () => ({ ...MAIL, to }));
    const held = await key("resend", { daily_usd_cap: "4.50" });
    expect((await resendClient(server.dataUrl, held.vaultKey).batch.send(batch)).error).toBeNull();
    expect(await held.rows()).toMatchObject([{ reserved_usd: "4.50", cost_usd: "4.50" }]);
    const tight = await key("resend", { daily_usd_cap: "4.49" });
    const before = resend.requests.length;
    const { error } = await resendClient(server.dataUrl, tight.vaultKey).batch.send(batch);
    expect(error?.message).toContain("daily_cap_exceeded");
    expect(resend.requests.length).toBe(before);
  });

  test("P10: senders and recipients are the policy's", async () => {
    const { server, key } = open();
    const rules = { from: ["@crew.example"], recipient_domains: ["example.com"] };
    const { vaultKey } = await key("resend", { resend: rules });
    const client = resendClient(server.dataUrl, vaultKey);
    for (const stray of [
      { from: "ceo@bank.example" },
      { to: ["eve@evil.example"] },
      { bcc: "eve@evil.example" },
    ]) {
      const { error } = await client.emails.send({ ...MAIL, ...stray });
      expect(error).toMatchObject({ statusCode: 403 });
      expect(error?.message).toContain("destination_not_allowed");
    }
    expect((await client.emails.send(MAIL)).error).toBeNull();
  });

  test("keys, domains and webhooks cannot be made by any policy", async () => {
    const { server, key, resend } = open();
    const { vaultKey } = await key("resend");
    const client = resendClient(server.dataUrl, vaultKey);
    const before = resend.requests.length;
    for (const { error } of [
      await client.apiKeys.create({ name: "mine" }),
      await client.domains.create({ name: "evil.example" }),
    ]) {
      expect(error).toMatchObject({ statusCode: 403 });
      expect(error?.message).toContain("endpoint_forbidden");
    }
    expect(resend.requests.length).toBe(before);
  });

  test("the same idempotency key sends one mail and counts once", async () => {
    const { server, key } = open();
    const { vaultKey, rows } = await key("resend");
    const client = resendClient(server.dataUrl, vaultKey);
    const first = await client.emails.send(MAIL, { idempotencyKey: "invoice-7" });
    const second = await client.emails.send(MAIL, { idempotencyKey: "invoice-7" });
    expect(second.data?.id).toBe(first.data?.id);
    expect((await rows()).map((row) => row.cost_usd)).toEqual(["0.0009", "0.00"]);
    // The key goes on: nothing cost more than was held.
    expect((await client.emails.send({ ...MAIL, subject: "Another" })).error).toBeNull();
  });

  test.each([
    ["the empty object that resend-python gives it", "Content-Length: 2\r\n\r\n{}", 200],
    ["any other two characters", "Content-Length: 2\r\n\r\n[]", 400],
    ["more than that", 'Content-Length: 7\r\n\r\n{"a":1}', 400],
    ["a body without a length", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400],
  ])("a read with %s is %s", async (_what, rest, status) => {
    const { server, key, resend } = open();
    const { vaultKey } = await key("resend");
    const before = resend.requests.length;
    const head = `GET /resend/emails HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${vaultKey}\r\n`;
    const { answers } = await sendRaw(server.dataUrl, `${head}Connection: close\r\n${rest}`);
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    const arrived = resend.requests.slice(before);
    expect(arrived.map(({ body, headers }) => [body, headers["content-length"]])).toEqual(
      status === 200 ? [["", undefined]] : [],
    );
  });

  test("a duplicate window names the first mail and lets it go once", async () => {
    const { server, key, resend } = open();
    const { vaultKey } = await key("resend", { duplicate_window: "10m" }, "run-twice");
    const client = resendClient(server.dataUrl, vaultKey);
    const first = await client.emails.send(MAIL);
    expect(first.error).toBeNull();
    const before = resend.requests.length;
    const { error } = await client.emails.send(MAIL);
    expect(error?.message).toContain("duplicate_call");
    expect(resend.requests.length).toBe(before);
    expect((await client.emails.send({ ...MAIL, subject: "Another" })).error).toBeNull();
  });
});
