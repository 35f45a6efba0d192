import type { Budget, CreateBudget, ListBudgets } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { readCount } from "../input.ts";
import type { Column } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

/** How a budget is shown wherever it is. */
export const BUDGET_COLUMNS: readonly Column<Budget>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "SCOPE", value: ({ scope }) => scope },
  { name: "OF", value: ({ value }) => value },
  { name: "WINDOW", value: ({ window }) => window },
  { name: "UNIT", value: ({ unit }) => unit },
  { name: "LIMIT", value: ({ limit }) => limit, align: "right" },
  { name: "USED", value: ({ used }) => used, align: "right" },
  { name: "HELD", value: ({ reserved }) => reserved, align: "right" },
  { name: "LEFT", value: ({ remaining }) => remaining, align: "right" },
  { name: "TEST USED", value: ({ test }) => test?.used ?? null, align: "right" },
  { name: "RESETS", value: ({ resets_at: at }) => at ?? "never" },
];

/** `keybrake budgets …`: caps over many keys. */
export function addBudgets(program: Command, run: Run): void {
  const budgets = program.command("budgets").description("caps over many keys");

  withPage(budgets.command("list"))
    .description("list budgets and what is left of them")
    .option("--scope <scope>", "agent_id, crew_run_id, secret, installation or vault_key")
    .option("--value <value>", "the agent, the run, the secret's name or the key's id")
    .action(
      run(async (context, options) => {
        const { scope, value } = options;
        const filter = given({ scope, value }) as ListBudgets;
        const page = await context.admin.budgets.list({ ...filter, ...readPage(options) });
        context.list(page, BUDGET_COLUMNS, page.data);
        noteMore(context, page);
      }),
    );

  budgets
    .command("set")
    .description("cap an agent, a run, a secret or the installation, or change that cap")
    .option("--agent <agent-id>")
    .option("--run <crew-run-id>")
    .option("--secret <name>")
    .option("--installation")
    .requiredOption("--window <window>", "daily, monthly or total (calls: daily or total)")
    .option("--usd <amount>", "the limit in dollars")
    .option("--calls <count>", "the limit as a number of calls")
    .action(
      run(async (context, options) => {
        const budget = await context.admin.budgets.create(readBudget(options));
        context.list(budget, BUDGET_COLUMNS, [budget]);
      }),
    );

  budgets
    .command("delete <id>")
    .description("delete a budget")
    .action(
      run(async (context, _options, id = "") => {
        await context.admin.budgets.delete(id);
        if (!context.isJson) context.line(`deleted budget ${id}`);
      }),
    );
}

function readBudget(options: Readonly<Record<string, string | undefined>>): CreateBudget {
  const { agent, run, secret, installation, window, usd, calls } = options;
  const scopes = Object.entries({ agent_id: agent, crew_run_id: run, secret, installation }).filter(
    ([, value]) => value !== undefined,
  );
  const [scope] = scopes;
  if (scope === undefined || scopes.length > 1)
    throw new CliError(EXIT.usage, "give one of --agent, --run, --secret and --installation");
  const callCap = calls === undefined ? undefined : readCount(calls, "--calls");
  return {
    scope: scope[0],
    ...(scope[0] === "installation" ? {} : { value: scope[1] }),
    window,
    ...given({ usd_cap: usd, call_cap: callCap }),
  } as CreateBudget;
}
