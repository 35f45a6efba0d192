import { describe, expect, it } from "vitest";
import { DENIALS, type DenialCode } from "../../../src/denial.ts";
import { parseForm } from "../../../src/form.ts";
import { twilio } from "../../../src/vendors/twilio/twilio.ts";
import { ACCOUNT, accept, contextWith, get, message, PRICING, ROOT, request, US } from "./twilio-requests.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const LABELS = { agentId: "a", crewRunId: "r" };
const KEY = `SK${"2c".repeat(16)}:secret-of-the-key`;

describe("credentials", () => {
  it.each<[string, string, string | null, boolean]>([
    ["an auth token", TOKEN, ACCOUNT, true],
    ["an API key with its secret", KEY, ACCOUNT, true],
    ["no account", TOKEN, null, false],
    ["an account in capitals", TOKEN, ACCOUNT.toUpperCase(), false],
    ["a short account", TOKEN, "AC1", false],
    ["nothing", " ", ACCOUNT, false],
    ["the account's SID", ACCOUNT, ACCOUNT, false],
    ["account and token in one", `${ACCOUNT}:${TOKEN}`, ACCOUNT, false],
    ["an API key without its secret", `SK${"2c".repeat(16)}`, ACCOUNT, false],
    ["a token with a line end", `${TOKEN}\n`, ACCOUNT, false],
    ["a token with a colon", `a:${TOKEN}`, ACCOUNT, false],
  ])("%s", (_name, value, account, isUsable) => {
    expect(twilio.findCredentialProblem(value, account) === null).toBe(isUsable);
  });

  it("no sentence shows the value", () => {
    for (const value of [`${ACCOUNT}:${TOKEN}`, `a:${TOKEN}`, `${TOKEN}\n`])
      expect(twilio.findCredentialProblem(value, ACCOUNT)).not.toContain(TOKEN);
  });

  it("go out as Basic: the account with its token, an API key with its secret", () => {
    const decode = (header: string) => Buffer.from(header.replace("Basic ", ""), "base64").toString();
    expect(decode(twilio.authorization(TOKEN, ACCOUNT))).toBe(`${ACCOUNT}:${TOKEN}`);
    expect(decode(twilio.authorization(KEY, ACCOUNT))).toBe(KEY);
  });
});

describe("the body on the wire", () => {
  it("is the agent's own bytes where nothing is added", () => {
    const asked = message();
    expect(twilio.completeBody(accept(asked), asked.body, LABELS)).toBe(asked.body);
  });

  it("ends with the limit that the policy sets, once, and the same for a repetition", () => {
    const asked = request(`${ROOT}/Calls.json`, { To: US, From: US });
    const operation = accept(asked, contextWith({ max_call_seconds: 90 }));
    const body = twilio.completeBody(operation, asked.body, LABELS);
    expect(parseForm(Buffer.from(body).toString())).toContainEqual({ name: "TimeLimit", value: "90" });
    expect(Buffer.from(body).subarray(0, asked.body.length)).toEqual(asked.body);
    expect(twilio.completeBody(operation, asked.body, LABELS)).toEqual(body);
    // What goes out is what was priced.
    expect(accept({ ...asked, body }).price).toEqual(operation.price);
  });
});

describe("answers", () => {
  const scrub = (text: string) =>
    Buffer.from(twilio.scrubAnswer(accept(get(`${ROOT}/Messages.json`)), Buffer.from(text))).toString();

  it.each([
    [`{"sid":"AC1","auth_token":"${TOKEN}","x":1.50}`, `{"sid":"AC1","auth_token":null,"x":1.50}`],
    [`{"accounts":[{"a":{"authToken":"${TOKEN}"}}]}`, `{"accounts":[{"a":{"authToken":null}}]}`],
    [`{"secondary_auth_token":"${TOKEN}"}`, `{"secondary_auth_token":null}`],
    [`{"AUTH_TOKEN":["${TOKEN}"]}`, `{"AUTH_TOKEN":null}`],
    [`{"\\u0061uth_token":"${TOKEN}"}`, `{"\\u0061uth_token":null}`],
    [`{"é":"é","auth_token":"${TOKEN}","é2":1}`, `{"é":"é","auth_token":null,"é2":1}`],
  ])("lose their tokens and nothing else", (text, shown) => {
    expect(scrub(text)).toBe(shown);
  });

  it("that mention a token and cannot be read are withheld", () => {
    expect(scrub(`{"auth_token":"${TOKEN}"`)).toBe("{}");
    expect(scrub(`<AuthToken>${TOKEN}</AuthToken>`)).toBe("{}");
  });

  it("stay the same bytes otherwise", () => {
    for (const text of [`{"body":"my auth token is safe"}`, "not json", ""]) {
      const bytes = Buffer.from(text);
      expect(twilio.scrubAnswer(accept(message()), bytes)).toBe(bytes);
    }
  });
});

describe("errors", () => {
  it.each<[DenialCode, number, number]>([
    ["vault_key_invalid", 401, 20003],
    ["endpoint_not_allowed", 403, 20403],
    ["daily_cap_exceeded", 429, 20429],
    ["request_malformed", 400, 20001],
    ["payload_too_large", 413, 20413],
  ])("%s is Twilio's %i with the number %i", (code, status, number) => {
    expect(DENIALS[code].status).toBe(status);
    const text = twilio.renderError({ code, status, message: "why", callId: "c", denial: null });
    expect(JSON.parse(text)).toEqual({
      code: number,
      message: `keybrake ${code}: why`,
      more_info: `docs/errors.md#${code}`,
      status,
    });
  });
});

it("minor units are cents, and whole yen", () => {
  expect(twilio.toMicros(2n, "usd", PRICING)).toBe(20_000n);
  expect(twilio.toMicros(2n, "eur", PRICING)).toBeNull();
});
