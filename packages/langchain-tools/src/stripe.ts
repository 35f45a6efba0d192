import Stripe from "stripe";
import { createKeybrakeFetch, type KeybrakeFetchOptions } from "./keybrake-fetch.ts";

/** Stands where the SDK wants a key; the real one is looked up at each call. */
const NO_KEY = "the-agents-vault-key";

/** Settings of stripe-node, but for those that decide where a request goes and how often. */
export type StripeClientOptions = KeybrakeFetchOptions & {
  readonly stripe?: Omit<
    Stripe.StripeConfig,
    "host" | "port" | "protocol" | "httpClient" | "maxNetworkRetries"
  >;
};

/**
 * A stripe-node client for the agent around it (`keybrakeMiddleware`, `withAgent`), or for `agentId`: its calls go to
 * the proxy with that agent's vault key, labelled with agent and run, and are never retried. One client serves all
 * agents of a process.
 */
export function stripeClient({ stripe = {}, ...options }: StripeClientOptions = {}): Stripe {
  return new Stripe(NO_KEY, {
    ...stripe,
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(createKeybrakeFetch(options)),
  });
}
