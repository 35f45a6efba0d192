import { describe, expect, it } from "vitest";
import {
  accept,
  call,
  codeOf,
  contextWith,
  costOf,
  get,
  message,
  PRICING,
  ROOT,
  request,
  US,
} from "./twilio-requests.ts";

const SMS = 12_000n;
const QUOTE = "”";

describe("a text costs its segments in its country, carrier included", () => {
  it.each<[string, Record<string, string>, bigint | string]>([
    ["one segment", {}, SMS],
    ["an empty text is a message", { Body: "" }, SMS],
    ["160 GSM-7 characters fit one", { Body: "a".repeat(160) }, SMS],
    ["161 take two", { Body: "a".repeat(161) }, SMS * 2n],
    ["a euro sign takes two characters", { Body: "€".repeat(81) }, SMS * 2n],
    ["70 UCS-2 characters fit one", { Body: "я".repeat(70) }, SMS],
    ["71 take two", { Body: "я".repeat(71) }, SMS * 2n],
    ["one typographic quote makes it all UCS-2", { Body: `${"a".repeat(150)}${QUOTE}` }, SMS * 3n],
    ["unless smart encoding is asked for", { Body: `${"a".repeat(150)}${QUOTE}`, SmartEncoded: "true" }, SMS],
    [
      "which a messaging service may undo",
      { Body: `${"a".repeat(150)}${QUOTE}`, SmartEncoded: "true", MessagingServiceSid: "MG1" },
      SMS * 3n,
    ],
    ["a template is assumed long", { ContentSid: "HX1" }, SMS * 10n],
    ["a longer body beside it counts", { ContentSid: "HX1", Body: "a".repeat(1_600) }, SMS * 11n],
    ["another country", { To: "+447400123456" }, 50_000n],
    ["a service that may send RCS there", { To: "+447400123456", MessagingServiceSid: "MG1" }, 200_000n],
    ["a country that is not in the table", { To: "+4915123456789" }, "unpriced"],
    ["a number of no known country", { To: "+8811234567" }, "unpriced"],
    ["media", { MediaUrl: "https://a.example/x.png" }, 40_000n],
    ["media as far as a long text is not dearer", { SendAsMms: "true", Body: "a".repeat(1_000) }, SMS * 7n],
    ["media where the table has no MMS", { To: "+447400123456", SendAsMms: "true" }, "unpriced"],
    ["WhatsApp", { To: `whatsapp:${US}`, From: "whatsapp:+14155550100" }, 70_000n],
    [
      "WhatsApp to a country without a price",
      { To: "whatsapp:+447400123456", From: "whatsapp:+1" },
      "unpriced",
    ],
    ["RCS", { To: "rcs:+447400123456", From: "rcs:brand" }, 200_000n],
    ["Messenger", { To: "messenger:123", From: "messenger:456" }, 5_000n],
    ["an engagement feature without a price", { ShortenUrls: "true" }, "unpriced"],
    [
      "a later sending without a price",
      { SendAt: "2026-12-01T00:00:00Z", ScheduleType: "fixed" },
      "unpriced",
    ],
    ["a parameter that nobody documents", { Priority: "high" }, "unpriced"],
  ])("%s", (_name, form, cost) => {
    expect(costOf(message(form))).toBe(cost);
  });

  it.each<[string, Record<string, string>]>([
    ["a number without its plus", { To: "14155550100" }],
    ["a number with a space", { To: "+1 4155550100" }],
    ["two numbers", { To: `${US},${US}` }],
    ["an unknown channel", { To: `fax:${US}` }],
    ["the channel in capitals", { To: `WhatsApp:${US}` }],
    ["a sender of another channel", { To: `whatsapp:${US}` }],
    ["more than 1600 characters", { Body: "a".repeat(1_601) }],
    ["a flag in another spelling", { SendAsMms: "1" }],
  ])("%s is malformed", (_name, form) => {
    expect(codeOf(message(form))).toBe("request_malformed");
  });
});

describe("P8: what a text or a call could cost at most", () => {
  it("P8: 1,600 emoji through a Messaging Service are held for every segment that they can take", () => {
    // 33 of them fit into a part of 67 UTF-16 units, because none is ever split.
    const form = { From: "", MessagingServiceSid: "MG1", Body: "\u{1f600}".repeat(1_600) };
    for (const SmartEncoded of ["true", "false"])
      expect(costOf(message({ ...form, SmartEncoded }))).toBe(SMS * 49n);
  });

  it.each(["+19005551234", "+449098790000", "+8835100001234"])("P8: %s has no price", (To) => {
    expect(costOf(message({ To }))).toBe("unpriced");
    expect(costOf(call({ To }))).toBe("unpriced");
  });
});

