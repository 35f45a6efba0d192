import { describe, expect, it } from "vitest";
import { stripeExponent } from "../../../src/vendors/stripe/currency.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import { RATES } from "../../stripe-requests.ts";

describe("stripeExponent", () => {
  it.each("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "))(
    "P1: %s has no decimals",
    (code) => {
      expect(stripeExponent(code)).toBe(0);
    },
  );

  it.each("bhd jod kwd omr tnd".split(" "))("P1: %s has three decimals", (code) => {
    expect(stripeExponent(code)).toBe(3);
  });

  // ISO 4217 says otherwise of ISK, UGX (none), IQD, LYD (three); Stripe's API does not follow it.
  it.each("usd eur gbp isk ugx huf twd iqd lyd cny inr".split(" "))("P1: %s has two decimals", (code) => {
    expect(stripeExponent(code)).toBe(2);
  });
});

describe("stripe.toMicros", () => {
  it.each([
    ["usd", 500_000n, 5_000_000_000n],
    ["eur", 500_000n, 5_500_000_000n],
    ["jpy", 500_000n, 5_000_000_000n],
    ["kwd", 500_000n, 1_500_000_000n],
    ["isk", 500_000n, 50_000_000n],
    ["ugx", 500_000n, 1_500_000n],
    ["mga", 500_000n, 100_000_000n],
    ["chf", 500_000n, null],
    ["USD", 500_000n, null],
    ["JPY", 500_000n, null],
    ["", 500_000n, null],
  ])("P1: reads %s %s as %s micro-dollars", (currency, amount, micros) => {
    expect(stripe.toMicros(amount, currency, RATES)).toBe(micros);
  });
});
