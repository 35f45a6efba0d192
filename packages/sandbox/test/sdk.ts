import { Stripe } from "stripe";
import { onTestFinished } from "vitest";
import { type FakeStripe, type FakeStripeOptions, openFakeStripe } from "../src/index.ts";

export const SECRET_KEY = "sk_test_sandbox0000000001234";

/** The official SDK, pointed at a server. It does not retry unless told to. */
export function sdkFor(url: string, key = SECRET_KEY, maxNetworkRetries = 0): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(key, { host: hostname, port, protocol: "http", maxNetworkRetries, telemetry: false });
}

/** A fake Stripe for one test, closed when the test ends, and the SDK that talks to it. */
export async function openSandbox(
  options: FakeStripeOptions = {},
): Promise<{ sandbox: FakeStripe; stripe: Stripe }> {
  const sandbox = await openFakeStripe(options);
  onTestFinished(() => sandbox.close());
  return { sandbox, stripe: sdkFor(sandbox.url) };
}

/** What a Stripe error carries, for `toMatchObject`. Fails when the call succeeds. */
export async function errorOf(
  call: Promise<unknown>,
): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof Stripe.errors.StripeError) return error;
  throw error;
}

/** A paid payment intent. */
export function pay(stripe: Stripe, amount: number, currency = "usd"): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.create({ amount, currency, confirm: true, payment_method: "pm_card_visa" });
}

/** A POST without the SDK, for what the SDK would not send. */
export function post(
  url: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${SECRET_KEY}`,
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body,
  });
}