describe("a call costs its limit in started minutes", () => {
  const MINUTES = 2n;
  it.each<[string, Record<string, string>, bigint | string]>([
    ["61 seconds are two minutes", {}, 20_000n * MINUTES],
    ["60 seconds are one", { TimeLimit: "60" }, 20_000n],
    ["the longest prefix counts", { To: "+19075550123" }, 300_000n * MINUTES],
    ["a premium number has no price of its country", { To: "+19005551234" }, "unpriced"],
    ["an app", { To: "client:joe" }, 4_000n * MINUTES],
    ["a SIP address", { To: "sip:joe@sip.example.com" }, 6_000n * MINUTES],
    ["a recording", { Record: "true" }, (20_000n + 5_000n) * MINUTES],
    ["machine detection", { MachineDetection: "Enable" }, 20_000n * MINUTES + 7_500n],
    ["another carrier's line", { Byoc: "BY1" }, "unpriced"],
    ["a branded call", { CallReason: "news" }, "unpriced"],
    ["an old name of a paid feature", { IfMachine: "Continue" }, "unpriced"],
    ["spoken text", { Twiml: "<Response><Say>hello</Say></Response>" }, 20_000n * MINUTES + 3_200n],
    ["a basic voice", { Twiml: '<Response><Say voice="woman">hello</Say></Response>' }, 20_000n * MINUTES],
    ["a call that dials on", { Twiml: "<Response><Dial>+19005551234</Dial></Response>" }, "unpriced"],
    ["a nested dial", { Twiml: "<Response><Gather><Sms>x</Sms></Gather></Response>" }, "unpriced"],
    ["an endless text", { Twiml: '<Response><Say loop="0">x</Say></Response>' }, "unpriced"],
    ["speech recognition", { Twiml: '<Response><Gather input="speech"/></Response>' }, "unpriced"],
  ])("%s", (_name, form, cost) => {
    expect(costOf(call(form))).toBe(cost);
  });

  it("without a limit it has no price, and none is added", () => {
    const open = request(`${ROOT}/Calls.json`, { To: US, From: US });
    expect(accept(open).price).toEqual({ kind: "unpriced", reason: expect.stringContaining("`TimeLimit`") });
    expect(accept(open).additions.size).toBe(0);
  });

  it("without a limit the policy's is appended and counted", () => {
    const open = request(`${ROOT}/Calls.json`, { To: US, From: US });
    const operation = accept(open, contextWith({ max_call_seconds: 120 }));
    expect([...operation.additions]).toEqual([["TimeLimit", "120"]]);
    expect(operation.price).toMatchObject({ micros: 40_000n });
  });

  it("a limit beyond the policy's is refused, one within stays", () => {
    const context = contextWith({ max_call_seconds: 61 });
    expect(codeOf(call({ TimeLimit: "62" }), context)).toBe("per_call_cap_exceeded");
    expect(accept(call(), context).additions.size).toBe(0);
  });

  it.each(["0", "-1", "1.5", "60s", "0x10", "+60", " 60", "86401", "", "1e3"])(
    "a limit of `%s` is malformed",
    (limit) => {
      expect(codeOf(call({ TimeLimit: limit }))).toBe("request_malformed");
    },
  );

  it.each([
    "<Response><Say>x</Response>",
    "<Say>x</Say>",
    "<Response/><Response/>",
    "<Response><!-- <Dial/> --></Response>",
    "<Response><![CDATA[<Dial>]]></Response>",
    "<!DOCTYPE x><Response/>",
    "<Response><Say>&#60;</Say></Response>",
    "<Response>x</Response",
    '<Response><Say voice="woman" voice="Polly.Joanna-Neural">x</Say></Response>',
    "<Response><Redirect>/relative</Redirect></Response>",
  ])("instructions that readers may take differently are malformed: %s", (Twiml) => {
    expect(codeOf(call({ Twiml }))).toBe("request_malformed");
  });

  it("a participant pays the conference besides", () => {
    const form = { To: US, From: US, TimeLimit: "61" };
    expect(costOf(request(`${ROOT}/Conferences/CF1/Participants.json`, form))).toBe(46_000n);
    expect(
      costOf(request(`${ROOT}/Conferences/CF1/Participants.json`, { ...form, ConferenceRecord: "true" })),
    ).toBe("unpriced");
  });

  it("a running call costs no more minutes; a new limit has no price", () => {
    const update = (form: Record<string, string>) => request(`${ROOT}/Calls/CA1.json`, form);
    expect(costOf(update({ Status: "completed" }))).toBe("free");
    expect(costOf(update({ Url: "https://a.example/x" }))).toBe("free");
    expect(costOf(update({ Twiml: "<Response><Dial>+19005551234</Dial></Response>" }))).toBe("unpriced");
    expect(costOf(update({ TimeLimit: "60" }))).toBe("unpriced");
    expect(codeOf(update({ TimeLimit: "90" }), contextWith({ max_call_seconds: 60 }))).toBe(
      "per_call_cap_exceeded",
    );
    expect(costOf(request(`${ROOT}/Calls/CA1/Recordings.json`))).toBe("unpriced");
  });

  it("the check of a caller id is a call", () => {
    expect(costOf(request(`${ROOT}/OutgoingCallerIds.json`, { PhoneNumber: US }))).toBe(40_000n);
  });
});

