import { type Denial, deny } from "./denial.ts";
import { matchesEndpoint } from "./endpoint.ts";
import { formatUsd } from "./money.ts";
import type { Operation } from "./operation.ts";
import type { Policy } from "./policy.ts";

/** What is known of a vault key when a call is judged. The ledger judges status and budgets again, atomically. */
export interface KeyFacts {
  readonly status: "active" | "suspended" | "revoked";
  readonly expiresAt: Date | null;
  readonly policy: Policy;
  /** The key above a child, which must allow the call, too; absent = none. */
  readonly parent?: KeyFacts | null;
}

/** The engine's answer: allow, or the one reason why not. */
export type Decision = { readonly verdict: "allow" } | { readonly verdict: "deny"; readonly denial: Denial };

const ALLOW: Decision = { verdict: "allow" };

/**
 * Judges one operation against one key's policy. Pure, total, and default deny: whatever is not explicitly covered
 * is refused. `now` is the database's time.
 *
 * Called before a price look-up (the operation's price is still `lookup`) and again after it, so that no look-up
 * runs for a call that would be refused anyway. Budgets are not judged here: they need the ledger's locks.
 */
export function authorize(key: KeyFacts, operation: Operation, now: Date): Decision {
  const denial =
    judgeKey(key, now) ??
    judgeEndpoint(key.policy, operation) ??
    judgeDemands(key.policy, operation) ??
    judgeCustomers(key.policy, operation) ??
    judgePrice(key.policy, operation);
  if (denial !== null) return { verdict: "deny", denial };
  return key.parent == null ? ALLOW : judgeAsChild(authorize(key.parent, operation, now));
}

function judgeAsChild(decision: Decision): Decision {
  if (decision.verdict === "allow") return decision;
  const { denial } = decision;
  return { verdict: "deny", denial: { ...denial, reason: `${PARENT_REFUSES} ${denial.reason}` } };
}

const PARENT_REFUSES = "its parent refuses:";

/** Whether a refusal was a rule's of a key above the one that called. */
export function isOfParent(reason: string): boolean {
  return reason.startsWith(PARENT_REFUSES);
}

function judgeKey(key: KeyFacts, now: Date): Denial | null {
  if (key.status === "revoked") return deny("vault_key_revoked", "this vault key has been revoked");
  if (key.status === "suspended") {
    return deny(
      "vault_key_revoked",
      "this vault key is suspended after a call that cost more than was reserved",
    );
  }
  if (key.status !== "active") return deny("vault_key_revoked", "this vault key is not active");
  // Written so that a date that cannot be read has expired.
  if (key.expiresAt !== null && !(key.expiresAt > now)) {
    return deny("vault_key_expired", "this vault key has expired: ask for a new one");
  }
  return null;
}

function judgeEndpoint(policy: Policy, operation: Operation): Denial | null {
  if (operation.vendor !== policy.vendor) {
    return deny("vendor_mismatch", `this vault key is for ${policy.vendor}, not for ${operation.vendor}`);
  }
  const { endpoint, method, path } = operation;
  const asked = `${method} ${path}`;
  if (endpoint?.forbidden) {
    return deny("endpoint_forbidden", `\`${asked}\` creates credentials, so no vault key can call it`);
  }
  const isAllowed =
    policy.allowedPatterns.some((pattern) => matchesEndpoint(pattern, method, path)) ||
    (endpoint !== null && policy.allowedOperations.has(endpoint.operation));
  if (!isAllowed) {
    return deny(
      "endpoint_not_allowed",
      `this vault key may not call \`${asked}\`: add it to \`allowed_endpoints\``,
    );
  }
  if (endpoint === null) {
    return deny(
      "unpriced",
      `\`${asked}\` is allowed, but its cost is unknown to this version, so it is refused`,
    );
  }
  return null;
}

const MAY_NOT_USE = "this vault key may not use";

/** Whether a refusal was for something that stood in the request's body or headers. */
export function isForDemand(code: string, reason: string): boolean {
  if (code === "account_not_allowed" || code === "destination_not_allowed") return true;
  return code === "endpoint_not_allowed" && reason.includes(MAY_NOT_USE);
}

function judgeDemands(policy: Policy, operation: Operation): Denial | null {
  for (const { rule, anyOf, shown, ifAbsent, code } of operation.demands) {
    const granted = policy.grants.get(rule);
    const isGranted =
      granted === undefined ? ifAbsent === "allow" : anyOf.some((value) => granted.has(value));
    if (!isGranted) return deny(code, `${MAY_NOT_USE} ${shown}: add it to \`${rule}\``);
  }
  return null;
}

/** A key that is bound to customers: what it names must be theirs, and what it asks must be bounded to them. */
function judgeCustomers(policy: Policy, operation: Operation): Denial | null {
  const { customers } = policy;
  if (customers === null) return null;
  const stranger = operation.customers.named.find((id) => !customers.has(id));
  if (stranger !== undefined) return denyCustomer(`\`${stranger}\``);
  if (!operation.customers.isOpen) return null;
  return deny(
    "customer_not_allowed",
    "this vault key is bound to customers, and this call names none of them: give it a `customer`",
  );
}

/** Judges the owner of an object that a call touches, as the vendor named it; null = nobody's. */
export function judgeOwner(policy: Policy, objectId: string, owner: string | null): Denial | null {
  if (policy.customers === null || (owner !== null && policy.customers.has(owner))) return null;
  return denyCustomer(
    `\`${objectId}\`, which belongs to ${owner === null ? "no customer" : "another customer"}`,
  );
}

function denyCustomer(shown: string): Denial {
  return deny("customer_not_allowed", `this vault key may not touch ${shown}: it is bound to \`customers\``);
}

function judgePrice(policy: Policy, operation: Operation): Denial | null {
  const { price } = operation;
  if (price.kind === "unpriced" && policy.onUnpriced === "deny") return deny("unpriced", price.reason);
  if (price.kind !== "known") return null;
  if (policy.currencies !== null && !policy.currencies.has(price.currency)) {
    return deny(
      "currency_not_allowed",
      `this vault key may not use \`${price.currency}\`: add it to \`currencies\``,
    );
  }
  const limit = policy.perCallLimitMicros;
  if (limit !== null && price.micros > limit) {
    const amounts = `${formatUsd(price.micros)} is more than ${formatUsd(limit)}`;
    return deny(
      "per_call_cap_exceeded",
      `one call may cost at most \`per_call_usd_cap\`: ${amounts} dollars`,
    );
  }
  return null;
}
