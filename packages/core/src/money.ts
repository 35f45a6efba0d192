/**
 * Money inside Keybrake is a bigint of micro-dollars (1 USD = 1,000,000). This file is the only one that rounds,
 * and it always rounds against the spender: a converted amount is never less than what it stands for.
 */
export const MICROS_PER_USD = 1_000_000n;

/** No cap or single amount may exceed this: a trillion dollars, far inside a signed 64-bit count of micros. */
export const USD_MICROS_MAX = 1_000_000_000_000n * MICROS_PER_USD;

/** From here on a double is coarser than a micro-dollar, so that a JSON number may not say what was written. */
const EXACT_NUMBER_MAX = 2 ** 33;

const DECIMAL = /^(0|[1-9][0-9]{0,12})(?:\.([0-9]{1,6}))?$/;

/**
 * Reads an amount of dollars, exact to a micro-dollar, from a decimal string or a JSON number.
 * Returns micros, or null for anything else: negative, exponent, more than six decimals, over a trillion.
 */
export function parseUsd(value: string | number): bigint | null {
  if (typeof value === "number" && value > EXACT_NUMBER_MAX && !Number.isInteger(value)) return null;
  const match = DECIMAL.exec(typeof value === "number" ? String(value) : value);
  if (match === null) return null;
  const micros = BigInt(match[1] ?? "0") * MICROS_PER_USD + BigInt((match[2] ?? "").padEnd(6, "0"));
  return micros > USD_MICROS_MAX ? null : micros;
}

/** Writes micros as dollars with at least two and at most six decimals and no exponent: `12.50`, `0.0083`. */
export function formatUsd(micros: bigint): string {
  const sign = micros < 0n ? "-" : "";
  const absolute = micros < 0n ? -micros : micros;
  const fraction = (absolute % MICROS_PER_USD)
    .toString()
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${sign}${absolute / MICROS_PER_USD}.${fraction}`;
}

/**
 * What one unit of each currency is worth in dollars, as the operator states it.
 * `asOf` is an ISO date; the table is stale, and prices nothing, `maxAgeDays` after it.
 */
export interface RateTable {
  readonly asOf: string;
  readonly usdPer: ReadonlyMap<string, Rate>;
  readonly markupBps: bigint;
  readonly maxAgeDays: number;
}

/** An exact decimal fraction: numerator over a power of ten. */
export interface Rate {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Dollars only: every other currency is missing from it, and a missing currency is denied. */
export const USD_ONLY: RateTable = {
  asOf: "9999-01-01",
  usdPer: new Map(),
  markupBps: 0n,
  maxAgeDays: Number.MAX_SAFE_INTEGER,
};

/** Reads a rate such as `1.136` exactly; null when it is not a positive decimal of at most 12 decimals. */
export function parseRate(text: string): Rate | null {
  const match = /^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,12}))?$/.exec(text);
  if (match === null) return null;
  const fraction = match[2] ?? "";
  const numerator = BigInt((match[1] ?? "") + fraction);
  return numerator === 0n ? null : { numerator, denominator: 10n ** BigInt(fraction.length) };
}

/**
 * Converts an amount in a currency's smallest unit to micro-dollars, rounded up, with the table's markup on every
 * currency but the dollar. `exponent` is the vendor's own number of decimals for that currency, which is not always
 * ISO 4217's. `today` is the ledger's day (ISO date). Null when the table has no usable rate: the caller must deny.
 */
export function toUsdMicros(
  amount: bigint,
  currency: string,
  exponent: number,
  rates: RateTable,
  today: string,
): bigint | null {
  const scale = 10n ** BigInt(exponent);
  if (currency === "usd") return divideUp(amount * MICROS_PER_USD, scale);
  const rate = rates.usdPer.get(currency);
  if (rate === undefined || isStale(rates, today)) return null;
  const numerator = amount * MICROS_PER_USD * rate.numerator * (10_000n + rates.markupBps);
  return divideUp(numerator, scale * rate.denominator * 10_000n);
}

/** Says whether the table is too old to price with on that day (ISO date). */
export function isStale(rates: RateTable, today: string): boolean {
  const ageMs = Date.parse(today) - Date.parse(rates.asOf);
  // A date that cannot be read gives NaN, which compares as false: stale.
  return !(ageMs <= rates.maxAgeDays * 86_400_000);
}

function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}
