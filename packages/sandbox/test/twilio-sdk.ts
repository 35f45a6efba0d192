import twilio from "twilio";
import { onTestFinished } from "vitest";
import { type FakeTwilio, type FakeTwilioOptions, openFakeTwilio } from "../src/twilio/fake-twilio.ts";

export const FROM = "+15005550006";
export const TO = "+14155552671";

/** The official SDK, pointed at a server, every product under its own first segment. */
export function twilioFor(url: string, accountSid: string, authToken: string): twilio.Twilio {
  const client = twilio(accountSid, authToken);
  client.api.baseUrl = url;
  client.verify.baseUrl = `${url}/verify`;
  client.lookups.baseUrl = `${url}/lookups`;
  client.pricing.baseUrl = `${url}/pricing`;
  client.messaging.baseUrl = `${url}/messaging`;
  return client;
}

/** A fake Twilio for one test, closed when the test ends, and the SDK that talks to it. */
export async function openTwilio(
  options: FakeTwilioOptions = {},
): Promise<{ sandbox: FakeTwilio; client: twilio.Twilio }> {
  const sandbox = await openFakeTwilio(options);
  onTestFinished(() => sandbox.close());
  return { sandbox, client: twilioFor(sandbox.url, sandbox.accountSid, sandbox.authToken) };
}

/** A GET or POST without the SDK. */
export function rawCall(
  { url, accountSid, authToken }: FakeTwilio,
  path: string,
  form?: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;
  return fetch(`${url}${path}`, {
    headers: { authorization },
    ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    ...(signal === undefined ? {} : { signal }),
  });
}
