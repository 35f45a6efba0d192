import { z } from "zod";
import { formatUsd, parseUsd } from "../../money.ts";
import { DEFAULT_TWILIO_PRICES } from "./default-prices.ts";

/** What one unit costs: Twilio's own part, and what the carrier takes, which Twilio's answers do not show. Micros. */
export interface CarriedPrice {
  readonly unitMicros: bigint;
  readonly carrierMicros: bigint;
}

/** What one message costs by the country of its addressee; `anyMicros` holds elsewhere, null = unpriced there. */
export interface ChannelPrice {
  readonly anyMicros: bigint | null;
  readonly countries: ReadonlyMap<string, bigint>;
}

/** What a phone call costs for one started minute. */
export interface VoicePrices {
  readonly countries: ReadonlyMap<string, bigint>;
  /** By the first digits of a number without its plus; the longest that fits counts, before its country. */
  readonly prefixes: ReadonlyMap<string, bigint>;
  /** To an app of the operator (`client:…`); null = unpriced. */
  readonly clientMicros: bigint | null;
  /** To a SIP address; null = unpriced. */
  readonly sipMicros: bigint | null;
  /** A participant's minute in a conference, besides the call's own; null = unpriced. */
  readonly conferenceMicros: bigint | null;
}

/** What costs besides a message or a minute; one that is missing is unpriced. */
export const TWILIO_EXTRAS = [
  /** A recorded minute, with its storage. */
  "recording_minute",
  /** Machine detection on one call. */
  "machine_detection",
  /** A hundred characters that are spoken. */
  "speech_100_characters",
  /** A message that is scheduled or has its links shortened. */
  "engagement_message",
] as const;
export type TwilioExtra = (typeof TWILIO_EXTRAS)[number];

/** What Twilio costs, as the operator states it. Countries are ISO 3166 codes, all amounts micros of USD. */
export interface TwilioPrices {
  /** ISO date of the figures. */
  readonly asOf: string;
  /** A segment, at the dearest carrier. */
  readonly sms: ReadonlyMap<string, CarriedPrice>;
  /** A message with media. */
  readonly mms: ReadonlyMap<string, CarriedPrice>;
  readonly whatsapp: ChannelPrice;
  readonly rcs: ChannelPrice;
  readonly messenger: ChannelPrice;
  /** How many segments a template (`ContentSid`), whose text the request does not show, is assumed to take. */
  readonly templateSegments: number;
  /** What a message that fails costs. */
  readonly failedMicros: bigint;
  readonly voice: VoicePrices;
  readonly extras: ReadonlyMap<TwilioExtra, bigint>;
  /** One verification without its message, and the message by mail; null = unpriced. */
  readonly verification: { readonly baseMicros: bigint | null; readonly emailMicros: bigint | null };
  /** A look-up by its field. */
  readonly lookup: ReadonlyMap<string, bigint>;
  /** A phone number for one month, by country and kind (`local`, `mobile`, `national`, `toll free`). */
  readonly numbers: ReadonlyMap<string, ReadonlyMap<string, bigint>>;
}

const TEMPLATE_SEGMENTS = 10;

const usd = z.string().transform((text, context) => {
  const micros = parseUsd(text);
  if (micros !== null) return micros;
  context.issues.push({
    code: "custom",
    input: text,
    message: 'must be dollars as a decimal string with at most six decimals, as "0.0083"',
  });
  return z.NEVER;
});
const country = z.string().regex(/^[A-Z]{2}$/, "must be a two-letter country, as `US`");
const toMap = <K extends string, V>(record: Partial<Record<K, V>>): ReadonlyMap<K, V> =>
  new Map(Object.entries(record) as [K, V][]);
const byCountry = <T extends z.ZodType>(value: T) =>
  z
    .record(country, value)
    .default({})
    .transform((record) => toMap<string, z.output<T>>(record));
const channel = z
  .strictObject({ any: usd.nullable().default(null), countries: byCountry(usd) })
  .prefault({})
  .transform(({ any, countries }): ChannelPrice => ({ anyMicros: any, countries }));
const named = z
  .record(z.string().regex(/^[a-z][a-z_ ]{0,63}$/, "must be a lower-case name"), usd)
  .transform((record) => toMap<string, bigint>(record));

