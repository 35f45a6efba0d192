import { z } from "zod";
import type { BudgetSpec } from "./budget.ts";
import { type EndpointPattern, parseEndpointPattern } from "./endpoint.ts";
import { parseUsd } from "./money.ts";

/** The vendors that this version serves. */
export const VENDOR_NAMES = ["stripe"] as const;
export type VendorName = (typeof VENDOR_NAMES)[number];

const CALLS_MAX = 1_000_000_000;
const DURATION_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
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
    on_unpriced: z.literal("deny", { error: "only `deny` is enforced by this version" }).optional(),
    stripe: z
      .strictObject({
        account: z
          .string()
          .regex(/^acct_[A-Za-z0-9]{1,64}$/, "must be one connected account, `acct_…`")
          .optional(),
      })
      .optional(),
  })
  .refine((policy) => policy.expires_in === undefined || policy.expires_at === undefined, {
    error: "give `expires_in` or `expires_at`, not both",
  });

export type PolicyDocument = z.infer<typeof policySchema>;

/** Fields of the contract that this version refuses, because accepting one without enforcing it would be a lie. */
const NOT_ENFORCED = ["customers", "duplicate_window", "twilio", "resend"] as const;

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
  readonly stripeAccount: string | null;
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
  const problems = findNotEnforced(input);
  const parsed = policySchema.safeParse(withoutNotEnforced(input));
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => describeIssue(issue.path, issue.message)));
  }
  if (!parsed.success || problems.length > 0) return { problems };
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
    stripeAccount: document.stripe?.account ?? null,
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

function readUsd(value: string | number | undefined): bigint | null {
  return value === undefined ? null : parseUsd(value);
}

function readCount(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

function findNotEnforced(input: unknown): string[] {
  if (typeof input !== "object" || input === null) return [];
  return NOT_ENFORCED.filter((name) => name in input).map(
    (name) => `\`${name}\` is not enforced by this version, so it is refused: remove it`,
  );
}

function withoutNotEnforced(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const known = NOT_ENFORCED as readonly string[];
  return Object.fromEntries(Object.entries(input).filter(([name]) => !known.includes(name)));
}

function describeIssue(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `\`${path.join(".")}\`: ${message}`;
}
