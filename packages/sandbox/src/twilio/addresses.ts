import type { TwilioAccount } from "./account.ts";
import { badRequest } from "./error.ts";
import { type CountryPrices, countryOf } from "./prices.ts";

const E164 = /^\+[1-9]\d{6,14}$/;
const CHANNEL = /^(?:whatsapp|rcs|messenger):/;

/** Numbers that Twilio's test credentials give a meaning, as recipients. */
const REFUSED_RECIPIENTS: Readonly<Record<string, readonly [number, string]>> = {
  "+15005550002": [21612, "The 'To' phone number is not currently reachable using the 'From' phone number"],
  "+15005550003": [21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"],
  "+15005550004": [21610, "Attempt to send to unsubscribed recipient"],
  "+15005550009": [21614, "'To' number is not a valid mobile number"],
};

/** Recipients whose messages are accepted and then fail, the fake's own: status and error code at the end. */
export const LATE_FAILURES: Readonly<Record<string, readonly ["undelivered" | "failed", number]>> = {
  "+15005550011": ["undelivered", 30003],
  "+15005550012": ["failed", 30008],
};

/** The recipient whose line is busy, the fake's own. */
export const BUSY_NUMBER = "+15005550013";

/** Whether the text is a number in E.164 that is not Twilio's example of a wrong one. */
export function isPhoneNumber(text: string): boolean {
  return E164.test(text) && text !== "+15005550001";
}

/** The prices for the recipient of a message. Throws Twilio's 400. */
export function checkRecipient(to: string | undefined): CountryPrices {
  if (to === undefined) throw badRequest(21604, "A 'To' phone number is required.");
  const number = to.replace(CHANNEL, "");
  if (!isPhoneNumber(number)) throw badRequest(21211, `Invalid 'To' Phone Number: ${to}`);
  return reachable(number);
}

/** The prices for the number to call. Throws Twilio's 400. */
export function checkCallee(to: string | undefined): CountryPrices {
  if (to === undefined) throw badRequest(21201, "No 'To' number is specified");
  if (!isPhoneNumber(to)) throw badRequest(21211, `Invalid 'To' Phone Number: ${to}`);
  return reachable(to);
}

function reachable(number: string): CountryPrices {
  const refused = REFUSED_RECIPIENTS[number];
  if (refused !== undefined) throw badRequest(...refused);
  const country = countryOf(number);
  if (country !== null) return country;
  throw badRequest(
    21408,
    `Permission has not been enabled for the region indicated by the 'To' number: ${number}`,
  );
}

/** Checks the sender of a message. Throws Twilio's 400 when the account does not hold the number. */
export function checkSender(account: TwilioAccount, from: string): void {
  const number = from.replace(CHANNEL, "");
  if (number === "+15005550001") throw badRequest(21212, `Invalid 'From' Phone Number: ${from}`);
  if (number === "+15005550008")
    throw badRequest(21611, "The 'From' number has exceeded its queue of messages");
  const isAlphanumeric = /^(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}$/.test(number);
  if (isAlphanumeric || account.owns(number)) return;
  throw badRequest(
    21606,
    `The 'From' phone number provided (${from}) is not a valid message-capable Twilio phone number for this ` +
      "destination/account.",
  );
}
