import { AGENT_HEADERS, AGENT_VARIABLES } from "../agent-environment.ts";
import { readVendorBaseUrl, type VendorBaseUrl } from "../vendor-base-url.ts";
import type { Vendor } from "./vendor-host.ts";

/** What is redirected: only vendors with a base, and the headers that each of their requests gets unless it has its own. */
export interface Redirection {
  readonly bases: { readonly [Name in Vendor]?: VendorBaseUrl };
  readonly headers: Readonly<Record<string, string>>;
}

const HEADER_VARIABLES = {
  [AGENT_HEADERS.crewRunId]: AGENT_VARIABLES.crewRunId,
  [AGENT_HEADERS.agentId]: AGENT_VARIABLES.agentId,
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment. Null when no base URL is set. Throws when one is set and cannot be used, an empty one included:
 * to go on would send requests to the vendor itself.
 */
export function readRedirection(environment: Environment): Redirection | null {
  const stripe = readVendorBaseUrl("stripe", environment);
  const twilio = readVendorBaseUrl("twilio", environment);
  if (stripe === null && twilio === null) return null;
  const headers: Record<string, string> = {};
  for (const [header, variable] of Object.entries(HEADER_VARIABLES)) {
    const value = environment[variable]?.trim() ?? "";
    // Node writes other characters in one encoding or another, as the request's body happens to be.
    if (!/^[\x20-\x7e]*$/.test(value))
      throw new Error(`${variable} cannot be sent as a header; use ASCII letters, digits and punctuation`);
    if (value !== "") headers[header] = value;
  }
  return { bases: { ...(stripe && { stripe }), ...(twilio && { twilio }) }, headers };
}
