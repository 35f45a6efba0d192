import { describe, expect, it } from "vitest";
import { parseTwilioPrices, TWILIO_PRICES } from "../../../src/vendors/twilio/prices.ts";
import {
  priceReadsOf,
  refreshTwilioPrices,
  renderTwilioPrices,
} from "../../../src/vendors/twilio/refresh.ts";

const answerOf = (body: unknown, status = 200) => ({
  status,
  header: () => null,
  body: JSON.stringify(body),
});
const FRANCE = { iso_country: "FR", price_unit: "USD" };
const ANSWERS = [
  answerOf({
    ...FRANCE,
    outbound_sms_prices: [
      {
        prices: [
          { base_price: "0.0798", current_price: "0.0798" },
          { base_price: "0.0801", current_price: "0.0750" },
        ],
      },
    ],
  }),
  answerOf({
    ...FRANCE,
    outbound_prefix_prices: [
      { destination_prefixes: ["33", "336"], base_price: "0.031", current_price: "0.031" },
    ],
  }),
  answerOf({
    ...FRANCE,
    phone_number_prices: [{ number_type: "local", base_price: "1.25", current_price: "1.25" }],
  }),
] as const;

describe("refreshing Twilio's prices", () => {
  it("a table that is written and read again is the same table", () => {
    expect(parseTwilioPrices(renderTwilioPrices(TWILIO_PRICES))).toEqual(TWILIO_PRICES);
  });

  it("takes the dearest price of a country, keeps its carrier's fee and everything else, and is dated", () => {
    const { prices, problems } = refreshTwilioPrices(TWILIO_PRICES, [ANSWERS], "2026-11-23");
    expect(problems).toEqual([]);
    expect(prices.asOf).toBe("2026-11-23");
    expect(prices.sms.get("FR")).toEqual({ unitMicros: 80_100n, carrierMicros: 0n });
    expect(prices.voice.countries.get("FR")).toBe(31_000n);
    expect(prices.numbers.get("FR")?.get("local")).toBe(1_250_000n);
    expect(prices.sms.get("US")).toEqual(TWILIO_PRICES.sms.get("US"));
    const again = refreshTwilioPrices(TWILIO_PRICES, [], "2026-11-23").prices;
    expect(again).toEqual({ ...TWILIO_PRICES, asOf: "2026-11-23" });
  });

  it("keeps what cannot be read, and says so", () => {
    const broken = answerOf({}, 404);
    const { prices, problems } = refreshTwilioPrices(TWILIO_PRICES, [[broken, broken, broken]], "2026-11-23");
    expect(problems).toHaveLength(3);
    expect(prices.sms).toEqual(TWILIO_PRICES.sms);
  });

  it("asks the pricing host, with paths that the catalogue knows", () => {
    expect(priceReadsOf("FR").map(({ path }) => path)).toEqual([
      "/pricing/v1/Messaging/Countries/FR",
      "/pricing/v2/Voice/Countries/FR",
      "/pricing/v1/PhoneNumbers/Countries/FR",
    ]);
  });
});
