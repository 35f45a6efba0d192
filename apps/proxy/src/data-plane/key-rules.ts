import {
  boundPolicy,
  KeybrakeError,
  type KeyFacts,
  type Policy,
  parsePolicy,
  type VaultKeyRecord,
} from "@keybrake/core";

/** What a key's calls are judged by. */
export interface KeyRules {
  readonly facts: KeyFacts;
  /** Its own policy within the limits of those above it. */
  readonly policy: Policy;
  /** Its own first, then those of the keys above it, in which a child's requests count, too. */
  readonly rateLimits: readonly RateLimit[];
}

/** How often one key may call. */
export interface RateLimit {
  readonly vaultKeyId: string;
  readonly requestsPerMinute: number;
  /** Whose limit it is, as the agent is told. */
  readonly whose: string;
}

const known = new WeakMap<VaultKeyRecord, KeyRules>();

/** The key as the engine judges it; its policies are read once for as long as its record is remembered. */
export function rulesOf(key: VaultKeyRecord | null): KeyRules {
  if (key === null) throw new TypeError("a call without a key cannot be judged");
  const rules = known.get(key) ?? readRules(key);
  known.set(key, rules);
  return rules;
}

function readRules(key: VaultKeyRecord): KeyRules {
  const own = readPolicy(key.policy);
  const above = key.ancestors.map((ancestor) => ({ ...ancestor, policy: readPolicy(ancestor.policy) }));
  const parent = above.reduceRight<KeyFacts | null>(
    (facts, { status, expiresAt, policy }) => ({ status, expiresAt, policy, parent: facts }),
    null,
  );
  return {
    facts: { status: key.status, expiresAt: key.expiresAt, policy: own, parent },
    policy: boundPolicy(
      own,
      above.map(({ policy }) => policy),
    ),
    rateLimits: [
      ...rateLimitOf(key.id, own, "this vault key"),
      ...above.flatMap(({ id, policy }) => rateLimitOf(id, policy, "this vault key's parent")),
    ],
  };
}

function rateLimitOf(vaultKeyId: string, { requestsPerMinute }: Policy, whose: string): RateLimit[] {
  return requestsPerMinute === null ? [] : [{ vaultKeyId, requestsPerMinute, whose }];
}

/** A policy that this version cannot read was written by a newer one: nothing is allowed by guessing. */
function readPolicy(document: VaultKeyRecord["policy"]): Policy {
  const parsed = parsePolicy(document);
  if ("problems" in parsed)
    throw new KeybrakeError("internal", { cause: new Error(parsed.problems.join("; ")) });
  return parsed.policy;
}
