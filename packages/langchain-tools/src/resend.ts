import { Resend } from "resend";
import { createKeybrakeFetch, type KeybrakeFetchOptions } from "./keybrake-fetch.ts";

const ADDRESS = "https://api.resend.com";
/** Stands where the SDK wants a key; the real one is looked up at each call. */
const NO_KEY = "the-agents-vault-key";

type Answer = Awaited<ReturnType<Resend["fetchRequest"]>>;

/** The SDK knows no other `fetch`, so its one method that sends is replaced. */
class AgentResend extends Resend {
  readonly #fetch: typeof fetch;

  constructor(options: KeybrakeFetchOptions) {
    super(NO_KEY, { baseUrl: ADDRESS });
    this.#fetch = createKeybrakeFetch(options);
  }

  override async fetchRequest<T>(path: string, init: RequestInit = {}) {
    const response = await this.#fetch(ADDRESS + path, init);
    const headers = Object.fromEntries(response.headers);
    const body: unknown = await response.json();
    const answer = response.ok ? { data: body, error: null, headers } : { data: null, error: body, headers };
    return answer as Answer as Awaited<ReturnType<typeof Resend.prototype.fetchRequest<T>>>;
  }
}

/**
 * A Resend client for the agent around it (`keybrakeMiddleware`, `withAgent`), or for `agentId`: its calls go to the
 * proxy with that agent's vault key and labels. As with Resend's own, what the API refuses comes back as `error`.
 */
export function resendClient(options: KeybrakeFetchOptions = {}): Resend {
  return new AgentResend(options);
}
