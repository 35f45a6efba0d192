import { type Denial, deny, isDenial } from "../../denial.ts";
import type { Demand, Price } from "../../operation.ts";
import { demandHosts } from "./demands.ts";
import type { Parameters } from "./parameters.ts";
import { findMinutePrice, type PhoneNumber, readPhoneNumber } from "./phone-number.ts";
import type { TwilioExtra, TwilioPrices } from "./prices.ts";
import {
  type Asked,
  demandCountry,
  FREE,
  fee,
  feeOrUnpriced,
  type Quote,
  readFlag,
  readNumber,
  sum,
  unpriced,
} from "./quote.ts";
import { readTwiml } from "./twiml.ts";

const SECONDS_PER_MINUTE = 60;
const TIME_LIMIT_MAX = 86_400;
const CHARACTERS_PER_SPEECH = 100;
/** A code that is read out, or the call that checks a number: no longer than this. */
const SHORT_CALL_MINUTES = 2n;

/** Prices a call by its destination and the time it is limited to, with all that costs besides. */
export function quoteCall(asked: Asked): Quote | Denial {
  const { parameters, prices } = asked;
  const destination = readDestination(parameters, prices);
  if (isDenial(destination)) return destination;
  const duration = readDuration(asked);
  if (isDenial(duration)) return duration;
  const instructions = readInstructions(parameters, prices);
  if (isDenial(instructions)) return instructions;
  const { minutes, additions } = duration;
  const demands = [...destination.demands, ...instructions.demands];
  if (minutes === null) {
    const reason =
      "a call has no bound without `TimeLimit`: send it (seconds), or set `twilio.max_call_seconds`";
    return { price: unpriced(reason), demands };
  }
  const isInConference = asked.endpoint.quote === "participant";
  const conference = isInConference
    ? feeOrUnpriced(prices.voice.conferenceMicros, "minutes in a conference (`voice.conference`)")
    : FREE;
  const extras = [...priceExtras(parameters, prices, minutes), ...instructions.parts];
  const price = sum([times(destination.minute, minutes), times(conference, minutes), ...extras]);
  return {
    price,
    demands,
    additions,
    isWhole: instructions.parts.length > 0 || parameters.values.has("Record"),
  };
}

/**
 * A running call that is redirected or ended takes no more minutes than were held for it; what is spoken costs, and
 * a new limit would undo the bound that its hold rests on.
 */
export function quoteCallUpdate({ parameters, prices, context }: Asked): Quote | Denial {
  const instructions = readInstructions(parameters, prices);
  if (isDenial(instructions)) return instructions;
  const { demands, parts } = instructions;
  if (!parameters.values.has("TimeLimit")) return { price: sum(parts), demands };
  const tooLong = findTooLong(parameters, context.policy?.callSecondsMax ?? null);
  if (tooLong !== null) return tooLong;
  const reason =
    "a running call's cost is held by its first `TimeLimit`: it cannot be changed, end the call instead";
  return { price: unpriced(reason), demands };
}

/** The check of a caller id is a call of Twilio to the number. */
export function quoteValidation({ parameters, prices }: Asked): Quote | Denial {
  const number = readNumber(parameters, "PhoneNumber");
  if (isDenial(number)) return number;
  return { price: priceShortCall(number, prices), demands: [demandCountry(number)] };
}

/** What a short call costs that Twilio makes on its own account of a request. */
export function priceShortCall(number: PhoneNumber, prices: TwilioPrices): Price {
  return times(priceMinute(number, prices), SHORT_CALL_MINUTES);
}

interface Destination {
  readonly minute: Price;
  readonly demands: readonly Demand[];
}

