import type { VendorName } from "@keybrake/core";
import { BASE_URL_VARIABLES } from "./agent-environment.ts";
import { findVendorHost } from "./register/vendor-host.ts";

/** Where one vendor's requests go instead of to the vendor. */
export interface VendorBaseUrl {
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

/** Vendors' SDKs write the version themselves, but people write it in base URLs, too. */
const VERSION_SUFFIXES = { stripe: /\/v1$/, twilio: /\/2010-04-01$/, resend: null } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a vendor's base URL, from the first of its variables that is set; null when none is. Throws when one is set and
 * cannot be used, an empty one included: to go on would send requests to the vendor itself.
 */
export function readVendorBaseUrl(vendor: VendorName, environment: Environment): VendorBaseUrl | null {
  const variable = BASE_URL_VARIABLES[vendor].find((name) => environment[name] !== undefined);
  const text = variable === undefined ? undefined : environment[variable];
  if (variable === undefined || text === undefined) return null;
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
  if (isVendor(url.hostname))
    throw new Error(`${variable} names the vendor itself, \`${url.hostname}\`; ${example}`);
  const pathPrefix = url.pathname
    .replace(/\/+$/, "")
    .replace(VERSION_SUFFIXES[vendor] ?? "", "")
    .replace(/\/+$/, "");
  return {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port,
    pathPrefix,
    url: url.origin + pathPrefix,
  };
}

function isVendor(hostname: string): boolean {
  return /(?:^|\.)resend\.com\.?$/i.test(hostname) || findVendorHost(hostname) !== null;
}
