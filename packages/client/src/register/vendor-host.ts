/** A vendor whose SDKs read no base-URL variable. */
export type Vendor = "stripe" | "twilio";

/** A host of a vendor's API, and what goes in front of its paths so that the proxy can tell it from the others. */
export interface VendorHost {
  readonly vendor: Vendor;
  /** Empty, or such as `/verify`. */
  readonly pathPrefix: string;
}

/** Every host that stripe-node sends a key to. Its paths differ by host, so they need no prefix. */
const STRIPE_HOSTS = new Set([
  "api.stripe.com",
  "files.stripe.com",
  "connect.stripe.com",
  "meter-events.stripe.com",
]);

/** Websites. Every other host of twilio.com counts as an API, so that a product of tomorrow does not escape. */
const TWILIO_WEBSITES = new Set(["www", "console", "docs", "help", "login", "status", "support"]);

/** Says which vendor's API `host` (a name without a port) belongs to; null when it is none. */
export function findVendorHost(host: string): VendorHost | null {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (STRIPE_HOSTS.has(name)) return { vendor: "stripe", pathPrefix: "" };
  // `<product>.twilio.com`, or `<product>.<edge>.<region>.twilio.com`: the product is always the first part.
  const product = name.endsWith(".twilio.com") ? name.split(".", 1)[0] : undefined;
  if (product === undefined || TWILIO_WEBSITES.has(product)) return null;
  return { vendor: "twilio", pathPrefix: product === "api" ? "" : `/${product}` };
}
