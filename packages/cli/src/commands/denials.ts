import type { DenialCount, ListDenials } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import type { Column } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<DenialCount>[] = [
  { name: "MINUTE", value: ({ minute }) => minute },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "CODE", value: ({ code }) => code },
  { name: "RECORDED", value: ({ recorded }) => recorded, align: "right" },
  { name: "COUNTED", value: ({ counted }) => counted, align: "right" },
  { name: "KEY", value: ({ vault_key_id: key }) => key },
  { name: "REPLICA", value: ({ replica }) => replica },
];

/** `keybrake denials`: how often keys were refused, minute by minute. */
export function addDenials(program: Command, run: Run): void {
  withPage(program.command("denials"))
    .description("how often keys were refused, by minute: with a row each, and beyond that only counted")
    .option("--agent <agent-id>")
    .option("--key <vault-key-id>")
    .option("--vendor <vendor>")
    .option("--code <code>", "such as daily_cap_exceeded")
    .option("--from <instant>", "this instant or day (UTC) and later")
    .option("--to <instant>", "before this instant or day (UTC)")
    .action(
      run(async (context, options) => {
        const { agent, key, vendor, code, from, to } = options;
        const filter = given({ agent_id: agent, vault_key_id: key, vendor, code, from, to }) as ListDenials;
        const page = await context.admin.denials.list({ ...filter, ...readPage(options) });
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );
}