function readDestination(parameters: Parameters, prices: TwilioPrices): Destination | Denial {
  const to = parameters.values.get("To") ?? "";
  if (/^client:[A-Za-z0-9_.@+-]{1,256}$/.test(to))
    return {
      minute: feeOrUnpriced(prices.voice.clientMicros, "minutes to an app (`voice.client`)"),
      demands: [],
    };
  const sip = /^sips?:[A-Za-z0-9_.+-]{1,128}@([A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?$/.exec(to);
  if (sip !== null) {
    const minute = feeOrUnpriced(prices.voice.sipMicros, "minutes to a SIP address (`voice.sip`)");
    return { minute, demands: demandHosts([(sip[1] ?? "").toLowerCase()]) };
  }
  const number = readPhoneNumber(to);
  if (number === null) {
    return deny(
      "request_malformed",
      "`To` must be a phone number in E.164, as `+14155550100`, `client:name` or `sip:user@host`",
    );
  }
  return { minute: priceMinute(number, prices), demands: [demandCountry(number)] };
}

function priceMinute(number: PhoneNumber, { voice }: TwilioPrices): Price {
  return feeOrUnpriced(
    findMinutePrice(number, voice),
    number.isPremium
      ? `calls to \`${number.text}\`, a premium number (give its prefix)`
      : `calls to \`${number.country ?? number.text}\``,
  );
}

interface Duration {
  /** Started minutes at most; null = without a bound. */
  readonly minutes: bigint | null;
  readonly additions: ReadonlyMap<string, string>;
}

function readDuration({ parameters, context }: Asked): Duration | Denial {
  const secondsMax = context.policy?.callSecondsMax ?? null;
  const tooLong = findTooLong(parameters, secondsMax);
  if (tooLong !== null) return tooLong;
  const stated = parameters.values.get("TimeLimit");
  if (stated !== undefined) return { minutes: minutesOf(Number(stated)), additions: new Map() };
  if (secondsMax === null) return { minutes: null, additions: new Map() };
  return { minutes: minutesOf(secondsMax), additions: new Map([["TimeLimit", String(secondsMax)]]) };
}

function minutesOf(seconds: number): bigint {
  return BigInt(Math.ceil(seconds / SECONDS_PER_MINUTE));
}

function findTooLong(parameters: Parameters, secondsMax: number | null): Denial | null {
  const text = parameters.values.get("TimeLimit");
  if (text === undefined) return null;
  if (!/^[1-9][0-9]{0,4}$/.test(text) || Number(text) > TIME_LIMIT_MAX)
    return deny("request_malformed", `\`TimeLimit\` must be whole seconds, from 1 to ${TIME_LIMIT_MAX}`);
  if (secondsMax === null || Number(text) <= secondsMax) return null;
  return deny(
    "per_call_cap_exceeded",
    `a call may last ${secondsMax} seconds (\`twilio.max_call_seconds\`), and \`TimeLimit\` asks for ${text}`,
  );
}

/** What costs besides the minutes of the line. */
function priceExtras(parameters: Parameters, prices: TwilioPrices, minutes: bigint): Price[] {
  const { values } = parameters;
  const asks = (name: string) => !["", "false", "do-not-record", undefined].includes(values.get(name));
  const parts: Price[] = [];
  if (asks("Record")) {
    const isRead = readFlag(parameters, "Record") !== null || RECORD_WORDS.has(values.get("Record") ?? "");
    parts.push(
      isRead ? times(priceExtra("recording_minute", prices), minutes) : unpriced("`Record` must be `true`"),
    );
  }
  if (asks("MachineDetection") || asks("AsyncAmd")) parts.push(priceExtra("machine_detection", prices));
  for (const [name, why] of UNBOUNDED) {
    if (asks(name)) parts.push(unpriced(`\`${name}\` ${why}: leave it out`));
  }
  return parts;
}

const RECORD_WORDS = new Set(["record-from-start", "record-from-answer"]);
/** Parameters whose cost no table states. */
const UNBOUNDED: readonly (readonly [string, string])[] = [
  ["Byoc", "routes the call over another carrier, whose price is not Twilio's"],
  ["CallReason", "makes it a branded call, whose price is not in the table"],
  ["ConferenceRecord", "records a conference of unknown length"],
  ["Transcribe", "costs by what is said"],
];

function priceExtra(extra: TwilioExtra, prices: TwilioPrices): Price {
  return feeOrUnpriced(prices.extras.get(extra), `\`${extra}\``);
}

interface Instructions {
  readonly demands: readonly Demand[];
  readonly parts: readonly Price[];
}

/** Instructions that stand in the request; those behind a `Url` are the business of whoever listed its host. */
function readInstructions({ values }: Parameters, prices: TwilioPrices): Instructions | Denial {
  const text = values.get("Twiml") ?? "";
  if (text === "") return { demands: [], parts: [] };
  const twiml = readTwiml(text);
  if (isDenial(twiml)) return twiml;
  const demands = demandHosts(twiml.hosts);
  if (twiml.unbounded !== null) {
    const reason = `\`${twiml.unbounded}\` in \`Twiml\` costs more than the request says: leave it out, or host the TwiML and give its \`Url\``;
    return { demands, parts: [unpriced(reason)] };
  }
  if (twiml.spokenCharacters === 0) return { demands, parts: [] };
  const speeches = BigInt(Math.ceil(twiml.spokenCharacters / CHARACTERS_PER_SPEECH));
  return { demands, parts: [times(priceExtra("speech_100_characters", prices), speeches)] };
}

function times(price: Price, count: bigint): Price {
  return price.kind === "known" ? fee(price.micros * count) : price;
}
