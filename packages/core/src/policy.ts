import { z } from "zod";
import type { BudgetSpec } from "./budget.ts";
import { type EndpointPattern, parseEndpointPattern } from "./endpoint.ts";
import { parseUsd } from "./money.ts";
import { VENDOR_NAMES, type VendorName } from "./vendors/names.ts";

const CALLS_MAX = 1_000_000_000;
const DURATION_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const DUPLICATE_SECONDS_MAX = 86_400;
const EXPIRES_IN_SECONDS_MAX = 3_660 * 86_400;

const usd = z.union([z.string(), z.number()]).refine((value) => parseUsd(value) !== null, {
  error: "must be dollars as a decimal string or number, at least 0, with at most six decimals",
});

const count = z.int().min(1).max(CALLS_MAX);

const endpoint = z
  .string()
  .max(512)
  .check((context) => {
    const pattern = isOperationName(context.value) ? null : parseEndpointPattern(context.value);
    if (typeof pattern === "string") {
      context.issues.push({ code: "custom", message: pattern, input: context.value });
    }
  });

const duration = z.string().refine((text) => parseDuration(text) !== null, {
  error: "must be a whole number and a unit, at most ten years: `30m`, `8h`, `24h`, `7d`",
});

const list = <T extends z.ZodType>(item: T) => z.array(item).max(500);
const account = z.string().regex(/^acct_[A-Za-z0-9]{1,64}$/, "must be one connected account, `acct_…`");
const hostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63}$/,
    "must be a lower-case host name, as `hooks.example.com`",
  );
const sender = z
  .string()
  .max(254)
  .regex(
    /^[^\s<>@,]*@[a-z0-9.-]+\.[a-z]{2,63}$/i,
    "must be an address, as `billing@example.com`, or a domain, as `@example.com`",
  );

/**
 * What a vault key may do, as the operator writes it. The names are the product's contract.
 * An unknown name is an error, and so is one that this version does not enforce: a rule is never silently ignored.
 */
export const policySchema = z
  .strictObject({
    vendor: z.enum(VENDOR_NAMES),
    daily_usd_cap: usd.optional(),
    monthly_usd_cap: usd.optional(),
    total_usd_cap: usd.optional(),
    per_call_usd_cap: usd.optional(),
    allowed_endpoints: z.array(endpoint).max(500).optional(),
    expires_in: duration.optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
    requests_per_minute: count.optional(),
    daily_call_cap: count.optional(),
    total_call_cap: count.optional(),
    currencies: z
      .array(z.string().regex(/^[A-Za-z]{3}$/, "must be a three-letter ISO code"))
      .max(200)
      .optional(),
    on_unpriced: z.enum(["deny", "allow"]).optional(),
    customers: list(z.string().regex(/^cus_[A-Za-z0-9]{1,250}$/, "must be a customer, `cus_…`")).optional(),
    duplicate_window: duration
      .refine((text) => (parseDuration(text) ?? 0) <= DUPLICATE_SECONDS_MAX, {
        error: "must be at most `24h`",
      })
      .optional(),
    stripe: z
      .strictObject({
        account: account.optional(),
        destinations: list(account).optional(),
        auto_advance: z.boolean().optional(),
      })
      .optional(),
    twilio: z
      .strictObject({
        allowed_countries: list(
          z.string().regex(/^[A-Z]{2}$/, "must be a two-letter country, as `US`"),
        ).optional(),
        from: list(z.string().min(1).max(64)).optional(),
        callback_hosts: list(hostName).optional(),
        max_call_seconds: z.int().min(1).max(86_400).optional(),
      })
      .optional(),
    resend: z
      .strictObject({
        from: list(sender).optional(),
        recipient_domains: list(hostName).optional(),
        broadcasts: z.boolean().optional(),
      })
      .optional(),
  })
  .refine((policy) => policy.expires_in === undefined || policy.expires_at === undefined, {
    error: "give `expires_in` or `expires_at`, not both",
  })
  .check((context) => {
    const { value } = context;
    const strangers = VENDOR_NAMES.filter((name) => name !== value.vendor && name in value);
    for (const name of strangers) {
      const message = `says nothing to a key for ${value.vendor}: remove it`;
      context.issues.push({ code: "custom", message, path: [name], input: value });
    }
    if (value.customers !== undefined && value.vendor !== "stripe") {
      const message = `only Stripe has customers: remove it from a key for ${value.vendor}`;
      context.issues.push({ code: "custom", message, path: ["customers"], input: value });
    }
  });

export type PolicyDocument = z.infer<typeof policySchema>;

/** A policy that was read, ready to judge with. */
export interface Policy {
  readonly vendor: VendorName;
  readonly allowedPatterns: readonly EndpointPattern[];
  readonly allowedOperations: ReadonlySet<string>;
  /** Largest single call in micros; null = no such limit. */
  readonly perCallLimitMicros: bigint | null;
  /** The caps that live in the ledger as budgets of this key. */
  readonly budgets: readonly BudgetSpec[];
  readonly requestsPerMinute: number | null;
  /** Lower-case codes; null = every currency that has a rate. */
  readonly currencies: ReadonlySet<string> | null;
  /** The customers this key is bound to; null = to none. */
  readonly customers: ReadonlySet<string> | null;
  /** Seconds within which the same call may not be made twice; null = it may. */
  readonly duplicateSeconds: number | null;
  readonly onUnpriced: "deny" | "allow";
  /** What the policy's vendor lists grant, by field: `twilio.from`. A field that is missing is absent in the policy. */
  readonly grants: ReadonlyMap<string, ReadonlySet<string>>;
  /** The longest phone call: one that asks for more is refused, an open one is given this; null = a call must state its own. */
  readonly callSecondsMax: number | null;
  readonly expiresInSeconds: number | null;
  readonly expiresAt: Date | null;
}