const pricesSchema = z
  .strictObject({
    as_of: z.iso.date({ error: "must be a date, as `2026-11-01`" }),
    sms: byCountry(
      z
        .strictObject({ segment: usd, carrier: usd })
        .transform(({ segment, carrier }): CarriedPrice => ({ unitMicros: segment, carrierMicros: carrier })),
    ),
    mms: byCountry(
      z
        .strictObject({ message: usd, carrier: usd })
        .transform(({ message, carrier }): CarriedPrice => ({ unitMicros: message, carrierMicros: carrier })),
    ),
    whatsapp: channel,
    rcs: channel,
    messenger: channel,
    template_segments: z.int().min(1).max(100).default(TEMPLATE_SEGMENTS),
    failed_message: usd.prefault(DEFAULT_TWILIO_PRICES.failed_message),
    voice: z
      .strictObject({
        countries: byCountry(usd),
        prefixes: z
          .record(z.string().regex(/^[1-9][0-9]{0,14}$/, "must be the digits of a prefix, as `1900`"), usd)
          .default({})
          .transform((record) => toMap<string, bigint>(record)),
        client: usd.nullable().default(null),
        sip: usd.nullable().default(null),
        conference: usd.nullable().default(null),
      })
      .prefault({})
      .transform(
        ({ client, sip, conference, ...tables }): VoicePrices => ({
          ...tables,
          clientMicros: client,
          sipMicros: sip,
          conferenceMicros: conference,
        }),
      ),
    extras: z
      .partialRecord(z.enum(TWILIO_EXTRAS), usd)
      .default({})
      .transform((record) => toMap<TwilioExtra, bigint>(record)),
    verify: z
      .strictObject({ verification: usd.nullable().default(null), email: usd.nullable().default(null) })
      .prefault({}),
    lookup: named.prefault({}),
    numbers: byCountry(named),
  })
  .transform(
    ({ as_of, template_segments, failed_message, verify, ...tables }): TwilioPrices => ({
      ...tables,
      asOf: as_of,
      templateSegments: template_segments,
      failedMicros: failed_message,
      verification: { baseMicros: verify.verification, emailMicros: verify.email },
    }),
  );

/**
 * Reads an operator's price table, in the form of `DEFAULT_TWILIO_PRICES`; the list of everything that is wrong with
 * it otherwise. The file is the whole table: what it leaves out is unpriced, not taken from the defaults (but
 * `template_segments` and `failed_message`).
 */
export function parseTwilioPrices(json: unknown): TwilioPrices | string[] {
  const parsed = pricesSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `\`${path.join(".")}\`: ${message}`,
  );
}

/** The table that holds until an operator gives one: defaults from third-party pages, see `DEFAULT_TWILIO_PRICES`. */
export const TWILIO_PRICES: TwilioPrices = readDefaults();

function readDefaults(): TwilioPrices {
  const prices = parseTwilioPrices(DEFAULT_TWILIO_PRICES);
  if (Array.isArray(prices)) throw new TypeError(`the default prices of Twilio: ${prices.join("; ")}`);
  return prices;
}

/** What a table prices, one line each, for documentation and an operator's console. Dollars. */
export function describeTwilioPrices(prices: TwilioPrices): readonly string[] {
  const carried = (kind: string, table: ReadonlyMap<string, CarriedPrice>) =>
    [...table].map(
      ([iso, { unitMicros, carrierMicros }]) =>
        `${kind} to ${iso}: ${formatUsd(unitMicros)}, and ${formatUsd(carrierMicros)} for the carrier`,
    );
  const plain = (kind: string, table: ReadonlyMap<string, bigint>) =>
    [...table].map(([name, micros]) => `${kind} ${name}: ${formatUsd(micros)}`);
  const single = (kind: string, micros: bigint | null) =>
    micros === null ? [] : [`${kind}: ${formatUsd(micros)}`];
  const messages = (kind: string, { anyMicros, countries }: ChannelPrice) => [
    ...plain(`${kind} message to`, countries),
    ...single(`${kind} message to any other country`, anyMicros),
  ];
  return [
    `prices as of ${prices.asOf}`,
    ...carried("SMS segment", prices.sms),
    ...carried("MMS message", prices.mms),
    ...messages("WhatsApp", prices.whatsapp),
    ...messages("RCS", prices.rcs),
    ...messages("Messenger", prices.messenger),
    `a template counts as ${prices.templateSegments} segments`,
    ...single("failed message", prices.failedMicros),
    ...plain("voice minute to", prices.voice.countries),
    ...plain("voice minute to numbers from", prices.voice.prefixes),
    ...single("voice minute to an app", prices.voice.clientMicros),
    ...single("voice minute to a SIP address", prices.voice.sipMicros),
    ...single("conference minute of a participant", prices.voice.conferenceMicros),
    ...plain("extra", prices.extras),
    ...single("verification without its message", prices.verification.baseMicros),
    ...single("verification by mail, its message", prices.verification.emailMicros),
    ...plain("look-up of", prices.lookup),
    ...[...prices.numbers].flatMap(([iso, kinds]) => plain(`month of a number in ${iso},`, kinds)),
  ];
}
