import { formatUsd } from "../../money.ts";
import type { VendorRead } from "../../operation.ts";
import type { VendorAnswer } from "../vendor.ts";
import type { CarriedPrice, ChannelPrice, TwilioPrices } from "./prices.ts";
import { readMessagingPrices, readNumberPrices, readVoicePrices } from "./pricing-answers.ts";

/** What Twilio's pricing API is asked about one country (ISO 3166): text messages, calls, numbers. */
export function priceReadsOf(country: string): readonly [VendorRead, VendorRead, VendorRead] {
  const read = (path: string): VendorRead => ({
    method: "GET",
    path: `/pricing${path}${country}`,
    query: null,
    body: null,
  });
  return [
    read("/v1/Messaging/Countries/"),
    read("/v2/Voice/Countries/"),
    read("/v1/PhoneNumbers/Countries/"),
  ];
}

/** One country's answers, in the order of `priceReadsOf`. */
export type CountryAnswers = readonly [VendorAnswer, VendorAnswer, VendorAnswer];

/**
 * The table with what Twilio's own pricing API says of some countries; everything else of it stays. What could not be
 * read stays as it was, and is told. Carriers' fees are not in the API: those of the table are kept. `today` is an ISO
 * date.
 */
export function refreshTwilioPrices(
  prices: TwilioPrices,
  answers: readonly CountryAnswers[],
  today: string,
): { readonly prices: TwilioPrices; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const sms = new Map(prices.sms);
  const voiceCountries = new Map(prices.voice.countries);
  const prefixes = new Map(prices.voice.prefixes);
  const numbers = new Map(prices.numbers);
  for (const [messaging, voice, phoneNumbers] of answers) {
    const texts = readMessagingPrices(objectOf(messaging), 0n);
    if (typeof texts === "string") problems.push(texts);
    else {
      const carrierMicros = sms.get(texts.country)?.carrierMicros ?? 0n;
      sms.set(texts.country, { ...texts.prices, carrierMicros });
    }
    const calls = readVoicePrices(objectOf(voice));
    if (typeof calls === "string") problems.push(calls);
    else {
      voiceCountries.set(calls.country, calls.prices.minuteMicros);
      for (const [prefix, micros] of calls.prices.prefixes) prefixes.set(prefix, micros);
    }
    const months = readNumberPrices(objectOf(phoneNumbers));
    if (typeof months === "string") problems.push(months);
    else numbers.set(months.country, months.prices);
  }
  const voice = { ...prices.voice, countries: voiceCountries, prefixes };
  return { prices: { ...prices, asOf: today, sms, voice, numbers }, problems };
}

/** A table in the form of the operator's file, which `parseTwilioPrices` reads back as the same table. */
export function renderTwilioPrices(prices: TwilioPrices): Readonly<Record<string, unknown>> {
  const plain = (table: ReadonlyMap<string, bigint>) => mapValues(table, formatUsd);
  const orNull = (micros: bigint | null) => (micros === null ? null : formatUsd(micros));
  const channel = ({ anyMicros, countries }: ChannelPrice) => ({
    any: orNull(anyMicros),
    countries: plain(countries),
  });
  const carried = (unit: string, table: ReadonlyMap<string, CarriedPrice>) =>
    mapValues(table, ({ unitMicros, carrierMicros }) => ({
      [unit]: formatUsd(unitMicros),
      carrier: formatUsd(carrierMicros),
    }));
  const { voice, verification } = prices;
  return {
    as_of: prices.asOf,
    sms: carried("segment", prices.sms),
    mms: carried("message", prices.mms),
    whatsapp: channel(prices.whatsapp),
    rcs: channel(prices.rcs),
    messenger: channel(prices.messenger),
    template_segments: prices.templateSegments,
    failed_message: formatUsd(prices.failedMicros),
    voice: {
      countries: plain(voice.countries),
      prefixes: plain(voice.prefixes),
      client: orNull(voice.clientMicros),
      sip: orNull(voice.sipMicros),
      conference: orNull(voice.conferenceMicros),
    },
    extras: plain(prices.extras),
    verify: { verification: orNull(verification.baseMicros), email: orNull(verification.emailMicros) },
    lookup: plain(prices.lookup),
    numbers: mapValues(prices.numbers, plain),
  };
}

function mapValues<In, Out>(table: ReadonlyMap<string, In>, write: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries([...table].map(([name, value]) => [name, write(value)]));
}

function objectOf({ status, body }: VendorAnswer): unknown {
  if (status !== 200) return null;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
