import type { CreateBudget, CreateVaultKey } from "@keybrake/client";
import { createBudgetBody, createVaultKeyBody } from "@keybrake/client/contract";
import { z } from "zod";
import { CliError, EXIT } from "./exit.ts";

/**
 * What `keybrake apply -f keybrake.yaml` reads:
 *
 *     secrets: [stripe-live]              # must exist already: a value never stands in this file
 *     budgets:
 *       - { scope: agent_id, value: billing_agent, window: daily, usd_cap: 100 }
 *       - { scope: installation, window: monthly, usd_cap: 5000 }
 *     keys:
 *       - name: billing                   # by which `apply` finds it again
 *         agent_id: billing_agent
 *         secret: stripe-live
 *         crew_run_id: nightly            # optional
 *         policy: { vendor: stripe, daily_usd_cap: 50, allowed_endpoints: [POST /v1/refunds] }
 *
 * The entries of `budgets` and `keys` are the bodies that the admin API takes.
 */
export interface Manifest {
  readonly secrets: readonly string[];
  readonly budgets: readonly CreateBudget[];
  readonly keys: readonly (CreateVaultKey & { readonly name: string })[];
}

const manifestSchema = z.strictObject({
  secrets: z.array(createVaultKeyBody.shape.secret).default([]),
  budgets: z.array(createBudgetBody).default([]),
  keys: z
    .array(createVaultKeyBody.extend({ name: createVaultKeyBody.shape.name.unwrap() }))
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
});

/** Reads a manifest, or throws a usage error that lists everything that is wrong with it. */
export function readManifest(document: unknown): Manifest {
  const parsed = manifestSchema.safeParse(document ?? {});
  if (parsed.success) return parsed.data as Manifest;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`,
  );
  throw new CliError(EXIT.usage, `the file is not as it should be: ${problems.join("; ")}`);
}
