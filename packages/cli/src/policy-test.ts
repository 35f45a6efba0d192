import {
  authorize,
  BUDGET_DENIALS,
  type BudgetUnit,
  type BudgetWindow,
  formatUsd,
  type KeyFacts,
  type Method,
  type Operation,
  type Policy,
  parseUsd,
  RESEND_PRICES,
  readTarget,
  TWILIO_PRICES,
  USD_ONLY,
  VENDORS,
} from "@keybrake/core";

/** A request as an agent would send it. */
export interface ProbedRequest {
  readonly method: Method;
  /** The request target: a path, with or without the vendor's prefix, and its query. */
  readonly target: string;
  readonly body: string;
  readonly contentType: string;
  readonly account: string | null;
  /** The account of the key's secret (Twilio's AccountSid). */
  readonly accountId: string | null;
}

/** A cap and what is left of it, in dollars for `usd`, else a count, as text. */
export interface ProbedBudget {
  readonly scope: string;
  readonly window: BudgetWindow;
  readonly unit: BudgetUnit;
  readonly remaining: string;
}

/** Whether a call would pass, and why; `price` and `notes` are for people. */
export interface ProbeResult {
  readonly verdict: "allow" | "deny";
  readonly code: string | null;
  readonly reason: string;
  readonly endpoint: string | null;
  readonly price: string | null;
  readonly notes: readonly string[];
}

/**
 * Judges a request by the same engine as the server, without sending anything. What only the server knows is left out
 * and noted: rates of other currencies, the operator's own price tables, look-ups, request rates and the kill switch.
 */
export function probePolicy(
  key: KeyFacts,
  budgets: readonly ProbedBudget[],
  request: ProbedRequest,
  now: Date,
): ProbeResult {
  const target = readTarget(request.target);
  if (typeof target === "string") return denied("request_malformed", target, null);
  const { vendor } = key.policy;
  if (target.prefix !== null && target.prefix !== vendor)
    return denied("vendor_mismatch", `this vault key is for ${vendor}, not for ${target.prefix}`, null);
  const context = {
    rates: USD_ONLY,
    prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
    today: now.toISOString().slice(0, 10),
    accountId: request.accountId,
    policy: key.policy,
  };
  const { method, contentType, account } = request;
  const { path, query } = target;
  const body = Buffer.from(request.body, "utf8");
  const operation = VENDORS[vendor].readOperation(
    { method, path, query, contentType, idempotencyKey: null, account, body },
    context,
  );
  if ("code" in operation) return denied(operation.code, operation.reason, null);
  const decision = authorize(key, operation, now);
  if (decision.verdict === "deny") return denied(decision.denial.code, decision.denial.reason, operation);
  return judgeBudgets(budgets, operation) ?? allowed(key.policy, operation);
}

function judgeBudgets(budgets: readonly ProbedBudget[], operation: Operation): ProbeResult | null {
  for (const { scope, window, unit, remaining } of budgets) {
    const needed = neededOf(unit, operation);
    const left = unit === "usd" ? (parseUsd(remaining) ?? 0n) : BigInt(remaining);
    if (needed <= left) continue;
    const code =
      (BUDGET_DENIALS[unit] as Partial<Record<BudgetWindow, string>>)[window] ?? "total_cap_exceeded";
    const amount = unit === "usd" ? `${formatUsd(needed)} dollars` : "one call";
    return denied(
      code,
      `${amount} is more than the ${remaining} left of the ${window} cap of this ${scope}`,
      operation,
    );
  }
  return null;
}

function neededOf(unit: BudgetUnit, { price, endpoint }: Operation): bigint {
  if (unit === "usd") return price.kind === "known" ? price.micros : 0n;
  return unit === "requests" || endpoint?.accounted === true ? 1n : 0n;
}

function allowed(policy: Policy, operation: Operation): ProbeResult {
  const notes: string[] = [];
  if (operation.price.kind === "lookup") {
    const paths = operation.price.lookup.reads.map(({ path }) => `\`${path}\``).join(", ");
    notes.push(`the server looks up ${paths} first, and judges the price by the caps again`);
  }
  if (policy.customers !== null && operation.customers.owned.length > 0) {
    const ids = operation.customers.owned.map(({ objectId }) => `\`${objectId}\``).join(", ");
    notes.push(`the server looks up whose ${ids} is first, and refuses what is not of \`customers\``);
  }
  if (policy.duplicateSeconds !== null)
    notes.push("the server refuses the same call inside `duplicate_window`");
  if (policy.requestsPerMinute !== null) notes.push(`at most ${policy.requestsPerMinute} requests a minute`);
  return {
    verdict: "allow",
    code: null,
    reason: "every rule of the policy allows it",
    ...describe(operation),
    notes,
  };
}

function denied(code: string, reason: string, operation: Operation | null): ProbeResult {
  return { verdict: "deny", code, reason, ...describe(operation), notes: [] };
}

function describe(operation: Operation | null): { endpoint: string | null; price: string | null } {
  const endpoint = operation?.endpoint;
  const price = operation?.price;
  return {
    endpoint: endpoint ? `${endpoint.method} ${endpoint.template.text} (${endpoint.operation})` : null,
    price: price === undefined ? null : describePrice(price),
  };
}

function describePrice(price: Operation["price"]): string {
  switch (price.kind) {
    case "free":
      return "free";
    case "known":
      return `${formatUsd(price.micros)} USD`;
    case "lookup":
      return "known after a look-up";
    case "unpriced":
      return "unknown";
  }
}
