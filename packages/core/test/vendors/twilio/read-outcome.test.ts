import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../src/outcome.ts";
import { twilio } from "../../../src/vendors/twilio/twilio.ts";
import type { VendorRequest } from "../../../src/vendors/vendor.ts";
import {
  ACCOUNT,
  accept,
  answer,
  call,
  get,
  message,
  PRICING,
  ROOT,
  request,
  SID,
  US,
} from "./twilio-requests.ts";

const CREATE_MESSAGE = "POST /2010-04-01/Accounts/{AccountSid}/Messages.json";
const CREATE_CALL = "POST /2010-04-01/Accounts/{AccountSid}/Calls.json";
const CREATE_PARTICIPANT =
  "POST /2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants.json";
const participant = request(`${ROOT}/Conferences/CF1/Participants.json`, {
  To: US,
  From: US,
  TimeLimit: "60",
});
const verification = request("/verify/v2/Services/VA1/Verifications", { To: US, Channel: "sms" });
const PENDING = { kind: "pending", objectId: SID, customerId: null };

const outcomeOf = (asked: VendorRequest, status: number, body: unknown): Outcome =>
  twilio.readOutcome(accept(asked), answer(status, body), PRICING);
const later = (endpoint: string, body: object, status = 200): Outcome =>
  twilio.readFollowUp(endpoint, answer(status, { sid: SID, price_unit: "USD", ...body }), PRICING);
const costOf = (outcome: Outcome) => (outcome.kind === "settled" ? outcome.costMicros : outcome.kind);
const errorOf = (status: number, code = 21211) => ({
  code,
  message: "no",
  more_info: "https://x.example",
  status,
});

describe("an answer proves", () => {
  it("a message or call without a price is pending by its sid, a participant by its call's", () => {
    expect(outcomeOf(message(), 201, { sid: SID, price: null, status: "queued", num_segments: "0" })).toEqual(
      PENDING,
    );
    expect(outcomeOf(call(), 201, { sid: SID, price: null, status: "queued" })).toEqual(PENDING);
    expect(outcomeOf(participant, 201, { call_sid: SID })).toEqual(PENDING);
  });

  it("an answer that names no object leaves the hold", () => {
    expect(outcomeOf(message(), 201, {})).toMatchObject({ kind: "unknown" });
    expect(outcomeOf(message(), 201, "<html>")).toMatchObject({ kind: "unknown" });
    expect(outcomeOf(message(), 201, { sid: "../../x" })).toMatchObject({ kind: "unknown" });
  });

  it("what Twilio never prices costs what was quoted", () => {
    expect(outcomeOf(verification, 201, { sid: "VE1" })).toMatchObject({
      kind: "settled",
      costMicros: 74_000n,
    });
    expect(outcomeOf(get(`/lookups/v2/PhoneNumbers/${US}`, "Fields=caller_name"), 200, {})).toMatchObject({
      costMicros: 10_000n,
      amount: 1n,
    });
    const number = request(`${ROOT}/IncomingPhoneNumbers/Local.json`, { PhoneNumber: US });
    expect(outcomeOf(number, 201, { sid: "PN1" })).toMatchObject({ costMicros: 1_150_000n, objectId: "PN1" });
    // A recording is in no price of a call, so waiting for that price would lose it.
    expect(costOf(outcomeOf(call({ Record: "true" }), 201, { sid: SID }))).toBe(50_000n);
    expect(
      costOf(outcomeOf(request(`${ROOT}/Calls/CA1.json`, { Status: "completed" }), 200, { sid: SID })),
    ).toBe(0n);
  });

  it("what could not be priced stays unknown", () => {
    const unpriced = request("/verify/v2/Services/VA1/Verifications", { To: US, Channel: "sna" });
    expect(outcomeOf(unpriced, 201, { sid: "VE1" })).toMatchObject({ kind: "unknown" });
  });

  it("a free call moves no money", () => {
    expect(
      outcomeOf(request(`${ROOT}/Queues.json`, { FriendlyName: "a" }), 201, { sid: "QU1" }),
    ).toMatchObject({
      kind: "settled",
      amount: null,
      objectId: "QU1",
    });
  });

  it.each([400, 401, 403, 404, 405, 410, 415, 422])("Twilio's own %i is a refusal", (status) => {
    expect(outcomeOf(message(), status, errorOf(status))).toEqual({ kind: "refused", vendorCode: "21211" });
  });

  it("a 429 was never processed, whoever wrote it", () => {
    expect(outcomeOf(message(), 429, "slow down")).toEqual({ kind: "refused", vendorCode: null });
    expect(outcomeOf(message(), 429, errorOf(429, 20429))).toEqual({ kind: "refused", vendorCode: "20429" });
  });

  it.each<[string, number, unknown]>([
    ["a 500", 500, errorOf(500, 20500)],
    ["a 503", 503, errorOf(503, 20503)],
    ["a redirection", 307, {}],
    ["a time-out", 408, errorOf(408)],
    ["a conflict", 409, errorOf(409)],
    ["a 400 of somebody else", 400, "<html>bad gateway</html>"],
    ["a 404 whose body is about another status", 404, errorOf(400)],
    ["a 400 without a number", 400, { ...errorOf(400), code: "21211" }],
  ])("%s proves nothing", (_name, status, body) => {
    expect(outcomeOf(message(), status, body)).toMatchObject({ kind: "unknown" });
  });
});

