import type { AdminToken, CreateAdminToken } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import type { Column } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<AdminToken>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "NAME", value: ({ name }) => name },
  { name: "ROLE", value: ({ role }) => role },
  { name: "CREATED", value: ({ created_at: at }) => at },
  { name: "EXPIRES", value: ({ expires_at: at }) => at },
  { name: "REVOKED", value: ({ revoked_at: at }) => at },
];

/** `keybrake tokens …`: who operates the installation. */
export function addTokens(program: Command, run: Run): void {
  const tokens = program.command("tokens").description("admin tokens: who operates the installation");

  tokens
    .command("create <name>")
    .description("create an admin token and show it, this once")
    .requiredOption("--role <role>", "auditor (looks), operator (also pulls the brake) or admin (everything)")
    .option("--expires-in <duration>", "such as 30d; otherwise it works until it is revoked")
    .action(
      run(async (context, { role = "", expiresIn }, name = "") => {
        const body = { name, role: role as CreateAdminToken["role"], ...given({ expires_in: expiresIn }) };
        const created = await context.admin.adminTokens.create(body);
        context.show(created, {
          id: created.id,
          "admin token": created.token,
          role: created.role,
          expires: created.expires_at ?? "never",
        });
        context.note("keep the admin token now: it cannot be shown again");
      }),
    );

  withPage(tokens.command("list"))
    .description("list admin tokens, newest first")
    .action(
      run(async (context, options) => {
        const page = await context.admin.adminTokens.list(readPage(options));
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );

  tokens
    .command("revoke <id>")
    .description("revoke an admin token, for good")
    .action(
      run(async (context, _options, id = "") => {
        await context.admin.adminTokens.revoke(id);
        if (!context.isJson) context.line(`revoked admin token ${id}`);
      }),
    );
}
