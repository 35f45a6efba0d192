import { describe, expect, it } from "vitest";
import { DEFAULT_TWILIO_PRICES } from "../../../src/vendors/twilio/default-prices.ts";
import {
  describeTwilioPrices,
  parseTwilioPrices,
  TWILIO_PRICES,
} from "../../../src/vendors/twilio/prices.ts";
import {
  readMessagingPrices,
  readNumberPrices,
  readVoicePrices,
} from "../../../src/vendors/twilio/pricing-answers.ts";

describe("an operator's table", () => {
  it("may leave out anything but its date, and what it leaves out is unpriced", () => {
    const prices = parseTwilioPrices({ as_of: "2026-11-20" });
    expect(prices).toMatchObject({ asOf: "2026-11-20", templateSegments: 10, failedMicros: 1_000n });
    expect(prices).toMatchObject({
      sms: new Map(),
      whatsapp: { anyMicros: null },
      voice: { sipMicros: null },
    });
  });

  it("has every problem named at once", () => {
    const problems = parseTwilioPrices({
      as_of: "yesterday",
      sms: { us: { segment: "0.01", carrier: "0" }, US: { segment: 0.01, carrier: "-1" } },
      voice: { countries: { US: "1e3" }, prefixes: { "+1": "0.1" } },
      extras: { coffee: "1" },
      template_segments: 0,
      surprise: {},
    });
    expect(problems).toBeInstanceOf(Array);
    const text = (problems as string[]).join("\n");
    for (const field of [
      "as_of",
      "sms.us",
      "sms.US.segment",
      "sms.US.carrier",
      "voice.countries.US",
      "voice.prefixes.+1",
      "extras",
      "template_segments",
      "surprise",
    ])
      expect(text).toContain(field);
  });

  it.each([null, [], "x", 1])("%o is none", (json) => {
    expect(parseTwilioPrices(json)).toBeInstanceOf(Array);
  });

  it("of defaults prices the United States with the carrier, and describes itself", () => {
    expect(TWILIO_PRICES.sms.get("US")).toEqual({ unitMicros: 8_300n, carrierMicros: 6_200n });
    expect(TWILIO_PRICES.asOf).toBe(DEFAULT_TWILIO_PRICES.as_of);
    const lines = describeTwilioPrices(TWILIO_PRICES);
    expect(lines[0]).toContain(DEFAULT_TWILIO_PRICES.as_of);
    expect(lines).toContain("SMS segment to US: 0.0083, and 0.0062 for the carrier");
    expect(lines).toContain("month of a number in US, toll free: 2.15");
  });
});

describe("Twilio's pricing API", () => {
  const US = { country: "United States", iso_country: "US", price_unit: "USD" };

  it("an SMS counts at its dearest carrier and sender, before any discount", () => {
    const json = {
      ...US,
      outbound_sms_prices: [
        { carrier: "A", prices: [{ number_type: "local", base_price: "0.0090", current_price: "0.0075" }] },
        {
          carrier: "B",
          prices: [{ number_type: "mobile", base_price: "0.0083", current_price: "0.00830001" }],
        },
      ],
    };
    expect(readMessagingPrices(json, 3_000n)).toEqual({
      country: "US",
      prices: { unitMicros: 9_000n, carrierMicros: 3_000n },
    });
  });

  it("a call counts at its prefix, from the dearest origin; the country is its dearest prefix", () => {
    const json = {
      ...US,
      outbound_prefix_prices: [
        {
          destination_prefixes: ["1"],
          origination_prefixes: ["ALL"],
          base_price: "0.014",
          current_price: "0.0140",
        },
        { destination_prefixes: ["1907"], base_price: "0.09", current_price: "0.09" },
        {
          destination_prefixes: ["1"],
          origination_prefixes: ["44"],
          base_price: "0.0170000001",
          current_price: null,
        },
      ],
    };
    expect(readVoicePrices(json)).toEqual({
      country: "US",
      prices: {
        minuteMicros: 90_000n,
        prefixes: new Map([
          ["1", 17_001n],
          ["1907", 90_000n],
        ]),
      },
    });
  });

  it("a number counts by its kind", () => {
    const json = {
      ...US,
      phone_number_prices: [
        { number_type: "local", base_price: "1.15", current_price: "1.15" },
        { number_type: "toll free", base_price: "2.15", current_price: "2.15" },
      ],
    };
    expect(readNumberPrices(json)).toEqual({
      country: "US",
      prices: new Map([
        ["local", 1_150_000n],
        ["toll free", 2_150_000n],
      ]),
    });
  });

  it.each([
    ["no object", null],
    ["no country", { price_unit: "USD" }],
    ["another currency", { ...US, price_unit: "EUR" }],
    ["no price", US],
    [
      "a negative price",
      { ...US, outbound_sms_prices: [{ prices: [{ base_price: "-1", current_price: "1" }] }] },
    ],
  ])("%s is a sentence, never a guess", (_name, json) => {
    expect(readMessagingPrices(json, 0n)).toBeTypeOf("string");
    expect(readVoicePrices(json)).toBeTypeOf("string");
  });

  it("one unreadable price of a number makes the answer unreadable", () => {
    const json = {
      ...US,
      phone_number_prices: [{ number_type: "local", base_price: "x", current_price: "1" }],
    };
    expect(readNumberPrices(json)).toBeTypeOf("string");
  });
});
