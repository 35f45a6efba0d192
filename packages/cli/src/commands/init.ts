import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { findTemplate, listTemplates, type Template, writeTemplate } from "../templates.ts";
import type { Column } from "../terminal.ts";

const COLUMNS: readonly Column<Template>[] = [
  { name: "TEMPLATE", value: ({ name }) => name },
  { name: "WHAT IT SHOWS", value: ({ description }) => description },
];

/** `keybrake init --template <name> [dir]`: a project to start from. */
export function addInit(program: Command, run: Run): void {
  program
    .command("init")
    .description("copy an example into a folder, to start a project from")
    .argument("[directory]", "where to; the template's name when it is left out")
    .option("--template <name>", "which one")
    .option("--list", "say which there are")
    .action(
      run(async (context, { template: name, list }, directory = name ?? "") => {
        if (list !== undefined) {
          const templates = listTemplates();
          const answer = templates.map(({ name, description }) => ({ name, description }));
          return context.list(answer, COLUMNS, templates);
        }
        if (name === undefined)
          throw new CliError(EXIT.usage, "give `--template`, or `--list` to see which there are");
        const files = writeTemplate(findTemplate(name), directory);
        if (context.isJson) return context.json({ directory, files });
        for (const file of files) context.line(`  ${file}`);
        context.line(`go to \`${directory}\` and read its README.md`);
      }),
    );
}
