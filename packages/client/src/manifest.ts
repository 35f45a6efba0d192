/**
 * The manifest, `keybrake.yaml`: what `keybrake apply` makes so, and which agent of a crew `keybrake run` gives which
 * vault keys. Both read the same file by this schema.
 */
import type { PolicyDocument, VendorName } from "@keybrake/core";
import { z } from "zod";
import { type CreateBudget, createBudgetBody } from "./contract/budget.ts";
import { agentId } from "./contract/identifier.ts";
import { type Immutable, listPolicyIssues } from "./contract/policy.ts";
import { type RootVaultKey, rootVaultKeyBody } from "./contract/vault-key.ts";

/** The key that an agent gets for one vendor while its crew runs. The vendor stands beside it and not in the policy. */
export interface AgentKey {
  readonly secret: string;
  readonly policy: Immutable<Omit<PolicyDocument, "vendor">>;
}

/** What each agent of a crew may use, by agent and vendor; an agent with no vendor gets no key. */
export type CrewAgents = Readonly<Record<string, { readonly [Name in VendorName]?: AgentKey }>>;

/** One key to issue: complete, and accepted by the policy engine. */
export interface PlannedKey {
  readonly agentId: string;
  readonly vendor: VendorName;
  readonly secret: string;
  readonly policy: RootVaultKey["policy"];
}

/** An agent and the keys that it is to get. */
export interface PlannedAgent {
  readonly agentId: string;
  readonly keys: readonly PlannedKey[];
}

/**
 * A manifest that was read:
 *
 *     secrets: [stripe-live]              # must exist already: a value never stands in this file
 *     budgets:
 *       - { scope: agent_id, value: billing_agent, window: daily, usd_cap: 100 }
 *     keys:                               # lasting keys, made by `keybrake apply`
 *       - name: billing                   # by which `apply` finds it again
 *         agent_id: billing_agent
 *         secret: stripe-live
 *         crew_run_id: nightly            # optional
 *         policy: { vendor: stripe, daily_usd_cap: 50, allowed_endpoints: [POST /v1/refunds] }
 *     agents:                             # keys for one run, made by `keybrake run`
 *       billing_agent:
 *         stripe: { secret: stripe-live, policy: { total_usd_cap: 20, allowed_endpoints: [POST /v1/refunds] } }
 *
 * The entries of `budgets` and `keys` are the bodies that the admin API takes; a child key is no lasting one.
 */
export interface Manifest {
  readonly secrets: readonly string[];
  readonly budgets: readonly CreateBudget[];
  readonly keys: readonly (RootVaultKey & { readonly name: string })[];
  readonly agents: readonly PlannedAgent[];
}

/** Thrown with everything that is wrong with a manifest, one sentence each, naming the field. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
  readonly code = "manifest_invalid";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the file is not as it should be: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

const agentKey = (vendor: VendorName) =>
  z.strictObject({
    secret: rootVaultKeyBody.shape.secret,
    policy: z
      .looseObject({}, { error: "must be a policy" })
      .check(({ value, issues }) => {
        if ("vendor" in value && value["vendor"] !== vendor) {
          const message = `must be \`${vendor}\`, under which it stands, or be left out`;
          issues.push({ code: "custom", message, path: ["vendor"], input: value });
        }
        issues.push(...listPolicyIssues({ ...value, vendor }));
      })
      .transform((policy) => ({ ...policy, vendor }) as RootVaultKey["policy"]),
  });

const vendorKeys = z.strictObject(
  {
    stripe: agentKey("stripe").optional(),
    twilio: agentKey("twilio").optional(),
    resend: agentKey("resend").optional(),
  } satisfies Record<VendorName, z.ZodType>,
  {
    error: ({ code, keys }) =>
      code === "unrecognized_keys"
        ? `${quoteAll(keys)}: no such vendor, use stripe, twilio or resend`
        : undefined,
  },
);

const agentsSchema = z
  .record(agentId, vendorKeys.nullable(), { error: "must name agents, and for each its vendors" })
  .transform((agents) => Object.entries(agents).map(([id, vendors]) => planAgent(id, vendors ?? {})));

const manifestSchema = z.strictObject({
  secrets: z.array(rootVaultKeyBody.shape.secret).default([]),
  budgets: z.array(createBudgetBody).default([]),
  keys: z
    .array(rootVaultKeyBody.extend({ name: rootVaultKeyBody.shape.name.unwrap() }))
    .default([])
    .check((context) => {
      const names = context.value.map(({ name }) => name);
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice === undefined) return;
      context.issues.push({
        code: "custom",
        message: `the name \`${twice}\` is given twice`,
        input: undefined,
      });
    }),
  agents: agentsSchema.default([]),
});

/** Reads a manifest, or throws a ManifestError that lists everything that is wrong with it. */
export function parseManifest(document: unknown): Manifest {
  return parse(manifestSchema, document ?? {}) as Manifest;
}

/** Reads the `agents` of a manifest, or the same as a program gives them; throws a ManifestError. */
export function parseAgents(agents: unknown): readonly PlannedAgent[] {
  return parse(agentsSchema, agents);
}

function parse<Output>(schema: z.ZodType<Output>, document: unknown): Output {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new ManifestError(parsed.error.issues.map(describeIssue));
}

/** Of a wrong name in a record, what is wrong with it stands one level deeper. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const [inner] = issue.code === "invalid_key" ? issue.issues : [];
  const message = inner?.message ?? issue.message;
  return issue.path.length === 0 ? message : `${issue.path.map(String).join(".")}: ${message}`;
}

function planAgent(id: string, vendors: z.output<typeof vendorKeys>): PlannedAgent {
  const keys = Object.entries(vendors).flatMap(([vendor, key]) =>
    key === undefined ? [] : [{ agentId: id, vendor: vendor as VendorName, ...key }],
  );
  return { agentId: id, keys };
}

function quoteAll(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}
