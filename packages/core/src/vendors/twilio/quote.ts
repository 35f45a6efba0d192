import { type Denial, deny } from "../../denial.ts";
import type { Demand, Endpoint, Price } from "../../operation.ts";
import type { ReadingContext } from "../vendor.ts";
import type { Parameters } from "./parameters.ts";
import { countryOf, type PhoneNumber, readPhoneNumber } from "./phone-number.ts";
import type { TwilioPrices } from "./prices.ts";

const MICROS_PER_CENT = 10_000n;

/** A request to price. */
export interface Asked {
  readonly endpoint: Endpoint;
  readonly parameters: Parameters;
  readonly prices: TwilioPrices;
  readonly context: ReadingContext;
}

/** What a request costs before it is made, and what it needs to be allowed for. */
export interface Quote {
  readonly price: Price;
  readonly demands: readonly Demand[];
  /** Fields to append, because policy bounds the call by them. */
  readonly additions?: ReadonlyMap<string, string>;
  /** True when Twilio's own price of the object leaves out a part of what was quoted, so that the quote is the cost. */
  readonly isWhole?: boolean;
}

export const FREE: Price = { kind: "free" };

/** A fee. `amount` is the cents, rounded up; the micros are exact. */
export function fee(micros: bigint): Price {
  if (micros === 0n) return FREE;
  const amount = (micros + MICROS_PER_CENT - 1n) / MICROS_PER_CENT;
  return { kind: "known", amount, currency: "usd", micros };
}

/** A price that cannot be known; the reason says what would make it so. */
export function unpriced(reason: string): Price {
  return { kind: "unpriced", reason };
}

/** The price of something that may be missing in the table. */
export function feeOrUnpriced(micros: bigint | null | undefined, what: string): Price {
  return micros === null || micros === undefined ? missing(what) : fee(micros);
}

/** Says that the operator's table has no figure. */
export function missing(what: string): Price {
  return unpriced(`the price table of Twilio has no price for ${what}: add it to the operator's table`);
}

/** The micros of a price; null unless it is known or free. */
export function microsOf(price: Price): bigint | null {
  if (price.kind === "free") return 0n;
  return price.kind === "known" ? price.micros : null;
}

/** Adds up; the first part that has no price decides otherwise. */
export function sum(parts: readonly Price[]): Price {
  let total = 0n;
  for (const part of parts) {
    const micros = microsOf(part);
    if (micros === null) return part;
    total += micros;
  }
  return fee(total);
}

/** The dearest; the first that has no price decides otherwise. */
export function dearest(parts: readonly Price[]): Price {
  let most = 0n;
  for (const part of parts) {
    const micros = microsOf(part);
    if (micros === null) return part;
    if (micros > most) most = micros;
  }
  return fee(most);
}

/** Asks the policy for the country of a number. */
export function demandCountry(number: PhoneNumber): Demand {
  const country = countryOf(number);
  return {
    rule: "twilio.allowed_countries",
    anyOf: [country],
    shown:
      number.country === null
        ? `\`${number.text}\`, a number of no known country`
        : `numbers in \`${country}\``,
    ifAbsent: "allow",
    code: "destination_not_allowed",
  };
}

/** Reads a parameter that must be a phone number. */
export function readNumber(parameters: Parameters, name: string): PhoneNumber | Denial {
  const number = readPhoneNumber(parameters.values.get(name) ?? "");
  return (
    number ?? deny("request_malformed", `\`${name}\` must be a phone number in E.164, as \`+14155550100\``)
  );
}

/** Reads `true` or `false` as Twilio documents it, absent = false; null for any other spelling. */
export function readFlag(parameters: Parameters, name: string): boolean | null {
  const value = parameters.values.get(name);
  if (value === undefined || value === "false" || value === "") return false;
  return value === "true" ? true : null;
}
