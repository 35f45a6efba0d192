/** What Twilio asks in one country. Prices in micros (millionths) of USD; carrier fees are not in them. */
export interface CountryPrices {
  readonly iso: string;
  readonly name: string;
  /** With the plus sign. */
  readonly prefix: string;
  /** A segment. */
  readonly smsMicros: number;
  /** A message with media. */
  readonly mmsMicros: number;
  /** A started minute. */
  readonly voiceMicros: number;
  /** A number for a month, by kind. */
  readonly numbers: Readonly<Record<string, number>>;
}

const US_NUMBERS = { local: 1_150_000, "toll free": 2_150_000 };

/** The countries that the fake can reach. The figures are fixed so that tests can name them, not today's. */
export const COUNTRIES: readonly CountryPrices[] = [
  country("US", "United States", "+1", [8_300, 22_000, 14_000], US_NUMBERS),
  country("CA", "Canada", "+1", [8_300, 22_000, 14_000], US_NUMBERS),
  country("GB", "United Kingdom", "+44", [52_400, 52_400, 15_800], { local: 1_150_000, mobile: 1_150_000 }),
  country("FR", "France", "+33", [79_800, 79_800, 18_700], { local: 1_150_000 }),
  country("DE", "Germany", "+49", [112_000, 112_000, 18_700], { local: 1_150_000, mobile: 15_000_000 }),
  country("AU", "Australia", "+61", [51_500, 350_000, 25_200], { local: 3_000_000, mobile: 6_500_000 }),
  country("IN", "India", "+91", [83_200, 83_200, 49_700], {}),
];

/** What a verification, and each paid field of a lookup, costs in micros of USD. */
export const VERIFICATION_MICROS = 50_000;

/** The paid fields of Lookup v2 with their price in micros of USD. */
export const LOOKUP_FIELDS: Readonly<Record<string, number>> = {
  caller_name: 10_000,
  sim_swap: 20_000,
  call_forwarding: 20_000,
  line_type_intelligence: 8_000,
  line_status: 10_000,
  identity_match: 100_000,
  reassigned_number: 20_000,
  sms_pumping_risk: 25_000,
};

function country(
  iso: string,
  name: string,
  prefix: string,
  [smsMicros, mmsMicros, voiceMicros]: readonly [number, number, number],
  numbers: Readonly<Record<string, number>>,
): CountryPrices {
  return { iso, name, prefix, smsMicros, mmsMicros, voiceMicros, numbers };
}

/** The country that a number in E.164 belongs to; the United States for all of +1. */
export function countryOf(number: string): CountryPrices | null {
  return COUNTRIES.find(({ prefix }) => number.startsWith(prefix)) ?? null;
}

/** Micros of USD as Twilio writes the price of a message or call: negative, five decimals. */
export function priceText(micros: number): string {
  return `-${(micros / 1_000_000).toFixed(5)}`;
}

/** Micros of USD as the price lists write them. */
export function listPrice(micros: number): string {
  return (micros / 1_000_000).toFixed(4);
}
