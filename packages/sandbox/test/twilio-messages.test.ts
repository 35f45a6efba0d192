import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import twilio from "twilio";
import { describe, expect, it, onTestFinished } from "vitest";
import { FROM, openTwilio, rawCall, TO, twilioFor } from "./twilio-sdk.ts";

const DAY_MS = 86_400_000;

describe("a Twilio message", () => {
  it("has no price at creation and a negative one at its second fetch", async () => {
    const { sandbox, client } = await openTwilio();
    const made = await client.messages.create({ to: TO, from: FROM, body: "x".repeat(161) });
    expect(made).toMatchObject({ status: "queued", price: null, numSegments: "2", priceUnit: "USD" });
    expect(await client.messages(made.sid).fetch()).toMatchObject({ status: "sent", price: null });
    expect(await client.messages(made.sid).fetch()).toMatchObject({ status: "delivered", price: "-0.01660" });
    expect(sandbox.money()["totalprice"]?.priceMicros).toBe(16_600);
    expect(sandbox.objects().messages).toMatchObject([{ sid: made.sid, body: "x".repeat(161), segments: 2 }]);
  });

  it.each([
    ["GSM-7", "x".repeat(160), "1"],
    ["GSM-7 with extended letters", "€".repeat(81), "2"],
    ["UCS-2", "ж".repeat(70), "1"],
    ["UCS-2 past one segment", "ж".repeat(71), "2"],
  ])("counts segments in %s", async (_, body, numSegments) => {
    const { client } = await openTwilio();
    expect((await client.messages.create({ to: TO, from: FROM, body })).numSegments).toBe(numSegments);
  });

  it("of a messaging service has 0 segments until it is sent", async () => {
    const { client } = await openTwilio();
    const service = await client.messaging.v1.services.create({ friendlyName: "all" });
    const made = await client.messages.create({ to: TO, messagingServiceSid: service.sid, body: "hello" });
    expect(made).toMatchObject({ status: "accepted", numSegments: "0", from: null });
    expect(await client.messages(made.sid).fetch()).toMatchObject({ numSegments: "1", from: FROM });
  });

  it("settles by the clock when told to", async () => {
    let now = Date.now();
    const { client } = await openTwilio({ settleAfter: { ms: 60_000 }, now: () => now });
    const { sid } = await client.messages.create({ to: TO, from: FROM, body: "hello" });
    for (let fetches = 0; fetches < 3; fetches += 1) await client.messages(sid).fetch();
    expect((await client.messages(sid).fetch()).price).toBeNull();
    now += 60_000;
    expect((await client.messages(sid).fetch()).price).toBe("-0.00830");
  });

  it.each([
    [21211, { to: "12" }],
    [21211, { to: "+15005550001" }],
    [21606, { from: "+14155550000" }],
    [21602, { body: "" }],
    [21617, { body: "x".repeat(1_601) }],
    [21610, { to: "+15005550004" }],
  ])("is refused with code %i for %o", async (code, change) => {
    const { sandbox, client } = await openTwilio();
    const refused = client.messages.create({ to: TO, from: FROM, body: "hello", ...change });
    await expect(refused).rejects.toMatchObject({ status: 400, code });
    expect(sandbox.money()).toEqual({});
  });

  it.each([
    ["+15005550011", "undelivered", 30003],
    ["+15005550012", "failed", 30008],
  ])("to %s is accepted and ends %s", async (to, status, errorCode) => {
    const { sandbox, client } = await openTwilio();
    const { sid } = await client.messages.create({ to, from: FROM, body: "hello" });
    sandbox.settle();
    expect(await client.messages(sid).fetch()).toMatchObject({ status, errorCode });
  });

  it("can be redacted and deleted when it is over, and not before", async () => {
    const { sandbox, client } = await openTwilio();
    const { sid } = await client.messages.create({ to: TO, from: FROM, body: "secret" });
    await expect(client.messages(sid).remove()).rejects.toMatchObject({ code: 20009 });
    sandbox.settle();
    expect((await client.messages(sid).update({ body: "" })).body).toBe("");
    expect(await client.messages(sid).remove()).toBe(true);
    await expect(client.messages(sid).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
  });

  it("that is scheduled can be canceled and then costs nothing", async () => {
    const { sandbox, client } = await openTwilio();
    const made = await client.messages.create({
      to: TO,
      messagingServiceSid: `MG${"a".repeat(32)}`,
      body: "later",
      scheduleType: "fixed",
      sendAt: new Date(Date.now() + DAY_MS),
    });
    expect(made.status).toBe("scheduled");
    expect((await client.messages(made.sid).update({ status: "canceled" })).status).toBe("canceled");
    sandbox.settle();
    expect(sandbox.money()).toEqual({});
  });

  it("with media lists it, and costs by the message", async () => {
    const { sandbox, client } = await openTwilio();
    const mediaUrl = ["https://example.com/a.png", "https://example.com/b.jpg"];
    const { sid, numMedia } = await client.messages.create({ to: TO, from: FROM, body: "look", mediaUrl });
    expect(numMedia).toBe("2");
    const media = await client.messages(sid).media.list();
    expect(media.map(({ contentType }) => contentType)).toEqual(["image/png", "image/jpeg"]);
    expect(sandbox.money()["mms"]).toEqual({ count: 1, usage: 1, priceMicros: 22_000 });
  });
});

describe("the list of messages", () => {
  it("comes in pages, newest first, which the SDK follows", async () => {
    const { sandbox, client } = await openTwilio();
    for (const body of ["1", "2", "3", "4", "5"]) await client.messages.create({ to: TO, from: FROM, body });
    const all = await client.messages.list({ pageSize: 2 });
    expect(all.map(({ body }) => body)).toEqual(["5", "4", "3", "2", "1"]);
    const path = `/2010-04-01/Accounts/${sandbox.accountSid}/Messages.json?PageSize=2`;
    expect(await (await rawCall(sandbox, path)).json()).toMatchObject({
      page: 0,
      page_size: 2,
      next_page_uri: `/2010-04-01/Accounts/${sandbox.accountSid}/Messages.json?PageSize=2&Page=1`,
    });
  });

  it("is filtered by recipient and by the date of sending", async () => {
    let now = Date.parse("2026-11-20T12:00:00Z");
    const { sandbox, client } = await openTwilio({ now: () => now });
    await client.messages.create({ to: TO, from: FROM, body: "old" });
    sandbox.settle();
    now += 2 * DAY_MS;
    await client.messages.create({ to: "+442071838750", from: FROM, body: "new" });
    sandbox.settle();
    const bodies = async (filter: object) => (await client.messages.list(filter)).map(({ body }) => body);
    expect(await bodies({ to: TO })).toEqual(["old"]);
    expect(await bodies({ dateSent: new Date("2026-11-20T12:00:00Z") })).toEqual(["old"]);
    expect(await bodies({ dateSentAfter: new Date("2026-11-21T00:00:00Z") })).toEqual(["new"]);
    expect(await bodies({ dateSentBefore: new Date("2026-11-21T00:00:00Z") })).toEqual(["old"]);
  });
});

describe("a status callback", () => {
  it("is posted to loopback with a signature that the SDK accepts", async () => {
    const received: { form: Record<string, string>; signature: string }[] = [];
    const server = createServer(async (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString("utf8")));
      received.push({ form, signature: String(request.headers["x-twilio-signature"]) });
      response.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/status?run=1`;
    const { sandbox, client } = await openTwilio();
    const { sid } = await client.messages.create({ to: TO, from: FROM, body: "hello", statusCallback: url });
    sandbox.settle();
    await expect.poll(() => received.length).toBe(3);
    expect(received.map(({ form }) => form["MessageStatus"]).sort()).toEqual(["delivered", "queued", "sent"]);
    for (const { form, signature } of received) {
      expect(form["MessageSid"]).toBe(sid);
      expect(twilio.validateRequest(sandbox.authToken, signature, url, form)).toBe(true);
    }
  });

  it("is posted nowhere else", async () => {
    const { sandbox, client } = await openTwilio();
    const statusCallback = "http://192.0.2.1/status";
    await client.messages.create({ to: TO, from: FROM, body: "hello", statusCallback });
    expect(sandbox.callbacks()).toMatchObject([{ url: statusCallback, outcome: "not_loopback" }]);
  });
});

describe("the credential", () => {
  it.each([
    ["a wrong auth token", undefined, "wrong"],
    ["another account", `AC${"f".repeat(32)}`, undefined],
  ])("%s is refused with 401 and code 20003", async (_, sid, token) => {
    const { sandbox } = await openTwilio();
    const client = twilioFor(sandbox.url, sid ?? sandbox.accountSid, token ?? sandbox.authToken);
    const refused = client.messages.create({ to: TO, from: FROM, body: "hello" });
    await expect(refused).rejects.toMatchObject({ status: 401, code: 20003 });
    expect(sandbox.objects().messages).toEqual([]);
  });

  it("may be an API key, and another account's path is not found", async () => {
    const { sandbox } = await openTwilio({ apiKeys: { SK1: "key-secret" } });
    const headers = { authorization: `Basic ${Buffer.from("SK1:key-secret").toString("base64")}` };
    const get = (sid: string) => fetch(`${sandbox.url}/2010-04-01/Accounts/${sid}.json`, { headers });
    expect((await get(sandbox.accountSid)).status).toBe(200);
    const other = await get(`AC${"f".repeat(32)}`);
    expect(other.status).toBe(404);
    expect(other.headers.get("twilio-request-id")).toMatch(/^RQ[0-9a-f]{32}$/);
    expect(await other.json()).toMatchObject({ code: 20404, status: 404, more_info: expect.any(String) });
  });
});
