import type { Budget, CreateBudget, VaultKey } from "@keybrake/client";
import type { Manifest } from "@keybrake/client/manifest";
import { formatUsd, parseUsd } from "@keybrake/core";
import { CliError, EXIT } from "./exit.ts";

/** One step of `apply`. `keep` and `leave` change nothing; `leave` is told to a person. */
export type Step =
  | {
      readonly action: "create" | "update" | "keep";
      readonly kind: "budget";
      readonly what: string;
      readonly budget: CreateBudget;
    }
  | {
      readonly action: "create";
      readonly kind: "key";
      readonly what: string;
      readonly key: Manifest["keys"][number];
    }
  | {
      readonly action: "update" | "keep" | "leave";
      readonly kind: "key";
      readonly what: string;
      readonly id: string;
      readonly key: Manifest["keys"][number];
    };

/** What an installation has now, as far as a manifest can speak of it. */
export interface Present {
  readonly secrets: ReadonlySet<string>;
  readonly budgets: readonly Budget[];
  /** Keys that are neither revoked nor expired. */
  readonly keys: readonly VaultKey[];
}

/**
 * Compares a manifest with what there is. Throws before anything is changed when it cannot be carried out: a secret
 * that is missing, a name that two keys bear, a key that would have to change whose it is.
 */
export function makePlan(manifest: Manifest, present: Present): readonly Step[] {
  const missing = [...neededSecrets(manifest)].filter((name) => !present.secrets.has(name));
  if (missing.length > 0)
    throw new CliError(
      EXIT.failed,
      `add these secrets first: ${missing.map((name) => `\`${name}\``).join(", ")}`,
    );
  const budgets = manifest.budgets.map((budget) => planBudget(budget, present.budgets));
  const keys = manifest.keys.map((key) => planKey(key, present.keys));
  return [...budgets, ...keys];
}

function neededSecrets({ secrets, budgets, keys, agents }: Manifest): ReadonlySet<string> {
  const ofBudgets = budgets.flatMap((budget) => (budget.scope === "secret" ? [budget.value] : []));
  const ofKeys = [...keys, ...agents.flatMap((agent) => agent.keys)].map(({ secret }) => secret);
  return new Set([...secrets, ...ofKeys, ...ofBudgets]);
}

function planBudget(budget: CreateBudget, present: readonly Budget[]): Step {
  const value = budget.scope === "installation" ? null : budget.value;
  const unit = budget.usd_cap === undefined ? "calls" : "usd";
  const limit = budget.usd_cap === undefined ? String(budget.call_cap) : showUsd(budget.usd_cap);
  const found = present.find(
    (other) =>
      other.scope === budget.scope &&
      other.value === value &&
      other.window === budget.window &&
      other.unit === unit,
  );
  const what = `${budget.window} ${unit} budget of ${value === null ? "the installation" : `${budget.scope} \`${value}\``}`;
  if (found === undefined) return { action: "create", kind: "budget", what: `${what}: ${limit}`, budget };
  if (found.limit === limit) return { action: "keep", kind: "budget", what, budget };
  return { action: "update", kind: "budget", what: `${what}: ${found.limit} becomes ${limit}`, budget };
}

function planKey(key: Manifest["keys"][number], present: readonly VaultKey[]): Step {
  const found = present.filter(({ name }) => name === key.name);
  const [one] = found;
  const what = `vault key \`${key.name}\` of ${key.agent_id}`;
  if (one === undefined) return { action: "create", kind: "key", what, key };
  if (found.length > 1)
    throw new CliError(
      EXIT.failed,
      `${found.length} vault keys are named \`${key.name}\`: revoke all but one`,
    );
  requireSame(key.name, "agent_id", one.agent_id, key.agent_id);
  requireSame(key.name, "secret", one.secret, key.secret);
  requireSame(key.name, "crew_run_id", one.crew_run_id, key.crew_run_id ?? null);
  if (isSamePolicy(one.policy, key.policy)) return { action: "keep", kind: "key", what, id: one.id, key };
  // A new policy would make it act again, and that is for a person to decide.
  if (one.status === "suspended")
    return {
      action: "leave",
      kind: "key",
      what: `${what}: it is suspended, look at it first`,
      id: one.id,
      key,
    };
  return { action: "update", kind: "key", what, id: one.id, key };
}

function requireSame(name: string, field: string, now: string | null, wanted: string | null): void {
  if (now === wanted) return;
  const change = `\`${field}\` from \`${now ?? ""}\` to \`${wanted ?? ""}\``;
  throw new CliError(
    EXIT.failed,
    `vault key \`${name}\` cannot change ${change}: revoke it, or choose another name`,
  );
}

/** The same rules, however their amounts and the order of their fields are written. */
function isSamePolicy(one: object, other: object): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown, name = ""): string {
  if (name.endsWith("_usd_cap") && (typeof value === "string" || typeof value === "number"))
    return showUsd(value);
  if (Array.isArray(value)) return `[${value.map((inner) => canonical(inner)).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([field, inner]) => `${JSON.stringify(field)}:${canonical(inner, field)}`).join()}}`;
}

function showUsd(value: string | number): string {
  const micros = parseUsd(value);
  return micros === null ? String(value) : formatUsd(micros);
}
