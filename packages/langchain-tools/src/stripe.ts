import Stripe from "stripe";
import { AgentSetupError } from "./agent-setup-error.ts";
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
    httpClient: Stripe.createFetchHttpClient(explainSetup(createKeybrakeFetch(options))),
  });
}

/** stripe-node hides what a `fetch` rejects with behind "an error occurred with our connection"; an answer it shows. */
function explainSetup(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    try {
      return await send(input, init);
    } catch (error) {
      if (!(error instanceof AgentSetupError)) throw error;
      const problem = { type: "invalid_request_error", code: "agent_setup", message: error.message };
      return Response.json({ error: problem }, { status: 401 });
    }
  };
}
