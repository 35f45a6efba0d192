import twilio, { type Twilio } from "twilio";
import { findTwilioAccount } from "./agent-settings.ts";
import { createKeybrakeFetch, type KeybrakeFetchOptions } from "./keybrake-fetch.ts";
import { encodeForm, type Parameters } from "./request-encoding.ts";

/** Stands where the SDK wants a token; the real key is looked up at each call. */
const NO_TOKEN = "the-agents-vault-key";
/** What says who asks, which is not the SDK's to say here, and what `fetch` sets by itself. */
const OWN_HEADERS = new Set(["authorization", "connection", "content-length", "host"]);

type SdkClient = InstanceType<typeof twilio.RequestClient>;
type SdkRequest = globalThis.Parameters<SdkClient["request"]>[0];

/**
 * A twilio-node client for the agent around it (`keybrakeMiddleware`, `withAgent`), or for `agentId`: calls to all of
 * Twilio's products go to the proxy with that agent's vault key, and are never retried.
 */
export function twilioClient(options: KeybrakeFetchOptions = {}): Twilio {
  const httpClient = new AgentRequestClient(createKeybrakeFetch(options)) as SdkClient;
  return twilio(findTwilioAccount(options), NO_TOKEN, { httpClient });
}

/** Takes the place of the SDK's own client, which cannot be told to use another `fetch`. */
class AgentRequestClient extends twilio.RequestClient {
  readonly #fetch: typeof fetch;

  constructor(send: typeof fetch) {
    super();
    this.#fetch = send;
  }

  override async request<TData>(sent: SdkRequest) {
    const url = new URL(sent.uri);
    const query = encodeFields(sent.params);
    if (query !== "") url.search = query;
    const headers = new Headers(sent.headers as Record<string, string>);
    for (const name of OWN_HEADERS) headers.delete(name);
    const method = sent.method.toUpperCase();
    const body =
      method === "GET" || sent.data === undefined
        ? null
        : headers.get("content-type")?.includes("json")
          ? JSON.stringify(sent.data)
          : encodeFields(sent.data);
    const response = await this.#fetch(url, { method, headers, body });
    return {
      statusCode: response.status,
      body: (await response.text()) as TData,
      headers: Object.fromEntries(response.headers),
    };
  }
}

function encodeFields(fields: unknown): string {
  return encodeForm("twilio", Object.entries((fields ?? {}) as Parameters));
}
