import type { ListSpend, Spend } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import type { Column } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const columnsFor = (group: string): readonly Column<Spend>[] => [
  { name: group.toUpperCase(), value: ({ group: name }) => name ?? "(unknown)" },
  { name: "MODE", value: ({ mode }) => mode },
  { name: "CALLS", value: ({ calls }) => calls, align: "right" },
  { name: "DENIED", value: ({ denied }) => denied, align: "right" },
  { name: "HELD USD", value: ({ reserved_usd: usd }) => usd, align: "right" },
  { name: "COST USD", value: ({ cost_usd: usd }) => usd, align: "right" },
];

/** `keybrake spend`: who spent what. */
export function addSpend(program: Command, run: Run): void {
  withPage(program.command("spend"))
    .description("what was spent, in the last 30 days unless told otherwise")
    .option("--by <group>", "agent_id, vault_key_id, crew_run_id, vendor, endpoint or day", "agent_id")
    .option("--from <instant>", "this instant or day (UTC) and later")
    .option("--to <instant>", "before this instant or day (UTC)")
    .action(
      run(async (context, options) => {
        const { by = "agent_id", from, to } = options;
        const query = { group_by: by as ListSpend["group_by"], ...given({ from, to }), ...readPage(options) };
        const page = await context.admin.spend.list(query);
        context.list(page, columnsFor(by), page.data);
        noteMore(context, page);
      }),
    );
}
