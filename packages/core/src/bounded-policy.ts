import type { Policy } from "./policy.ts";

/**
 * What bounds a call of a child in one policy: of each limit that is no list of permissions the narrowest of its own and
 * of those above it. Permissions are judged by each policy apart (`KeyFacts.parent`), and caps by the ledger.
 */
export function boundPolicy(policy: Policy, above: readonly Policy[]): Policy {
  return above.reduce(boundBy, policy);
}

function boundBy(policy: Policy, parent: Policy): Policy {
  return {
    ...policy,
    perCallLimitMicros: least(policy.perCallLimitMicros, parent.perCallLimitMicros),
    callSecondsMax: least(policy.callSecondsMax, parent.callSecondsMax),
    duplicateSeconds: most(policy.duplicateSeconds, parent.duplicateSeconds),
    customers: common(policy.customers, parent.customers),
    onUnpriced: parent.onUnpriced === "deny" ? "deny" : policy.onUnpriced,
  };
}

/** The lower of two limits; null = no limit. */
function least<Limit extends bigint | number>(a: Limit | null, b: Limit | null): Limit | null {
  if (a === null || b === null) return a ?? b;
  return b < a ? b : a;
}

function most(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

function common(a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): ReadonlySet<string> | null {
  if (a === null || b === null) return a ?? b;
  return new Set([...a].filter((value) => b.has(value)));
}
