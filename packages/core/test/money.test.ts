import { describe, expect, it } from "vitest";
import {
  formatUsd,
  isStale,
  parseRate,
  parseUsd,
  type Rate,
  type RateTable,
  toUsdMicros,
  USD_MICROS_MAX,
  USD_ONLY,
} from "../src/money.ts";

const TODAY = "2026-11-23";

function rateOf(text: string): Rate {
  const rate = parseRate(text);
  if (rate === null) throw new TypeError(`\`${text}\` is no rate`);
  return rate;
}

function tableOf(rates: Readonly<Record<string, string>>, markupBps = 0n): RateTable {
  const usdPer = new Map(Object.entries(rates).map(([code, text]) => [code, rateOf(text)]));
  return { asOf: "2026-11-20", usdPer, markupBps, maxAgeDays: 7 };
}

describe("parseUsd", () => {
  it.each([
    ["0", 0n],
    ["0.00", 0n],
    ["1", 1_000_000n],
    ["0.1", 100_000n],
    ["0.10", 100_000n],
    ["0.000001", 1n],
    ["10000", 10_000_000_000n],
    ["12.345678", 12_345_678n],
    ["1000000000000", USD_MICROS_MAX],
    ["1000000000000.000000", USD_MICROS_MAX],
    [0, 0n],
    [-0, 0n],
    [1, 1_000_000n],
    [0.1, 100_000n],
    [0.29, 290_000n],
    [1.005, 1_005_000n],
    [2_000, 2_000_000_000n],
    [4_503_599_627.370_497, 4_503_599_627_370_497n],
    [1_000_000_000_000, USD_MICROS_MAX],
  ])("reads %s as %s micros", (value, micros) => {
    expect(parseUsd(value)).toBe(micros);
  });

  it.each([
    "",
    " ",
    " 1",
    "1 ",
    "1\n",
    "-1",
    "-0",
    "+1",
    "01",
    "00",
    ".5",
    "5.",
    "1.0000001",
    "1e3",
    "1E3",
    "0x10",
    "1_000",
    "1,000",
    "$1",
    "1 USD",
    "１２",
    "٣",
    "NaN",
    "Infinity",
    "1000000000000.000001",
    "1000000000001",
    "9".repeat(13),
    "9".repeat(1_000),
    "1".repeat(14),
    -1,
    -0.01,
    1e-7,
    0.1 + 0.2,
    1e21,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1_000_000_000_001,
  ])("G2: refuses %j as an amount of dollars", (value) => {
    expect(parseUsd(value)).toBeNull();
  });

  it("never takes a JSON number that has already lost micro-dollars for an exact amount", () => {
    // JSON.parse makes 123456789012.12346 of this text: four micro-dollars that nobody wrote.
    expect(parseUsd(JSON.parse("123456789012.123456"))).toBeNull();
    expect(parseUsd("123456789012.123456")).toBe(123_456_789_012_123_456n);
  });
});

describe("formatUsd", () => {
  it.each([
    [0n, "0.00"],
    [1n, "0.000001"],
    [10n, "0.00001"],
    [8_300n, "0.0083"],
    [10_000n, "0.01"],
    [100_000n, "0.10"],
    [1_000_000n, "1.00"],
    [12_500_000n, "12.50"],
    [12_345_678n, "12.345678"],
    [-1n, "-0.000001"],
    [-12_500_000n, "-12.50"],
    [USD_MICROS_MAX, "1000000000000.00"],
  ])("writes %s micros as %s", (micros, text) => {
    expect(formatUsd(micros)).toBe(text);
  });
});

describe("parseRate", () => {
  it.each([
    ["1", 1n, 1n],
    ["1.136", 1_136n, 1_000n],
    ["0.0067", 67n, 10_000n],
    ["0.000000000001", 1n, 1_000_000_000_000n],
    ["999999999.5", 9_999_999_995n, 10n],
  ])("reads %s exactly", (text, numerator, denominator) => {
    expect(parseRate(text)).toEqual({ numerator, denominator });
  });

  it.each([
    "",
    "0",
    "0.0",
    "0.000000000000",
    "-1",
    "+1",
    "1e3",
    "01",
    ".5",
    "5.",
    "1.0000000000001",
    "1,1",
    " 1",
    "NaN",
    "1234567890",
  ])("refuses `%s`", (text) => {
    expect(parseRate(text)).toBeNull();
  });
});

describe("toUsdMicros", () => {
  it.each([
    ["dollars need no rate", 123n, "usd", 2, {}, 0n, 1_230_000n],
    ["dollars carry no markup", 100n, "usd", 2, {}, 500n, 1_000_000n],
    ["a rate is exact", 100n, "eur", 2, { eur: "1.136" }, 0n, 1_136_000n],
    ["markup is added", 100n, "eur", 2, { eur: "1.136" }, 300n, 1_170_080n],
    ["a fraction of a micro rounds up", 1n, "eur", 2, { eur: "0.00003" }, 0n, 1n],
    ["an exact micro does not", 1n, "eur", 2, { eur: "0.0001" }, 0n, 1n],
    ["a micro and a bit is two", 1n, "eur", 2, { eur: "0.000100000001" }, 0n, 2n],
    ["no decimals", 500n, "jpy", 0, { jpy: "0.0067" }, 0n, 3_350_000n],
    ["three decimals", 1_000n, "kwd", 3, { kwd: "3.25" }, 0n, 3_250_000n],
    ["nothing costs nothing", 0n, "eur", 2, { eur: "1.136" }, 300n, 0n],
    ["amounts beyond 2^53", 9_007_199_254_740_993n, "usd", 2, {}, 0n, 90_071_992_547_409_930_000n],
  ])("%s", (_what, amount, currency, exponent, rates, markupBps, micros) => {
    expect(toUsdMicros(amount, currency, exponent, tableOf(rates, markupBps), TODAY)).toBe(micros);
  });

  it.each([
    ["a currency without a rate", "chf", TODAY],
    ["an upper-case code", "EUR", TODAY],
    ["a name of every object's prototype", "constructor", TODAY],
    ["a table that is too old", "eur", "2026-11-28"],
  ])("P1: gives no price for %s", (_what, currency, today) => {
    expect(toUsdMicros(100n, currency, 2, tableOf({ eur: "1.136" }), today)).toBeNull();
  });

  it("P1: prices dollars and nothing else from the table of dollars only", () => {
    expect(toUsdMicros(100n, "usd", 2, USD_ONLY, TODAY)).toBe(1_000_000n);
    expect(toUsdMicros(100n, "eur", 2, USD_ONLY, TODAY)).toBeNull();
  });
});

describe("isStale", () => {
  it.each([
    ["2026-11-20", false],
    ["2026-11-27", false],
    ["2026-11-28", true],
    ["2027-11-20", true],
  ])("a table of 2026-11-20 that lasts 7 days is on %s: %s", (today, stale) => {
    expect(isStale(tableOf({}), today)).toBe(stale);
  });

  it.each([
    ["an unreadable date of the table", "soon", TODAY],
    ["no date of the table", "", TODAY],
    ["an unreadable day of the ledger", "2026-11-20", ""],
  ])("fails closed: with %s no rate is current", (_what, asOf, today) => {
    const table = { ...tableOf({ eur: "1.136" }), asOf };
    expect(isStale(table, today)).toBe(true);
    expect(toUsdMicros(100n, "eur", 2, table, today)).toBeNull();
  });
});
