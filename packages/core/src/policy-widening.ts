import type { BudgetSpec } from "./budget.ts";
import { containsPattern, type EndpointPattern, type Method } from "./endpoint.ts";
import { formatUsd } from "./money.ts";
import type { Endpoint } from "./operation.ts";
import type { Policy } from "./policy.ts";
import { VENDORS } from "./vendors/index.ts";

/** In what a child would be wider than its parent: the policy's field, and a sentence that names both. */
export interface Widening {
  readonly field: string;
  readonly message: string;
}

/** A key's policy, and when it ends; null = never. */
export interface Bounds {
  readonly policy: Policy;
  readonly expiresAt: Date | null;
}

/** Lists whose absence grants nothing: a child may have one only where its parent has it. */
const GRANTED_BY_LIST: ReadonlySet<string> = new Set([
  "stripe.account",
  "stripe.destinations",
  "stripe.auto_advance",
  "twilio.callback_hosts",
  "resend.broadcasts",
]);

/**
 * Says in which fields a child's policy states more than its parent's allows; empty = in none. A field that the child
 * leaves out is none: then the parent's counts, as it does at every call anyway. Both are of the same vendor.
 */
export function findWidening(parent: Bounds, child: Bounds): readonly Widening[] {
  return [
    ...findWiderEndpoints(parent.policy, child.policy),
    ...findWiderCaps(parent.policy, child.policy),
    ...findWiderRules(parent.policy, child.policy),
    ...findWiderLists(parent.policy, child.policy),
    ...findLaterExpiry(parent.expiresAt, child.expiresAt),
  ];
}

function findWiderEndpoints(parent: Policy, child: Policy): Widening[] {
  const { endpoints } = VENDORS[child.vendor];
  const wider = [
    ...[...child.allowedOperations].filter((name) => !coversOperation(parent, endpoints, name)),
    ...child.allowedPatterns
      .filter((pattern) => !coversPattern(parent, endpoints, pattern))
      .map(({ text }) => text),
  ];
  return wider.map((text) => ({
    field: "allowed_endpoints",
    message: `\`${text}\` is not covered by the parent's \`allowed_endpoints\``,
  }));
}

function coversOperation(parent: Policy, endpoints: readonly Endpoint[], name: string): boolean {
  if (parent.allowedOperations.has(name)) return true;
  const endpoint = endpoints.find(({ operation }) => operation === name);
  return (
    endpoint !== undefined && coversSegments(parent, endpoint, methodsOf("*", endpoint), segmentsOf(endpoint))
  );
}

/** As a whole by one of the parent's patterns, or in all that this version knows behind it. What it does not know is refused. */
function coversPattern(parent: Policy, endpoints: readonly Endpoint[], pattern: EndpointPattern): boolean {
  if (parent.allowedPatterns.some((outer) => containsPattern(outer, pattern))) return true;
  const reached = endpoints
    .filter(({ forbidden }) => !forbidden)
    .flatMap((endpoint) => {
      const methods = methodsOf(pattern.method, endpoint);
      const segments = meet(segmentsOf(endpoint), pattern.segments);
      return methods.length === 0 || segments === null ? [] : [{ endpoint, methods, segments }];
    });
  return (
    reached.length > 0 &&
    reached.every(
      ({ endpoint, methods, segments }) =>
        parent.allowedOperations.has(endpoint.operation) ||
        coversSegments(parent, endpoint, methods, segments),
    )
  );
}

function coversSegments(
  parent: Policy,
  { operation }: Endpoint,
  methods: readonly Method[],
  segments: readonly string[],
): boolean {
  return methods.every((method) =>
    parent.allowedPatterns.some((outer) => containsPattern(outer, { text: operation, method, segments })),
  );
}

/** The methods of an endpoint that a pattern's method reaches; HEAD is served as GET. */
function methodsOf(asked: Method | "*", { method }: Endpoint): Method[] {
  const served: Method[] = method === "GET" ? ["GET", "HEAD"] : [method];
  return served.filter((one) => asked === "*" || asked === one);
}

/** A template's segments as a pattern's: an identifier is any one segment. */
function segmentsOf({ template }: Endpoint): string[] {
  return template.segments.map((segment) => (segment.startsWith("{") ? "*" : segment));
}

