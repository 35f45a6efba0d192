import { type Denial, deny, isDenial } from "../../denial.ts";
import type { Demand, Price } from "../../operation.ts";
import type { Parameters } from "./parameters.ts";
import { type PhoneNumber, readPhoneNumber } from "./phone-number.ts";
import type { CarriedPrice, ChannelPrice, TwilioPrices } from "./prices.ts";
import { type Asked, dearest, demandCountry, fee, missing, type Quote, readFlag, sum } from "./quote.ts";
import { BODY_CHARACTERS_MAX, countSegments } from "./segments.ts";

const CHANNEL = /^(whatsapp|rcs|messenger):(.+)$/;
/** A message whose media the addressee's network does not take goes out as text with a link, which takes room. */
const LINK_SEGMENTS = 1;

interface Addressee {
  readonly channel: "sms" | "whatsapp" | "rcs" | "messenger";
  /** Null for a channel that has no numbers. */
  readonly number: PhoneNumber | null;
}

/** Prices a message by its channel, the addressee's country and, for text, its segments. */
export function quoteMessage({ parameters, prices }: Asked): Quote | Denial {
  const addressee = readAddressee(parameters);
  if (isDenial(addressee)) return addressee;
  const flags = readFlags(parameters);
  if (isDenial(flags)) return flags;
  const body = parameters.values.get("Body") ?? "";
  if ([...body].length > BODY_CHARACTERS_MAX)
    return deny("request_malformed", `\`Body\` may have ${BODY_CHARACTERS_MAX} characters at most`);
  const demands: Demand[] = addressee.number === null ? [] : [demandCountry(addressee.number)];
  const message = priceMessage(addressee, parameters, prices);
  if (!flags.isEngagement) return { price: message, demands };
  const extra = prices.extras.get("engagement_message");
  const what = "scheduled messages and shortened links (`engagement_message`)";
  return { price: sum([message, extra === undefined ? missing(what) : fee(extra)]), demands, isWhole: true };
}

function readAddressee(parameters: Parameters): Addressee | Denial {
  const to = parameters.values.get("To") ?? "";
  const match = CHANNEL.exec(to);
  const channel = (match?.[1] ?? "sms") as Addressee["channel"];
  const from = parameters.values.get("From");
  if (from !== undefined && channelOf(from) !== channel)
    return deny("request_malformed", "`From` and `To` must be addresses of the same channel");
  if (channel === "messenger") return { channel, number: null };
  const number = readPhoneNumber(match?.[2] ?? to);
  if (number === null)
    return deny(
      "request_malformed",
      "`To` must be a phone number in E.164, as `+14155550100`, or `whatsapp:+1…`",
    );
  return { channel, number };
}

function channelOf(address: string): string {
  return CHANNEL.exec(address)?.[1] ?? "sms";
}

interface Flags {
  /** True when Twilio charges for sending it later or for shortening its links. */
  readonly isEngagement: boolean;
}

function readFlags(parameters: Parameters): Flags | Denial {
  for (const name of ["SendAsMms", "SmartEncoded", "ShortenUrls"]) {
    if (readFlag(parameters, name) === null)
      return deny("request_malformed", `\`${name}\` must be \`true\` or \`false\``);
  }
  const { values } = parameters;
  return {
    isEngagement:
      readFlag(parameters, "ShortenUrls") === true || values.has("SendAt") || values.has("ScheduleType"),
  };
}

function priceMessage({ channel, number }: Addressee, parameters: Parameters, prices: TwilioPrices): Price {
  if (number === null || channel === "messenger") return priceChannel("Messenger", prices.messenger, null);
  if (channel === "whatsapp") return priceChannel("WhatsApp", prices.whatsapp, number);
  if (channel === "rcs") return priceChannel("RCS", prices.rcs, number);
  const segments = countMessageSegments(parameters, prices);
  const hasMedia = parameters.fields.some(({ name, value }) => name === "MediaUrl" && value !== "");
  const isTemplate = parameters.values.has("ContentSid");
  const sms = priceCarried("SMS", prices.sms, number, hasMedia ? segments + LINK_SEGMENTS : segments);
  // A messaging service may send as RCS what it was given as text.
  const rcs = parameters.values.has("MessagingServiceSid") && prices.rcs.countries.has(number.country ?? "");
  const text = rcs ? dearest([sms, priceChannel("RCS", prices.rcs, number)]) : sms;
  const mms = () => priceCarried("MMS", prices.mms, number, 1);
  if (hasMedia || readFlag(parameters, "SendAsMms") === true) return dearest([mms(), text]);
  // A template may carry media; where the table knows no MMS there is none, and Twilio sends a link.
  return isTemplate && prices.mms.has(number.country ?? "") ? dearest([mms(), text]) : text;
}

/** A messaging service has its own setting for smart encoding, which the request does not show: the worst counts. */
function countMessageSegments({ values }: Parameters, prices: TwilioPrices): number {
  const text = countSegments(
    values.get("Body") ?? "",
    values.get("SmartEncoded") === "true" && !values.has("MessagingServiceSid"),
  );
  return values.has("ContentSid") ? Math.max(text, prices.templateSegments) : text;
}

function priceCarried(
  kind: string,
  table: ReadonlyMap<string, CarriedPrice>,
  { country, text, isPremium }: PhoneNumber,
  units: number,
): Price {
  // It costs more than its country does, and no table says how much more.
  if (isPremium) return missing(`${kind} to \`${text}\`, a premium number`);
  if (country === null) return missing(`${kind} to \`${text}\`, a number of no known country`);
  const price = table.get(country);
  if (price === undefined) return missing(`${kind} to \`${country}\``);
  return fee((price.unitMicros + price.carrierMicros) * BigInt(units));
}

function priceChannel(
  kind: string,
  { anyMicros, countries }: ChannelPrice,
  number: PhoneNumber | null,
): Price {
  const country = number?.country ?? null;
  const micros = (country === null ? undefined : countries.get(country)) ?? anyMicros;
  if (micros !== null) return fee(micros);
  return missing(country === null ? `${kind} messages` : `${kind} messages to \`${country}\``);
}

/** What one text of so many segments to a number costs, for what Twilio sends on its own account of a request. */
export function priceText(number: PhoneNumber, segments: number, prices: TwilioPrices): Price {
  return priceCarried("SMS", prices.sms, number, segments);
}

/** What one WhatsApp message to a number costs. */
export function priceWhatsapp(number: PhoneNumber, prices: TwilioPrices): Price {
  return priceChannel("WhatsApp", prices.whatsapp, number);
}
