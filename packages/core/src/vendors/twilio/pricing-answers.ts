import type { CarriedPrice } from "./prices.ts";

/** What one country costs by an answer of Twilio's pricing API, or a sentence that says why it cannot be read. */
export type CountryAnswer<T> = { readonly country: string; readonly prices: T } | string;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `GET /v1/Messaging/Countries/{IsoCountry}`: a segment at the dearest carrier and kind of sender. The API does
 * not state carriers' fees: the caller gives the one to count on top, in micros.
 */
export function readMessagingPrices(json: unknown, carrierMicros: bigint): CountryAnswer<CarriedPrice> {
  const country = readCountry(json);
  if (typeof country === "string") return country;
  const amounts = listOf(country.fields, "outbound_sms_prices").flatMap((carrier) =>
    listOf(carrier, "prices"),
  );
  const unitMicros = dearest(amounts);
  if (unitMicros === null) return `no price of an SMS to \`${country.iso}\` can be read`;
  return { country: country.iso, prices: { unitMicros, carrierMicros } };
}

/** What a minute to a country's numbers costs. */
export interface CountryVoice {
  /** At the dearest prefix, so that it holds for any number of the country. */
  readonly minuteMicros: bigint;
  /** By the first digits, from the dearest place of origin. */
  readonly prefixes: ReadonlyMap<string, bigint>;
}

/** Reads `GET /v2/Voice/Countries/{IsoCountry}`. */
export function readVoicePrices(json: unknown): CountryAnswer<CountryVoice> {
  const country = readCountry(json);
  if (typeof country === "string") return country;
  const prefixes = new Map<string, bigint>();
  let minuteMicros = 0n;
  for (const entry of listOf(country.fields, "outbound_prefix_prices")) {
    const micros = dearest([entry]);
    const named = entry["destination_prefixes"];
    if (micros === null || !Array.isArray(named))
      return `a price of calls to \`${country.iso}\` cannot be read`;
    if (micros > minuteMicros) minuteMicros = micros;
    for (const prefix of named as unknown[]) {
      if (typeof prefix !== "string" || !/^[1-9][0-9]{0,14}$/.test(prefix))
        return `a prefix of \`${country.iso}\` cannot be read`;
      const known = prefixes.get(prefix) ?? 0n;
      prefixes.set(prefix, micros > known ? micros : known);
    }
  }
  if (prefixes.size === 0) return `no price of calls to \`${country.iso}\` can be read`;
  return { country: country.iso, prices: { minuteMicros, prefixes } };
}

/** Reads `GET /v1/PhoneNumbers/Countries/{IsoCountry}`: what a number of each kind costs a month. */
export function readNumberPrices(json: unknown): CountryAnswer<ReadonlyMap<string, bigint>> {
  const country = readCountry(json);
  if (typeof country === "string") return country;
  const kinds = new Map<string, bigint>();
  for (const entry of listOf(country.fields, "phone_number_prices")) {
    const kind = entry["number_type"];
    const micros = dearest([entry]);
    if (typeof kind !== "string" || micros === null)
      return `a price of numbers in \`${country.iso}\` cannot be read`;
    kinds.set(kind, micros);
  }
  return { country: country.iso, prices: kinds };
}

function readCountry(json: unknown): { iso: string; fields: Fields } | string {
  if (!isObject(json)) return "the answer is no object";
  const { iso_country: iso, price_unit: unit } = json;
  if (typeof iso !== "string" || !/^[A-Z]{2}$/.test(iso)) return "the answer names no country";
  if (unit !== "USD" && unit !== "usd")
    return `the prices of \`${iso}\` are in \`${String(unit)}\`: only an account in USD can be read`;
  return { iso, fields: json };
}

/** The highest of base and current prices, so that a discount that ends is not counted on; null if any is unreadable. */
function dearest(entries: readonly Fields[]): bigint | null {
  let most: bigint | null = null;
  for (const entry of entries) {
    const amounts = [entry["base_price"], entry["current_price"]].filter((price) => price !== null);
    for (const price of amounts) {
      const micros = readDollars(price);
      if (micros === null) return null;
      if (most === null || micros > most) most = micros;
    }
  }
  return most;
}

/** Micros of a decimal such as `0.00750`, rounded up. */
function readDollars(price: unknown): bigint | null {
  const text = typeof price === "number" ? String(price) : price;
  const match = typeof text === "string" ? /^([0-9]{1,9})(?:\.([0-9]{1,18}))?$/.exec(text) : null;
  if (match === null) return null;
  const [, whole = "", fraction = ""] = match;
  const micros = BigInt(whole + fraction.slice(0, 6).padEnd(6, "0"));
  return /[1-9]/.test(fraction.slice(6)) ? micros + 1n : micros;
}

function listOf(fields: Fields, name: string): readonly Fields[] {
  const list = fields[name];
  return Array.isArray(list) ? (list as unknown[]).filter(isObject) : [];
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
