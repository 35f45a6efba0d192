import { timingSafeEqual } from "node:crypto";
import { unauthenticated } from "./error.ts";

/** Which credentials open the account. */
export interface TwilioCredentials {
  readonly accountSid: string;
  readonly authToken: string;
  /** Secrets by the SID of their API key. */
  readonly apiKeys: Readonly<Record<string, string>>;
}

/** Throws Twilio's 401 unless the header is Basic with the auth token or an API key's secret. */
export function checkCredential(header: string | undefined, credentials: TwilioCredentials): void {
  const [, value = ""] = /^basic +(\S+)$/i.exec(header ?? "") ?? [];
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw unauthenticated();
  const expected = secretOf(text.slice(0, colon), credentials);
  if (expected === undefined || !isSame(expected, text.slice(colon + 1))) throw unauthenticated();
}

function secretOf(user: string, { accountSid, authToken, apiKeys }: TwilioCredentials): string | undefined {
  if (user === accountSid) return authToken;
  return Object.hasOwn(apiKeys, user) ? apiKeys[user] : undefined;
}

function isSame(expected: string, given: string): boolean {
  const left = Buffer.from(expected);
  const right = Buffer.from(given);
  return left.length === right.length && timingSafeEqual(left, right);
}
