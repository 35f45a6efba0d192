import { Resend } from "resend";
import { onTestFinished } from "vitest";
import { type FakeResend, type FakeResendOptions, openFakeResend } from "../src/resend/fake-resend.ts";

export const API_KEY = "re_sandbox_0001";
export const EMAIL = { from: "Shop <shop@example.com>", to: "a@example.org", subject: "Hi", text: "Hello" };

/** The official SDK, pointed at a server. */
export function resendFor(url: string, key = API_KEY): Resend {
  return new Resend(key, { baseUrl: url });
}

/** A fake Resend for one test, closed when the test ends, and the SDK that talks to it. */
export async function openResend(
  options: FakeResendOptions = {},
): Promise<{ sandbox: FakeResend; resend: Resend }> {
  const sandbox = await openFakeResend(options);
  onTestFinished(() => sandbox.close());
  return { sandbox, resend: resendFor(sandbox.url) };
}

/** What the SDK resolved to. Fails when it is an error. */
export async function dataOf<Data>(call: Promise<{ data: Data | null; error: unknown }>): Promise<Data> {
  const { data, error } = await call;
  if (data === null) throw new Error(`the call failed: ${JSON.stringify(error)}`);
  return data;
}

/** A POST without the SDK. */
export function rawPost(url: string, path: string, body: string, headers: object = {}): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json", ...headers },
    body,
  });
}
