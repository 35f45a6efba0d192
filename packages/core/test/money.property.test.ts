import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd, MICROS_PER_USD, parseRate, parseUsd, toUsdMicros, USD_MICROS_MAX } from "../src/money.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "./fuzz.ts";

const TODAY = "2026-11-23";
const micros = fc.oneof(
  fc.bigInt({ min: 0n, max: USD_MICROS_MAX }),
  fc.bigInt({ min: 0n, max: 10_000_000n }),
  fc.bigInt({ min: USD_MICROS_MAX - 10n, max: USD_MICROS_MAX }),
);

/** A decimal, as its digits and the number of those behind the point. */
const decimal = fc.record({
  digits: fc.bigInt({ min: 1n, max: 999_999_999_999n }),
  places: fc.integer({ min: 0, max: 12 }),
});

function writeDecimal({ digits, places }: { digits: bigint; places: number }): string {
  const text = digits.toString().padStart(places + 1, "0");
  return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
}

const conversion = fc.record({
  amount: fc.oneof(fc.bigInt({ min: 0n, max: 999_999_999_999n }), fc.bigInt({ min: 0n, max: 1_000n })),
  exponent: fc.constantFrom(0, 2, 3),
  rate: decimal.filter((value) => parseRate(writeDecimal(value)) !== null),
  markupBps: fc.bigInt({ min: 0n, max: 5_000n }),
});

function convert({
  amount,
  exponent,
  rate,
  markupBps,
}: typeof conversion extends fc.Arbitrary<infer T> ? T : never) {
  const parsed = parseRate(writeDecimal(rate));
  if (parsed === null) throw new TypeError("no rate");
  const table = { asOf: TODAY, usdPer: new Map([["eur", parsed]]), markupBps, maxAgeDays: 1 };
  return toUsdMicros(amount, "eur", exponent, table, TODAY) ?? -1n;
}

describe("money", () => {
  it(
    "round-trips: what was written is read back to the micro-dollar",
    () => {
      fc.assert(
        fc.property(micros, (value) => {
          const text = formatUsd(value);
          expect(text).toMatch(/^[0-9]+\.[0-9]{2,6}$/);
          expect(parseUsd(text)).toBe(value);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "read from a JSON number is exactly what the text of that number says, or refused",
    () => {
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: 2n ** 33n * MICROS_PER_USD }), (value) => {
          const number: unknown = JSON.parse(formatUsd(value));
          expect([value, null]).toContain(parseUsd(number as number));
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "is refused, or a decimal of at most six places: any other text is never an amount",
    () => {
      const text = fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.stringMatching(/^[-+0-9.e_ ,x]{0,16}$/),
        decimal.map(writeDecimal),
      );
      fc.assert(
        fc.property(text, (value) => {
          const [whole = "", fraction = ""] = value.split(".");
          const isPlain = /^(0|[1-9]\d*)(\.\d{1,6})?$/.test(value);
          const exact = isPlain ? BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0")) : -1n;
          const expected = isPlain && exact <= USD_MICROS_MAX ? exact : null;
          expect(parseUsd(value)).toBe(expected);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "converted is the least whole micro-dollar that is not below the exact rational value",
    () => {
      fc.assert(
        fc.property(conversion, (input) => {
          const { amount, exponent, rate, markupBps } = input;
          // amount / 10^exponent * digits / 10^places * 10^6 * (1 + markup / 10^4), as one fraction.
          const numerator = amount * rate.digits * MICROS_PER_USD * (10_000n + markupBps);
          const denominator = 10n ** BigInt(exponent + rate.places + 4);
          const converted = convert(input);
          expect(converted * denominator >= numerator).toBe(true);
          expect((converted - 1n) * denominator < numerator).toBe(true);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "converted never falls when the amount or the markup rises",
    () => {
      const more = fc.bigInt({ min: 0n, max: 1_000_000n });
      fc.assert(
        fc.property(conversion, more, (input, extra) => {
          const base = convert(input);
          expect(convert({ ...input, amount: input.amount + extra })).toBeGreaterThanOrEqual(base);
          expect(convert({ ...input, markupBps: input.markupBps + extra })).toBeGreaterThanOrEqual(base);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "converted in parts is never less than converted at once: splitting a call saves nothing",
    () => {
      fc.assert(
        fc.property(conversion, fc.bigInt({ min: 0n, max: 999_999_999_999n }), (input, part) => {
          const first = part % (input.amount + 1n);
          const split =
            convert({ ...input, amount: first }) + convert({ ...input, amount: input.amount - first });
          expect(split).toBeGreaterThanOrEqual(convert(input));
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
