import type { VendorName } from "../vendors.ts";
import type { Policy } from "./draft.ts";

/** How a field of a policy is entered. */
export type FieldKind = "usd" | "count" | "text" | "list" | "flag" | "unpriced";

/** Which part of the form a field stands in. */
export type FieldGroup = "caps" | "time" | "reach" | "vendor";

/** A field of a policy, as the form shows it. */
export interface PolicyField {
  readonly kind: FieldKind;
  readonly group: FieldGroup;
  readonly label: string;
  readonly hint: string;
  readonly vendor?: VendorName;
}

type PathsOf<Vendor extends VendorName> = `${Vendor}.${keyof NonNullable<Policy[Vendor]> & string}`;

/** Every field of a policy by its path, but `vendor`, which the secret says, and the endpoints, which have a picker. */
export type FieldPath =
  | Exclude<keyof Policy, VendorName | "vendor" | "allowed_endpoints">
  | PathsOf<"stripe">
  | PathsOf<"twilio">
  | PathsOf<"resend">;

/** The type makes it complete: a field that the policy engine knows cannot be missing in the form. */
const FIELDS: Readonly<Record<FieldPath, PolicyField>> = {
  daily_usd_cap: cap("usd", "A day, in dollars", "UTC day; exact to a millionth"),
  monthly_usd_cap: cap("usd", "A month, in dollars", "UTC calendar month"),
  total_usd_cap: cap("usd", "In all, in dollars", "over the key's whole life"),
  per_call_usd_cap: cap("usd", "One call, in dollars", "the largest single call"),
  daily_call_cap: cap("count", "Calls a day", "that change something, whatever they cost"),
  total_call_cap: cap("count", "Calls in all", "that change something, over the key's life"),
  expires_in: time("text", "Expires in", "30m, 8h, 24h or 7d, counted from now on the database's clock"),
  expires_at: time(
    "text",
    "Expires at",
    "an instant such as 2026-03-01T00:00:00Z, instead of the field before",
  ),
  requests_per_minute: time("count", "Requests a minute", "reads count, too"),
  duplicate_window: time(
    "text",
    "No repetition within",
    "10m: the same call of the same run is refused unless it carries the same idempotency key",
  ),
  currencies: {
    kind: "list",
    group: "reach",
    label: "Currencies",
    hint: "usd, eur; none named = every one with a known rate",
  },
  customers: {
    kind: "list",
    group: "reach",
    label: "Customers",
    hint: "cus_…: no other may be touched, wherever its id stands; none named = any",
    vendor: "stripe",
  },
  on_unpriced: {
    kind: "unpriced",
    group: "reach",
    label: "A call whose cost cannot be known before",
    hint: "allowed ones count in the caps once their cost is known",
  },
  "stripe.account": of("stripe", "text", "Connected account", "acct_…: the one it may act for; none = none"),
  "stripe.destinations": of("stripe", "list", "Destinations", "acct_… to which it may send money"),
  "stripe.auto_advance": of(
    "stripe",
    "flag",
    "Invoices may advance by themselves",
    "Stripe charges them later, without another call",
  ),
  "twilio.allowed_countries": of("twilio", "list", "Countries", "US, CA: where messages and calls may go"),
  "twilio.from": of("twilio", "list", "Senders", "numbers or messaging services it may send from"),
  "twilio.callback_hosts": of("twilio", "list", "Callback hosts", "hooks.example.com: what Twilio may call"),
  "twilio.max_call_seconds": of("twilio", "count", "Longest phone call, in seconds", "longer ones are cut"),
  "resend.from": of("resend", "list", "Senders", "billing@example.com, or @example.com for a domain"),
  "resend.recipient_domains": of("resend", "list", "Recipients' domains", "example.com; none = any"),
  "resend.broadcasts": of("resend", "flag", "Broadcasts to audiences", "their size is not known before"),
};

/** The fields of one part of the form for a vendor, in order. */
export function listFields(
  group: FieldGroup,
  vendor: VendorName,
): readonly (readonly [path: string, field: PolicyField])[] {
  return Object.entries(FIELDS).filter(
    ([, field]) => field.group === group && (field.vendor === undefined || field.vendor === vendor),
  );
}

/** The paths of every field that says something to a key of a vendor, in the form's order. */
export function listAllFields(vendor: VendorName): readonly string[] {
  return Object.keys(FIELDS).filter((path) => [undefined, vendor].includes(FIELDS[path as FieldPath].vendor));
}

/** What a field is called for people; its path when it has no name. */
export function labelOf(path: string): string {
  return (FIELDS as Readonly<Record<string, PolicyField>>)[path]?.label ?? path;
}

function cap(kind: FieldKind, label: string, hint: string): PolicyField {
  return { kind, group: "caps", label, hint };
}

function time(kind: FieldKind, label: string, hint: string): PolicyField {
  return { kind, group: "time", label, hint };
}

function of(vendor: VendorName, kind: FieldKind, label: string, hint: string): PolicyField {
  return { kind, group: "vendor", label, hint, vendor };
}
