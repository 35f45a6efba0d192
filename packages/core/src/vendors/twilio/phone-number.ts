// biome-ignore lint/style/noRestrictedImports: pure data and no I/O, which country a number belongs to
import parsePhoneNumber from "libphonenumber-js/max";
import type { VoicePrices } from "./prices.ts";

const E164 = /^\+[1-9][0-9]{6,14}$/;
const PREMIUM: ReadonlySet<string> = new Set(["PREMIUM_RATE", "SHARED_COST"]);

/** A phone number in its one international spelling. */
export interface PhoneNumber {
  /** With its plus. */
  readonly text: string;
  /** ISO 3166 code; null when the numbering plans do not tell. */
  readonly country: string | null;
  /** True for numbers that cost more than their country does: premium and shared-cost services. */
  readonly isPremium: boolean;
}

/** Reads a number in E.164 (`+14155550100`); null for any other spelling. */
export function readPhoneNumber(text: string): PhoneNumber | null {
  if (!E164.test(text)) return null;
  const number = parsePhoneNumber(text);
  return { text, country: number?.country ?? null, isPremium: PREMIUM.has(number?.getType() ?? "") };
}

/**
 * What a demand for a number's country asks. A number of no known country asks for a name that no policy can list, so
 * a key with a list of countries never reaches it.
 */
export function countryOf(number: PhoneNumber): string {
  return number.country ?? "unknown";
}

/**
 * What a started minute to a number costs: its longest prefix counts, then its country. Null when neither stands in
 * the table, and for a premium number without a prefix of its own.
 */
export function findMinutePrice(
  number: PhoneNumber,
  { prefixes, countries }: Pick<VoicePrices, "prefixes" | "countries">,
): bigint | null {
  for (let end = number.text.length; end > 1; end--) {
    const found = prefixes.get(number.text.slice(1, end));
    if (found !== undefined) return found;
  }
  if (number.country === null || number.isPremium) return null;
  return countries.get(number.country) ?? null;
}
