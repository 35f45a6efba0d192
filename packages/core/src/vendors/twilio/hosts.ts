import type { VendorHost } from "../vendor.ts";

/** The products of Twilio's SDKs besides the core API, by their sub-domain, which is also their first path segment. */
const PRODUCTS = [
  "accounts",
  "bulkexports",
  "chat",
  "content",
  "conversations",
  "events",
  "flex-api",
  "frontline-api",
  "iam",
  "insights",
  "intelligence",
  "ip-messaging",
  "knowledge",
  "lookups",
  "marketplace",
  "memory",
  "messaging",
  "monitor",
  "notify",
  "numbers",
  "oauth",
  "preview",
  "preview-iam",
  "pricing",
  "proxy",
  "routes",
  "serverless",
  "studio",
  "supersim",
  "sync",
  "taskrouter",
  "trunking",
  "trusthub",
  "verify",
  "video",
  "voice",
  "wireless",
] as const;

/**
 * Where Twilio's products live. The core API's paths stand as they are (`/2010-04-01/…`); any other product is named
 * by a first segment that is taken off on the wire, so `/verify/v2/Services` goes to `verify.twilio.com/v2/Services`.
 * Naming a host allows nothing: only what stands in the catalogue can be called.
 */
export const TWILIO_HOSTS: Readonly<Record<string, VendorHost>> & { readonly main: VendorHost } = {
  main: { origin: "https://api.twilio.com", prefix: "" },
  ...Object.fromEntries(
    PRODUCTS.map((product) => [product, { origin: `https://${product}.twilio.com`, prefix: `/${product}` }]),
  ),
};

/** The host that a path belongs to. */
export function hostOf(path: string): string {
  const first = path.slice(1).split("/", 1)[0] ?? "";
  return (PRODUCTS as readonly string[]).includes(first) ? first : "main";
}
