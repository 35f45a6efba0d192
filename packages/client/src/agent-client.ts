import type { Me } from "./contract/me.ts";
import { createTransport } from "./transport.ts";

/** How an agent reaches the data plane. */
export interface AgentClientOptions {
  /** Such as `http://127.0.0.1:8787`. */
  readonly baseUrl: string;
  readonly vaultKey: string;
  readonly fetch?: typeof fetch;
  /** Until one answer is complete; 30 s by default. */
  readonly timeoutMs?: number;
}

export type AgentClient = ReturnType<typeof createAgentClient>;

/** Makes a client of what Keybrake itself tells an agent; the vendor's own SDK is used for everything else. */
export function createAgentClient(options: AgentClientOptions) {
  const { baseUrl, vaultKey: credential, fetch, timeoutMs } = options;
  const transport = createTransport({ baseUrl, credential, fetch, timeoutMs });
  return {
    /** The key's own policy, what it has spent, what remains and when that resets. */
    me: async (): Promise<Me> => (await transport.json({ method: "GET", path: "/keybrake/v1/me" })) as Me,
  };
}
