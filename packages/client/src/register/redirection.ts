import { AGENT_HEADERS, AGENT_VARIABLES, BASE_URL_VARIABLES } from "../agent-environment.ts";
import { findVendorHost, type Vendor } from "./vendor-host.ts";

/** Where one vendor's requests go instead. */
export interface Base {
  readonly protocol: "http:" | "https:";
  /** A name or an address, IPv6 without its brackets. */
  readonly hostname: string;
  /** Empty for the protocol's own port. */
  readonly port: string;
  /** In front of every path: empty, or such as `/stripe`; no slash at its end. */
  readonly pathPrefix: string;
  /** Scheme, host, port and path prefix. */
  readonly url: string;
}

/** What is redirected: only vendors with a base, and the headers that each of their requests gets unless it has its own. */
export interface Redirection {
  readonly bases: { readonly [Name in Vendor]?: Base };
  readonly headers: Readonly<Record<string, string>>;
}

/** Vendors' SDKs write the version themselves, but people write it in base URLs, too. */
const VERSION_SUFFIXES = { stripe: /\/v1$/, twilio: /\/2010-04-01$/ } as const;

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
  const stripe = readBase("stripe", environment);
  const twilio = readBase("twilio", environment);
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

function readBase(vendor: Vendor, environment: Environment): Base | null {
  const [variable] = BASE_URL_VARIABLES[vendor];
  const text = environment[variable];
  if (text === undefined) return null;
  const example = `set it to the proxy's address, such as \`http://127.0.0.1:8787/${vendor}\`, or unset it`;
  if (text.trim() === "") throw new Error(`${variable} is empty; ${example}`);
  // The messages do not repeat the value: it may be a credential, put into the wrong variable.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new Error(`${variable} is no http or https URL; ${example}`);
  if (url.username !== "" || url.password !== "")
    throw new Error(`${variable} must not have a user or a password in it; ${example}`);
  // Not `url.search`, which is empty for a lone `?`.
  if (/[?#]/.test(text)) throw new Error(`${variable} must not have a query or a fragment; ${example}`);
  if (findVendorHost(url.hostname) !== null)
    throw new Error(`${variable} names the vendor itself, \`${url.hostname}\`; ${example}`);
  const pathPrefix = url.pathname
    .replace(/\/+$/, "")
    .replace(VERSION_SUFFIXES[vendor], "")
    .replace(/\/+$/, "");
  return {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port,
    pathPrefix,
    url: url.origin + pathPrefix,
  };
}
