import { describe, expect, it } from "vitest";
import { FROM, openTwilio, TO } from "./twilio-sdk.ts";

const VOICE_URL = "http://127.0.0.1/voice";

describe("a Twilio call", () => {
  it("gets duration and price when it ends, by started minutes", async () => {
    const { sandbox, client } = await openTwilio({ callSeconds: 61 });
    const made = await client.calls.create({ to: TO, from: FROM, url: VOICE_URL });
    expect(made).toMatchObject({ status: "queued", price: null, duration: null });
    expect((await client.calls(made.sid).fetch()).status).toBe("in-progress");
    const ended = await client.calls(made.sid).fetch();
    expect(ended).toMatchObject({ status: "completed", duration: "61", price: "-0.02800" });
    expect((await client.calls.list({ status: "completed" })).map(({ sid }) => sid)).toEqual([made.sid]);
    expect(sandbox.money()["calls"]).toEqual({ count: 1, usage: 2, priceMicros: 28_000 });
  });

  it("ends at its TimeLimit", async () => {
    const { sandbox, client } = await openTwilio({ callSeconds: 600 });
    const { sid } = await client.calls.create({ to: TO, from: FROM, url: VOICE_URL, timeLimit: 45 });
    sandbox.settle();
    expect(await client.calls(sid).fetch()).toMatchObject({ duration: "45", price: "-0.01400" });
  });

  it("can be canceled before it starts, and then costs nothing", async () => {
    const { sandbox, client } = await openTwilio();
    const { sid } = await client.calls.create({ to: TO, from: FROM, twiml: "<Response/>" });
    expect((await client.calls(sid).update({ status: "canceled" })).status).toBe("canceled");
    await expect(client.calls(sid).update({ status: "completed" })).rejects.toMatchObject({ code: 21220 });
    expect(sandbox.money()).toEqual({});
  });

  it.each([
    [21211, { to: "nobody" }],
    [21210, { from: "+14155550000" }],
    [21205, { url: "" }],
    [20001, { timeLimit: 100_000 }],
  ])("is refused with code %i for %o", async (code, change) => {
    const { client } = await openTwilio();
    const refused = client.calls.create({ to: TO, from: FROM, url: VOICE_URL, ...change });
    await expect(refused).rejects.toMatchObject({ status: 400, code });
  });
});

describe("the other products", () => {
  it("sell numbers, which may then send, and take them back", async () => {
    const { sandbox, client } = await openTwilio();
    const bought = await client.incomingPhoneNumbers.create({ phoneNumber: "+14155550123" });
    await client.messages.create({ to: TO, from: "+14155550123", body: "hello" });
    await client.incomingPhoneNumbers.tollFree.create({ phoneNumber: "+18005550123" });
    expect(sandbox.money()["phonenumbers"]).toEqual({ count: 2, usage: 2, priceMicros: 3_300_000 });
    const again = client.incomingPhoneNumbers.create({ phoneNumber: "+14155550123" });
    await expect(again).rejects.toMatchObject({ code: 21422 });
    expect(await client.incomingPhoneNumbers(bought.sid).remove()).toBe(true);
    expect(await client.incomingPhoneNumbers.list()).toHaveLength(1);
  });

  it("verify: the right code approves, a wrong one does not", async () => {
    const { sandbox, client } = await openTwilio({ verificationCode: "424242" });
    const { sid } = await client.verify.v2.services.create({ friendlyName: "login" });
    const service = client.verify.v2.services(sid);
    const made = await service.verifications.create({ to: TO, channel: "sms" });
    expect(made).toMatchObject({ status: "pending", valid: false });
    const check = (code: string) => service.verificationChecks.create({ to: TO, code });
    expect(await check("000000")).toMatchObject({ status: "pending", valid: false });
    expect(await check("424242")).toMatchObject({ status: "approved", valid: true, sid: made.sid });
    await expect(check("424242")).rejects.toMatchObject({ status: 404 });
    expect(sandbox.money()["verify-verifications"]?.count).toBe(1);
    await client.verify.v2.services.create({ friendlyName: "other" });
    // The list's links are absolute and lead back here.
    expect(await client.verify.v2.services.list({ pageSize: 1 })).toHaveLength(2);
  });

  it("lookups: a GET that costs, by field", async () => {
    const { sandbox, client } = await openTwilio();
    expect(await client.lookups.v2.phoneNumbers(TO).fetch()).toMatchObject({
      valid: true,
      countryCode: "US",
    });
    expect(sandbox.money()).toEqual({});
    const fields = "caller_name,line_type_intelligence";
    const found = await client.lookups.v2.phoneNumbers(TO).fetch({ fields });
    expect(found.simSwap).toBeFalsy();
    expect(sandbox.money()["lookups"]).toEqual({ count: 2, usage: 2, priceMicros: 18_000 });
  });

  it("the account shows its auth token, as at Twilio", async () => {
    const { sandbox, client } = await openTwilio();
    const account = await client.api.v2010.accounts(sandbox.accountSid).fetch();
    expect(account.authToken).toBe(sandbox.authToken);
  });

  it("usage records add up by day and category", async () => {
    let now = Date.parse("2026-11-20T12:00:00Z");
    const { client } = await openTwilio({ now: () => now });
    await client.messages.create({ to: TO, from: FROM, body: "x".repeat(161) });
    now += 86_400_000;
    await client.messages.create({ to: TO, from: FROM, body: "hello" });
    const today = await client.usage.records.today.list({ category: "totalprice" });
    expect(today.map(({ category, price }) => [category, String(price)])).toEqual([["totalprice", "0.0083"]]);
    const daily = await client.usage.records.daily.list({ category: "sms" });
    expect(daily.map(({ count, usage, price }) => [count, usage, String(price)])).toEqual([
      ["1", "1", "0.0083"],
      ["1", "2", "0.0166"],
    ]);
    const [sum] = await client.usage.records.list({
      category: "sms",
      startDate: new Date("2026-11-20"),
      endDate: new Date("2026-11-21"),
    });
    expect(sum).toMatchObject({ count: "2", usage: "3" });
  });

  it("price lists are the ones that are billed", async () => {
    const { client } = await openTwilio();
    const sms = await client.pricing.v1.messaging.countries("US").fetch();
    const [route] = sms.outboundSmsPrices as unknown as { prices: { current_price: string }[] }[];
    expect(route?.prices[0]?.current_price).toBe("0.0083");
    const voice = await client.pricing.v2.voice.countries("US").fetch();
    expect(voice.outboundPrefixPrices).toHaveLength(1);
    const number = await client.pricing.v2.voice.numbers(TO).fetch();
    expect(number).toMatchObject({ isoCountry: "US", priceUnit: "USD" });
    const numbers = await client.pricing.v1.phoneNumbers.countries("US").fetch();
    expect(numbers.phoneNumberPrices).toHaveLength(2);
    await expect(client.pricing.v1.messaging.countries("ZZ").fetch()).rejects.toMatchObject({ status: 404 });
  });
});