/** What two lists of segments have in common, of which the first has no `**`; null = nothing. */
function meet(known: readonly string[], asked: readonly string[]): string[] | null {
  const met: string[] = [];
  for (const [index, segment] of asked.entries()) {
    if (segment === "**") return [...met, ...known.slice(index)];
    const there = known[index];
    if (there === undefined || (segment !== "*" && there !== "*" && segment !== there)) return null;
    met.push(segment === "*" ? there : segment);
  }
  return met.length === known.length ? met : null;
}

const CAP_FIELDS = {
  usd: { daily: "daily_usd_cap", monthly: "monthly_usd_cap", total: "total_usd_cap" },
  calls: { daily: "daily_call_cap", monthly: "monthly_call_cap", total: "total_call_cap" },
  requests: { daily: "requests", monthly: "requests", total: "requests" },
} as const satisfies Record<BudgetSpec["unit"], Record<BudgetSpec["window"], string>>;

function findWiderCaps(parent: Policy, child: Policy): Widening[] {
  return child.budgets.flatMap(({ window, unit, limit }) => {
    const above = parent.budgets.find((budget) => budget.window === window && budget.unit === unit);
    if (above === undefined || limit <= above.limit) return [];
    const show = (value: bigint) => (unit === "usd" ? formatUsd(value) : value.toString());
    return [tooMuch(CAP_FIELDS[unit][window], show(limit), show(above.limit))];
  });
}

function findWiderRules(parent: Policy, child: Policy): Widening[] {
  const wider: Widening[] = [];
  const exceeds = <Limit extends bigint | number>(own: Limit | null, above: Limit | null): own is Limit =>
    own !== null && above !== null && own > above;
  if (exceeds(child.perCallLimitMicros, parent.perCallLimitMicros)) {
    const [own, above] = [child.perCallLimitMicros, parent.perCallLimitMicros ?? 0n];
    wider.push(tooMuch("per_call_usd_cap", formatUsd(own), formatUsd(above)));
  }
  if (exceeds(child.requestsPerMinute, parent.requestsPerMinute))
    wider.push(tooMuch("requests_per_minute", `${child.requestsPerMinute}`, `${parent.requestsPerMinute}`));
  if (exceeds(child.callSecondsMax, parent.callSecondsMax))
    wider.push(tooMuch("twilio.max_call_seconds", `${child.callSecondsMax}`, `${parent.callSecondsMax}`));
  if (exceeds(parent.duplicateSeconds, child.duplicateSeconds)) {
    const message = `${child.duplicateSeconds} seconds are shorter than the parent's ${parent.duplicateSeconds}`;
    wider.push({ field: "duplicate_window", message });
  }
  if (child.onUnpriced === "allow" && parent.onUnpriced === "deny")
    wider.push({ field: "on_unpriced", message: "the parent's is `deny`" });
  return wider;
}

function findWiderLists(parent: Policy, child: Policy): Widening[] {
  const lists: [string, ReadonlySet<string> | null | undefined, ReadonlySet<string> | null | undefined][] = [
    ["currencies", child.currencies, parent.currencies],
    ["customers", child.customers, parent.customers],
    ...[...child.grants].map(
      ([field, values]): [string, ReadonlySet<string>, ReadonlySet<string> | undefined] => [
        field,
        values,
        parent.grants.get(field) ?? (GRANTED_BY_LIST.has(field) ? new Set<string>() : undefined),
      ],
    ),
  ];
  return lists.flatMap(([field, own, above]) => {
    if (own == null || above == null) return [];
    const stray = [...own].filter((value) => !above.has(value) && !isInDomain(field, value, above));
    if (stray.length === 0) return [];
    const shown = stray.map((value) => `\`${value}\``).join(", ");
    return [{ field, message: `${shown} ${stray.length === 1 ? "is" : "are"} not in the parent's` }];
  });
}

/** An address may be granted by its domain. */
function isInDomain(field: string, value: string, above: ReadonlySet<string>): boolean {
  return field === "resend.from" && above.has(value.slice(value.lastIndexOf("@")));
}

function findLaterExpiry(parent: Date | null, child: Date | null): Widening[] {
  if (parent === null || child === null || child <= parent) return [];
  return [
    { field: "expires_at", message: `${child.toISOString()} is after the parent's ${parent.toISOString()}` },
  ];
}

function tooMuch(field: string, own: string, above: string): Widening {
  return { field, message: `${own} is more than the parent's ${above}` };
}