describe("other products", () => {
  const verify = (form: Record<string, string>) => request("/verify/v2/Services/VA1/Verifications", form);
  const lookup = (query: string | null, number = US) => get(`/lookups/v2/PhoneNumbers/${number}`, query);

  it.each<[string, Record<string, string>, bigint | string]>([
    ["by text", { To: US, Channel: "sms" }, 50_000n + 2n * SMS],
    ["by call", { To: US, Channel: "call" }, 50_000n + 40_000n],
    ["by WhatsApp", { To: US, Channel: "whatsapp" }, 50_000n + 70_000n],
    ["by mail", { To: "a@example.com", Channel: "email" }, 50_000n],
    ["by a channel without a price", { To: US, Channel: "sna" }, "unpriced"],
    ["without a channel", { To: US }, "unpriced"],
  ])("a verification %s", (_name, form, cost) => {
    expect(costOf(verify(form))).toBe(cost);
  });

  it("a look-up costs its fields, also asked by HEAD; without fields it is free", () => {
    expect(costOf(lookup(null))).toBe("free");
    expect(costOf(lookup("Fields=validation"))).toBe("free");
    expect(costOf(lookup("Fields=caller_name%2Csim_swap"))).toBe(50_000n);
    expect(costOf({ ...lookup("Fields=caller_name"), method: "HEAD" })).toBe(10_000n);
    expect(costOf(lookup("Fields=caller_name,mystery"))).toBe("unpriced");
    expect(costOf(lookup("Fields=caller_name", "4155550100"))).toBe(10_000n);
    expect(accept(lookup("Fields=caller_name")).endpoint?.accounted).toBe(true);
  });

  it.each<[string, Record<string, string>, bigint | string]>([
    ["IncomingPhoneNumbers/Local", { PhoneNumber: US }, 1_150_000n],
    ["IncomingPhoneNumbers/TollFree", { PhoneNumber: "+18005550100" }, 2_150_000n],
    ["IncomingPhoneNumbers/Mobile", { PhoneNumber: US }, "unpriced"],
    ["IncomingPhoneNumbers", { PhoneNumber: US }, 2_150_000n],
    ["IncomingPhoneNumbers", { AreaCode: "510" }, 2_150_000n],
    ["IncomingPhoneNumbers/Local", { AreaCode: "510" }, 1_250_000n],
    ["IncomingPhoneNumbers", { PhoneNumber: "+447400123456" }, "unpriced"],
  ])("a number at %s costs its first month: %o", (path, form, cost) => {
    expect(costOf(request(`${ROOT}/${path}.json`, form))).toBe(cost);
  });

  it("a number is named once", () => {
    expect(codeOf(request(`${ROOT}/IncomingPhoneNumbers.json`, { PhoneNumber: US, AreaCode: "510" }))).toBe(
      "request_malformed",
    );
  });

  it("cents of a fee are rounded up, micros are exact", () => {
    expect(accept(message(), PRICING).price).toEqual({
      kind: "known",
      amount: 2n,
      currency: "usd",
      micros: SMS,
    });
  });
});
