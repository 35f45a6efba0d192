import type { CreateVaultKey, ListVaultKeys, Revocation, VaultKey } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { readDocument } from "../input.ts";
import type { Column, Terminal } from "../terminal.ts";
import { BUDGET_COLUMNS } from "./budgets.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<VaultKey>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "NAME", value: ({ name }) => name },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "RUN", value: ({ crew_run_id: run }) => run },
  { name: "PARENT", value: ({ parent_id: parent }) => parent },
  { name: "SECRET", value: ({ secret }) => secret },
  { name: "STATUS", value: ({ status }) => status },
  { name: "EXPIRES", value: ({ expires_at: at }) => at },
];

/** `keybrake keys …`: what agents hold. */
export function addKeys(program: Command, run: Run, terminal: Terminal): void {
  const keys = program.command("keys").description("vault keys: what agents hold");

  addKeyCreation(keys, run, terminal);

  withPage(keys.command("list"))
    .description("list vault keys, newest first")
    .option("--agent <agent-id>")
    .option("--run <crew-run-id>")
    .option("--parent <id>", "only the children of this key")
    .option("--status <status>", "active, suspended, revoked or expired")
    .action(
      run(async (context, options) => {
        const { agent, run: crewRunId, parent, status } = options;
        const wanted = { agent_id: agent, crew_run_id: crewRunId, parent_id: parent, status };
        const filter = given(wanted) as ListVaultKeys;
        const page = await context.admin.vaultKeys.list({ ...filter, ...readPage(options) });
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );

  keys
    .command("show <id>")
    .description("show a vault key, its policy and what is left of every budget that covers it")
    .action(
      run(async (context, _options, id = "") => {
        const key = await context.admin.vaultKeys.get(id);
        const { budgets, policy, ...facts } = key;
        context.show(key, { ...facts, policy });
        if (context.isJson) return;
        context.line("");
        context.list(budgets, BUDGET_COLUMNS, budgets);
      }),
    );

  keys
    .command("revoke <id>")
    .description("revoke a vault key and its children, for good")
    .option("--reason <text>")
    .action(
      run(async (context, options, id = "") => {
        showRevocation(
          context,
          await context.admin.vaultKeys.revoke(id, given({ reason: options["reason"] })),
        );
      }),
    );
}

function addKeyCreation(keys: Command, run: Run, terminal: Terminal): void {
  keys
    .command("create")
    .description("create a vault key and show it, this once")
    .requiredOption("--agent <agent-id>", "who holds it")
    .option("--secret <name>", "the credential that it stands for; a child has its parent's")
    .option("--parent <id>", "makes it a child of this key, which may do no more and spends of its budgets")
    .requiredOption("--policy <file>", "its policy in JSON or YAML; `-` reads stdin")
    .option("--run <crew-run-id>", "the run that it belongs to")
    .option("--name <name>", "what people call it")
    .action(
      run(async (context, options) => {
        const { agent = "", secret, parent, policy: file = "-", run: crewRunId, name } = options;
        const policy = (await readDocument(terminal, file)) as CreateVaultKey["policy"];
        const optional = given({ secret, parent_id: parent, crew_run_id: crewRunId, name });
        const created = await context.admin.vaultKeys.create({ agent_id: agent, policy, ...optional });
        context.show(created, {
          id: created.id,
          "vault key": created.vault_key,
          agent: created.agent_id,
          expires: created.expires_at ?? "never",
        });
        context.note("keep the vault key now: it cannot be shown again");
      }),
    );
}

/** `keybrake runs revoke` and `keybrake agents revoke`: the brake over many keys. */
export function addRevocations(program: Command, run: Run): void {
  program
    .command("runs")
    .description("the runs of crews")
    .command("revoke <crew-run-id>")
    .description("revoke every vault key of a run")
    .option("--reason <text>")
    .action(
      run(async (context, options, id = "") => {
        showRevocation(context, await context.admin.runs.revoke(id, given({ reason: options["reason"] })));
      }),
    );
  program
    .command("agents")
    .description("the agents of all crews")
    .command("revoke <agent-id>")
    .description("revoke every vault key of an agent")
    .option("--reason <text>")
    .action(
      run(async (context, options, id = "") => {
        showRevocation(context, await context.admin.agents.revoke(id, given({ reason: options["reason"] })));
      }),
    );
}

function showRevocation(context: Context, revocation: Revocation): void {
  if (context.isJson) return context.json(revocation);
  const { revoked, vault_key_ids: ids } = revocation;
  context.line(`revoked ${revoked} vault ${revoked === 1 ? "key" : "keys"}`);
  for (const id of ids) context.line(`  ${id}`);
}
