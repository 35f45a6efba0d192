import { type Denial, deny, isDenial } from "../../denial.ts";
import { showName } from "../../form.ts";
import type { Demand, Price } from "../../operation.ts";
import { type PhoneNumber, readPhoneNumber } from "./phone-number.ts";
import type { TwilioPrices } from "./prices.ts";
import {
  type Asked,
  dearest,
  demandCountry,
  FREE,
  fee,
  feeOrUnpriced,
  missing,
  type Quote,
  readNumber,
  sum,
  unpriced,
} from "./quote.ts";
import { priceShortCall } from "./quote-call.ts";
import { priceText, priceWhatsapp } from "./quote-message.ts";
import { countSegments } from "./segments.ts";

const KINDS: Readonly<Record<string, string>> = { local: "local", mobile: "mobile", toll_free: "toll free" };
/** The text around a code takes at most so many segments, whatever the template. */
const CODE_SEGMENTS = 2;

/** Prices a verification by the message that carries its code, besides the verification itself. */
export function quoteVerification({ parameters, prices }: Asked): Quote | Denial {
  const { values } = parameters;
  const base = feeOrUnpriced(prices.verification.baseMicros, "a verification (`verify.verification`)");
  const channel = values.get("Channel") ?? "";
  if (channel === "email") {
    if (!/^[^\s@]+@[^\s@]+$/.test(values.get("To") ?? ""))
      return deny("request_malformed", "`To` must be a mail address when `Channel` is `email`");
    const email = feeOrUnpriced(prices.verification.emailMicros, "a verification's mail (`verify.email`)");
    return { price: sum([base, email]), demands: [] };
  }
  const number = readNumber(parameters, "To");
  if (isDenial(number)) return number;
  const segments = CODE_SEGMENTS + countSegments(values.get("CustomMessage") ?? "", false) - 1;
  return {
    price: sum([base, priceCode(channel, number, segments, prices)]),
    demands: [demandCountry(number)],
  };
}

function priceCode(channel: string, number: PhoneNumber, segments: number, prices: TwilioPrices): Price {
  if (channel === "sms") return priceText(number, segments, prices);
  if (channel === "call") return priceShortCall(number, prices);
  // A code that WhatsApp does not take falls back to a text.
  if (channel === "whatsapp")
    return dearest([priceWhatsapp(number, prices), priceText(number, segments, prices)]);
  return unpriced(`this \`Channel\` has no price here: use \`sms\`, \`call\`, \`whatsapp\` or \`email\``);
}

/** A look-up costs by its fields; without fields it only checks the number's form, for nothing. */
export function quoteLookup({ parameters, prices }: Asked): Quote | Denial {
  const fields = parameters.values.get("Fields") ?? "";
  if (fields === "") return { price: FREE, demands: [] };
  const parts = fields
    .split(",")
    .map((field) => field.trim())
    .map((field) => feeOrUnpriced(prices.lookup.get(field), `the look-up of ${showName(field)}`));
  return { price: sum(parts), demands: [] };
}

/** A phone number costs its first month when it is bought; the months after it are the operator's to watch. */
export function quoteNumber({ endpoint, parameters, prices }: Asked): Quote | Denial {
  const kind = endpoint.options.get("kind") ?? "any";
  const areaCode = parameters.values.get("AreaCode");
  const stated = parameters.values.get("PhoneNumber");
  if ((areaCode === undefined) === (stated === undefined))
    return deny("request_malformed", "name the number by `PhoneNumber` or by `AreaCode`, and not by both");
  if (stated === undefined) {
    // Area codes are those of the United States and Canada.
    const price = dearest(["US", "CA"].map((country) => priceMonth(country, kind, prices)));
    const demand: Demand = {
      rule: "twilio.allowed_countries",
      anyOf: ["US", "CA"],
      shown: `the area code \`${areaCode ?? ""}\``,
      ifAbsent: "allow",
      code: "destination_not_allowed",
    };
    return { price, demands: [demand] };
  }
  const number = readPhoneNumber(stated);
  if (number === null)
    return deny("request_malformed", "`PhoneNumber` must be a phone number in E.164, as `+14155550100`");
  const price =
    number.country === null
      ? missing(`the number \`${stated}\`, which is of no known country`)
      : priceMonth(number.country, kind, prices);
  return { price, demands: [demandCountry(number)] };
}

function priceMonth(country: string, kind: string, prices: TwilioPrices): Price {
  const months = prices.numbers.get(country);
  const name = KINDS[kind];
  if (name !== undefined) return feeOrUnpriced(months?.get(name), `a ${name} number in \`${country}\``);
  // The number does not say what kind it is of.
  const known = [...(months?.values() ?? [])].map(fee);
  return known.length === 0 ? missing(`numbers in \`${country}\``) : dearest(known);
}
