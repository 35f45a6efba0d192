import { describe, expect, test, vi } from "vitest";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { ACCOUNT_SID, TWILIO_SECRET, twilioClient, useMessengers } from "./crew-of-three.ts";

const FROM = "+15005550006";
const TO = "+14155550100";
const SETTLED_WITHIN_MS = 20_000;

interface RestError {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

async function refusalOf(call: Promise<unknown>): Promise<RestError> {
  const error = await call.then(
    () => expect.fail("the call succeeded"),
    (thrown: unknown) => thrown,
  );
  expect((error as Error).constructor.name).toBe("RestException");
  return error as RestError;
}

describe("twilio-node through a server", () => {
  const open = useMessengers();

  test("a message is held at its worst case, sent with the real token, and settled when Twilio states the price", async () => {
    const { server, key, twilio } = open();
    const { vaultKey, rows } = await key("twilio", {}, "run-sms");
    const sent = await twilioClient(server.dataUrl, vaultKey).messages.create({
      from: FROM,
      to: TO,
      body: "hello",
    });
    expect(sent.sid).toMatch(/^SM[0-9a-f]{32}$/);
    expect(sent.price).toBeNull();
    const arrived = twilio.requests.at(-1);
    const basic = Buffer.from(`${ACCOUNT_SID}:${TWILIO_SECRET}`).toString("base64");
    expect(arrived?.headers["authorization"]).toBe(`Basic ${basic}`);
    const [held] = await rows();
    expect(held).toMatchObject({
      state: "unknown",
      vendor_object_id: sent.sid,
      crew_run_id: "run-sms",
      direction: "fee",
    });
    expect(Number(held?.reserved_usd)).toBeGreaterThan(0);
    await vi.waitFor(
      async () => {
        const [row] = await rows();
        expect(row?.state).toBe("settled");
        // What Twilio states, and the carrier's fee of the price table, which it does not state.
        expect(row?.cost_usd).toBe("0.0145");
      },
      { timeout: SETTLED_WITHIN_MS, interval: 250 },
    );
    const { data } = await server.admin.calls.list({ agent_id: "keybrake" });
    expect(data.some((row) => row.path.includes(sent.sid) && row.state === "settled")).toBe(true);
  }, 40_000);

  test("P8: 1,600 emoji are priced by their segments and refused by the cap before anything is sent", async () => {
    const { server, key, twilio } = open();
    const { vaultKey, rows } = await key("twilio", { daily_usd_cap: "0.10" });
    const before = twilio.requests.length;
    const body = "\u{1f600}".repeat(800);
    const error = await refusalOf(
      twilioClient(server.dataUrl, vaultKey).messages.create({ from: FROM, to: TO, body }),
    );
    expect(error).toMatchObject({ status: 429, code: 20429 });
    expect(error.message).toContain("daily_cap_exceeded");
    expect(twilio.requests.length).toBe(before);
    expect(await rows()).toMatchObject([{ verdict: "deny", denial_code: "daily_cap_exceeded" }]);
  });

  test("P8: a phone call needs a time limit, or gets the policy's", async () => {
    const { server, key, twilio } = open();
    const free = await key("twilio", { twilio: { callback_hosts: ["crew.example.com"] } });
    const call = { from: FROM, to: TO, url: "https://crew.example.com/voice" };
    const error = await refusalOf(twilioClient(server.dataUrl, free.vaultKey).calls.create(call));
    expect(error.status).toBe(403);
    expect(error.message).toContain("unpriced");
    const limits = { callback_hosts: ["crew.example.com"], max_call_seconds: 120 };
    const limited = await key("twilio", { twilio: limits });
    await twilioClient(server.dataUrl, limited.vaultKey).calls.create(call);
    expect(twilio.requests.at(-1)?.body).toContain("TimeLimit=120");
    expect(Number((await limited.rows())[0]?.reserved_usd)).toBeGreaterThan(0.02);
  });

  test("P9: countries, senders and callback hosts are the policy's", async () => {
    const { server, key } = open();
    const rules = { allowed_countries: ["US"], from: [FROM] };
    const { vaultKey } = await key("twilio", { twilio: rules });
    const client = twilioClient(server.dataUrl, vaultKey);
    const asked = [
      { from: FROM, to: "+447700900123", body: "x" },
      { from: "+14155550999", to: TO, body: "x" },
      { from: FROM, to: TO, body: "x", statusCallback: "https://evil.example/collect" },
    ];
    for (const message of asked) {
      const error = await refusalOf(client.messages.create(message));
      expect(error.status).toBe(403);
      expect(error.message).toContain("destination_not_allowed");
    }
    await client.messages.create({ from: FROM, to: TO, body: "x" });
  });

  test("P6: another account in the path is refused, and no token is ever shown", async () => {
    const { server, key } = open();
    const { vaultKey } = await key("twilio");
    const client = twilioClient(server.dataUrl, vaultKey);
    const other = client.api.v2010.accounts(`AC${"1".repeat(32)}`).messages;
    expect((await refusalOf(other.create({ from: FROM, to: TO, body: "x" }))).message).toContain(
      "account_not_allowed",
    );
    expect((await refusalOf(client.api.v2010.accounts(ACCOUNT_SID).fetch())).message).toContain(
      "endpoint_forbidden",
    );
  });

  test.each([
    ["another account", `AC${"1".repeat(32)}`],
    ["the account in small letters", ACCOUNT_SID.toLowerCase()],
    ["the account in capitals", ACCOUNT_SID.toUpperCase()],
    ["the account with an escape", `%41${ACCOUNT_SID.slice(1)}`],
    ["the account escaped twice", `%2541${ACCOUNT_SID.slice(1)}`],
    ["the account and a dot segment", `AC${"1".repeat(32)}/../${ACCOUNT_SID}`],
  ])("P6: %s on the wire is refused, and nothing is sent", async (_name, sid) => {
    const { server, key, twilio } = open();
    const { vaultKey } = await key("twilio");
    const before = twilio.requests.length;
    const basic = Buffer.from(`${ACCOUNT_SID}:${vaultKey}`).toString("base64");
    const headers = [`Authorization: Basic ${basic}`, "Content-Type: application/x-www-form-urlencoded"];
    const line = `POST /twilio/2010-04-01/Accounts/${sid}/Messages.json`;
    const { answers } = await sendRaw(server.dataUrl, requestText(line, headers, "To=%2B14155550100&Body=x"));
    expect([400, 403]).toContain(answers[0]?.status);
    // Prices of earlier messages are asked for at any time, by reads.
    expect(twilio.requests.slice(before).filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("P9: a callback into the inside and media of an unlisted host are refused, and nothing is sent", async () => {
    const { server, key, twilio } = open();
    const { vaultKey } = await key("twilio", { twilio: { callback_hosts: ["crew.example.com"] } });
    const client = twilioClient(server.dataUrl, vaultKey);
    const before = twilio.requests.length;
    for (const url of [
      "http://169.254.169.254/",
      "http://localhost/",
      "http://2852039166/",
      "https://evil.example/x",
    ]) {
      for (const asked of [{ statusCallback: url }, { mediaUrl: [url] }]) {
        const error = await refusalOf(client.messages.create({ from: FROM, to: TO, body: "x", ...asked }));
        expect([400, 403]).toContain(error.status);
      }
    }
    expect(twilio.requests.slice(before).filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("a look-up costs, although it is a GET", async () => {
    const { server, key } = open();
    const { vaultKey, rows } = await key("twilio");
    await twilioClient(server.dataUrl, vaultKey)
      .lookups.v2.phoneNumbers(TO)
      .fetch({ fields: "line_type_intelligence" });
    const [row] = await rows();
    expect(row).toMatchObject({ verdict: "allow", direction: "fee" });
    expect(Number(row?.reserved_usd)).toBeGreaterThan(0);
  });

  test("a price table can be read from Twilio's own pricing API, and every question is audited", async () => {
    const { server, twilio } = open();
    const { table, problems } = await server.admin.prices.refresh({ secret: "twilio", countries: ["GB"] });
    expect(problems).toEqual([]);
    expect(table["sms"]).toMatchObject({
      GB: { segment: expect.stringMatching(/^0\.\d+$/) },
      US: { segment: "0.0083" },
    });
    // Prices of earlier calls are asked for at the same time.
    const questions = twilio.requests.filter(({ url }) => url.startsWith("/pricing/"));
    expect(questions.at(-1)?.url).toBe("/pricing/v1/PhoneNumbers/Countries/GB");
    const { data } = await server.admin.calls.list({ agent_id: "keybrake", limit: 100 });
    expect(data.filter(({ path }) => path.startsWith("/pricing/")).length).toBe(3);
    await expect(server.admin.prices.refresh({ secret: "resend", countries: ["GB"] })).rejects.toMatchObject({
      code: "unknown_secret",
    });
  });

  test("a verification goes to its own host and is priced", async () => {
    const { server, key } = open();
    const { vaultKey, rows } = await key("twilio");
    const client = twilioClient(server.dataUrl, vaultKey);
    const service = open().twilio.objects().verifyServices[0]?.sid ?? `VA${"0".repeat(32)}`;
    await client.verify.v2
      .services(service)
      .verifications.create({ to: TO, channel: "sms" })
      .catch(() => undefined);
    expect((await rows())[0]).toMatchObject({
      verdict: "allow",
      path: `/verify/v2/Services/${service}/Verifications`,
    });
  });
});
