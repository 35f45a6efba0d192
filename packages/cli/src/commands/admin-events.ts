import type { AdminEvent, ListAdminEvents } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import type { Column } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<AdminEvent>[] = [
  { name: "AT", value: ({ at }) => at },
  { name: "WHO", value: ({ token_name: name }) => name },
  { name: "ROLE", value: ({ role }) => role },
  { name: "ACTION", value: ({ action }) => action },
  { name: "TARGET", value: ({ target }) => target },
  { name: "OUTCOME", value: ({ outcome, code }) => (code === null ? outcome : `${outcome} (${code})`) },
  { name: "DETAILS", value: ({ details }) => details },
];

/** `keybrake admin-events`: what operators did, and what they were refused. */
export function addAdminEvents(program: Command, run: Run): void {
  withPage(program.command("admin-events"))
    .description("what operators did and what they were refused, newest first")
    .option("--token <id>", "of one admin token")
    .option("--action <action>", "such as vault_key.revoke")
    .option("--target <target>", "what was acted on: an id or a name")
    .option("--outcome <outcome>", "begun, done, refused or failed")
    .option("--from <time>", "this instant or day and later")
    .option("--to <time>", "before this instant or day")
    .action(
      run(async (context, options) => {
        const { token, action, target, outcome, from, to } = options;
        const filter = given({ token_id: token, action, target, outcome, from, to }) as ListAdminEvents;
        const page = await context.admin.adminEvents.list({ ...filter, ...readPage(options) });
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );
}