/**
 * Reads a policy document of any origin. Returns the policy together with the document as accepted, or the list of
 * everything that is wrong with it, one sentence each, naming the field.
 */
export function parsePolicy(
  input: unknown,
): { policy: Policy; document: PolicyDocument } | { problems: string[] } {
  const parsed = policySchema.safeParse(input);
  if (!parsed.success) {
    return { problems: parsed.error.issues.map((issue) => describeIssue(issue.path, issue.message)) };
  }
  return { policy: readPolicy(parsed.data), document: parsed.data };
}

/** Reads `30m`, `8h`, `7d` or `45s` to seconds; null when it is not a positive duration of at most ten years. */
export function parseDuration(text: string): number | null {
  const match = /^([1-9][0-9]{0,8})([smhd])$/.exec(text);
  if (match === null) return null;
  const seconds = Number(match[1]) * DURATION_SECONDS[match[2] as keyof typeof DURATION_SECONDS];
  return seconds > EXPIRES_IN_SECONDS_MAX ? null : seconds;
}

/** An operation's own name in the catalogue, such as `payment_intents.create`. */
export function isOperationName(text: string): boolean {
  return /^[a-z0-9_]+(?:\.[a-z0-9_]+)+$/.test(text);
}

function readPolicy(document: PolicyDocument): Policy {
  const entries = document.allowed_endpoints ?? [];
  const patterns = entries.filter((entry) => !isOperationName(entry)).map(parseEndpointPattern);
  return {
    vendor: document.vendor,
    allowedPatterns: patterns.filter((pattern) => typeof pattern !== "string"),
    allowedOperations: new Set(entries.filter(isOperationName)),
    perCallLimitMicros: readUsd(document.per_call_usd_cap),
    budgets: readBudgets(document),
    requestsPerMinute: document.requests_per_minute ?? null,
    currencies: document.currencies ? new Set(document.currencies.map((code) => code.toLowerCase())) : null,
    customers: document.customers ? new Set(document.customers) : null,
    duplicateSeconds:
      document.duplicate_window === undefined ? null : parseDuration(document.duplicate_window),
    onUnpriced: document.on_unpriced ?? "deny",
    grants: readGrants(document),
    callSecondsMax: document.twilio?.max_call_seconds ?? null,
    expiresInSeconds: document.expires_in === undefined ? null : parseDuration(document.expires_in),
    expiresAt: document.expires_at === undefined ? null : new Date(document.expires_at),
  };
}

function readBudgets(document: PolicyDocument): BudgetSpec[] {
  const candidates: [BudgetSpec["window"], BudgetSpec["unit"], bigint | null][] = [
    ["daily", "usd", readUsd(document.daily_usd_cap)],
    ["monthly", "usd", readUsd(document.monthly_usd_cap)],
    ["total", "usd", readUsd(document.total_usd_cap)],
    ["daily", "calls", readCount(document.daily_call_cap)],
    ["total", "calls", readCount(document.total_call_cap)],
  ];
  return candidates.flatMap(([window, unit, limit]) => (limit === null ? [] : [{ window, unit, limit }]));
}

/** Every list of the vendor's own part of a policy; a permission that is simply on grants `true`. */
function readGrants(document: PolicyDocument): Map<string, ReadonlySet<string>> {
  const { account: pinned, destinations } = document.stripe ?? {};
  const grants = new Map<string, ReadonlySet<string>>();
  const grant = (field: string, values: readonly string[] | undefined) => {
    if (values !== undefined) grants.set(field, new Set(values));
  };
  grant("stripe.account", pinned === undefined ? undefined : [pinned]);
  // Whoever may act for an account may send it money.
  if (pinned !== undefined || destinations !== undefined) {
    grant("stripe.destinations", [...(destinations ?? []), ...(pinned === undefined ? [] : [pinned])]);
  }
  grant("stripe.auto_advance", document.stripe?.auto_advance ? ["true"] : undefined);
  grant("twilio.allowed_countries", document.twilio?.allowed_countries);
  grant("twilio.from", document.twilio?.from);
  grant("twilio.callback_hosts", document.twilio?.callback_hosts);
  grant(
    "resend.from",
    document.resend?.from?.map((text) => text.toLowerCase()),
  );
  grant("resend.recipient_domains", document.resend?.recipient_domains);
  grant("resend.broadcasts", document.resend?.broadcasts ? ["true"] : undefined);
  return grants;
}

function readUsd(value: string | number | undefined): bigint | null {
  return value === undefined ? null : parseUsd(value);
}

function readCount(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

function describeIssue(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `\`${path.join(".")}\`: ${message}`;
}
