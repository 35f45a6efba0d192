import { type CreatedVaultKey, eachItem, type VaultKey } from "@keybrake/client";
import { parseManifest } from "@keybrake/client/manifest";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { EXIT } from "../exit.ts";
import { readDocument } from "../input.ts";
import { makePlan, type Present, type Step } from "../plan.ts";
import type { Terminal } from "../terminal.ts";

const SIGNS = { create: "+", update: "~", keep: "=", leave: "!" } as const;

/** `keybrake apply -f keybrake.yaml`: makes the installation what the file says, and changes nothing the second time. */
export function addApply(program: Command, run: Run, terminal: Terminal): void {
  program
    .command("apply")
    .description("create missing budgets and vault keys, and update those that differ")
    .requiredOption("-f, --file <file>", "the manifest in YAML or JSON; `-` reads stdin")
    .option("--dry-run", "only print the plan")
    .addHelpText(
      "after",
      "\nVault keys are found by their name. Nothing that the file does not name is touched. What stands under\n`agents` is for `keybrake run`.",
    )
    .action(
      run(async (context, { file = "-", dryRun }) => {
        const manifest = parseManifest(await readDocument(terminal, file));
        const steps = makePlan(manifest, await fetchPresent(context));
        if (!context.isJson) for (const { action, what } of steps) context.line(`${SIGNS[action]} ${what}`);
        const created: CreatedVaultKey[] = [];
        try {
          if (dryRun === undefined) await carryOut(context, steps, created);
        } finally {
          // Told even when a later step failed: a key that is not shown now is lost.
          const shown = steps.map(({ action, kind, what }) => ({ action, kind, what }));
          if (context.isJson) context.json({ steps: shown, vault_keys: created });
        }
        if (steps.some(({ action }) => action === "leave")) process.exitCode = EXIT.failed;
      }),
    );
}

async function fetchPresent({ admin }: Context): Promise<Present> {
  const limit = 1_000;
  const secrets = new Set<string>();
  for await (const { name } of eachItem(admin.secrets.list, { limit })) secrets.add(name);
  const budgets = [];
  for await (const budget of eachItem(admin.budgets.list, { limit })) budgets.push(budget);
  const keys: VaultKey[] = [];
  for (const status of ["active", "suspended"] as const) {
    for await (const key of eachItem(admin.vaultKeys.list, { limit, status }))
      if (key.name !== null) keys.push(key);
  }
  return { secrets, budgets, keys };
}

async function carryOut(context: Context, steps: readonly Step[], created: CreatedVaultKey[]): Promise<void> {
  for (const step of steps) {
    if (step.kind === "budget" && step.action !== "keep") await context.admin.budgets.create(step.budget);
    if (step.kind === "key" && step.action === "update")
      await context.admin.vaultKeys.update(step.id, { policy: step.key.policy });
    if (step.kind !== "key" || step.action !== "create") continue;
    const key = await context.admin.vaultKeys.create(step.key);
    created.push(key);
    if (!context.isJson) context.line(`  ${step.key.name}: ${key.vault_key}`);
  }
  if (created.length > 0) context.note("keep the vault keys now: they cannot be shown again");
}