describe("a follow-up", () => {
  it("reads the object itself", () => {
    const path = (name: string) => ({
      method: "GET",
      path: `${ROOT}/${name}/${SID}.json`,
      query: null,
      body: null,
    });
    expect(twilio.followUp(CREATE_MESSAGE, SID, ACCOUNT)).toEqual(path("Messages"));
    expect(twilio.followUp(CREATE_CALL, SID, ACCOUNT)).toEqual(path("Calls"));
    expect(twilio.followUp(CREATE_PARTICIPANT, SID, ACCOUNT)).toEqual(path("Calls"));
    expect(twilio.followUp("POST /verify/v2/Services/{ServiceSid}/Verifications", SID, ACCOUNT)).toBeNull();
    expect(twilio.followUp(CREATE_MESSAGE, SID, null)).toBeNull();
    expect(twilio.followUp(CREATE_MESSAGE, "../x", ACCOUNT)).toBeNull();
  });

  it.each([message(), call(), participant])(
    "exists for whatever can be pending, under its own template",
    (asked) => {
      const { endpoint, method } = accept(asked);
      expect(twilio.followUp(`${method} ${endpoint?.template.text}`, SID, ACCOUNT)).not.toBeNull();
      expect(
        accept(get(twilio.followUp(`${method} ${endpoint?.template.text}`, SID, ACCOUNT)?.path ?? "/"))
          .endpoint,
      ).toMatchObject({ forbidden: false, direction: null });
    },
  );

  it.each<[string, object, bigint | string]>([
    ["no price yet", { price: null, status: "sent" }, "pending"],
    ["delivered without a price", { price: null, status: "delivered" }, "pending"],
    [
      "its price, the carrier's on top",
      { price: "-0.00830", to: US, num_segments: "2", status: "sent" },
      12_300n,
    ],
    ["a price as a number", { price: -0.0083, to: US, num_segments: "1" }, 10_300n],
    [
      "parts of a micro-dollar are rounded up",
      { price: "-0.00000001", to: "whatsapp:+1", num_segments: "1" },
      1n,
    ],
    ["a message with media", { price: "-0.02000", to: US, num_segments: "1", num_media: "2" }, 30_000n],
    ["a channel without carriers", { price: "-0.00500", to: `whatsapp:${US}`, num_segments: "1" }, 5_000n],
    ["failed", { price: null, status: "failed", to: US }, 1_000n],
    ["canceled", { price: null, status: "canceled" }, 0n],
    ["undelivered is charged", { price: null, status: "undelivered", to: US, num_segments: "2" }, 24_000n],
    [
      "undelivered in unknown pieces",
      { price: null, status: "undelivered", to: US, num_segments: "0" },
      "pending",
    ],
    ["a currency without a rate", { price: "-1.00", price_unit: "EUR", to: US }, "unknown"],
    ["a price that is none", { price: "free", to: US }, "unknown"],
  ])("of a message: %s", (_name, body, cost) => {
    expect(costOf(later(CREATE_MESSAGE, body))).toBe(cost);
  });

  it.each<[string, string, object, bigint | string]>([
    ["in progress", CREATE_CALL, { price: null, status: "in-progress" }, "pending"],
    ["completed without a price", CREATE_CALL, { price: null, status: "completed" }, "pending"],
    ["its price", CREATE_CALL, { price: "-0.02800", status: "completed" }, 28_000n],
    ["machine detection besides", CREATE_CALL, { price: "-0.02000", answered_by: "human" }, 27_500n],
    ["nobody answered", CREATE_CALL, { price: null, status: "no-answer" }, 0n],
    ["busy", CREATE_CALL, { price: null, status: "busy" }, 0n],
    ["a conference besides", CREATE_PARTICIPANT, { price: "-0.04000", duration: "61" }, 46_000n],
    ["a conference of unknown length", CREATE_PARTICIPANT, { price: "-0.04000", duration: null }, "unknown"],
  ])("of a call: %s", (_name, endpoint, body, cost) => {
    expect(costOf(later(endpoint, body))).toBe(cost);
  });

  it("an error, or another object's answer, says nothing", () => {
    expect(later(CREATE_MESSAGE, {}, 404)).toMatchObject({ kind: "unknown" });
    expect(twilio.readFollowUp(CREATE_MESSAGE, answer(200, "x"), PRICING)).toMatchObject({ kind: "unknown" });
    expect(twilio.readFollowUp("POST /x", answer(200, { sid: SID }), PRICING)).toMatchObject({
      kind: "unknown",
    });
  });
});
