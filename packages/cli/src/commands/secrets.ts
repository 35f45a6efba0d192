import type { Secret } from "@keybrake/client";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { readSecretValue } from "../input.ts";
import type { Column, Terminal } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<Secret>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "VENDOR", value: ({ vendor }) => vendor },
  { name: "MODE", value: ({ mode }) => mode },
  { name: "ACCOUNT", value: ({ account_id: id }) => id },
  { name: "VERSION", value: ({ version }) => version, align: "right" },
  { name: "CREATED", value: ({ created_at: at }) => at },
  { name: "ROTATED", value: ({ rotated_at: at }) => at },
  { name: "PER SECOND", value: ({ effective_requests_per_second: pace }) => pace ?? "-", align: "right" },
];

function readPace(text: string): number {
  if (/^[0-9]{1,6}(?:\.[0-9]{1,3})?$/.test(text) && Number(text) > 0) return Number(text);
  throw new CliError(EXIT.usage, "requests per second must be a number above 0");
}

/** `keybrake secrets …`: the vendors' real credentials. */
export function addSecrets(program: Command, run: Run, terminal: Terminal): void {
  const secrets = program.command("secrets").description("the vendors' real credentials");

  secrets
    .command("add <name>")
    .description("store a credential; its value comes from stdin or a file")
    .option("--vendor <vendor>", "whose credential it is", "stripe")
    .option("--account-id <id>", "the account it belongs to")
    .option("--test", "a credential that moves no money (Stripe's say so themselves)")
    .option("--value-file <file>", "a file that holds nothing but the value")
    .option("--requests-per-second <number>", "how fast the vendor may be asked with it")
    .action(
      run(async (context, options, name = "") => {
        const { vendor = "", accountId, valueFile, test, requestsPerSecond } = options;
        const value = await readSecretValue(terminal, valueFile);
        const rest = given({
          account_id: accountId,
          mode: test === undefined ? undefined : ("test" as const),
          requests_per_second: requestsPerSecond === undefined ? undefined : readPace(requestsPerSecond),
        });
        const body = { name, vendor: vendor as Secret["vendor"], value, ...rest };
        const secret = await context.admin.secrets.create(body);
        if (context.isJson) context.json(secret);
        else context.line(`stored secret ${secret.name}`);
      }),
    );

  secrets
    .command("rotate <name>")
    .description("replace a credential's value; it comes from stdin or a file")
    .option("--value-file <file>", "a file that holds nothing but the value")
    .action(
      run(async (context, { valueFile }, name = "") => {
        const value = await readSecretValue(terminal, valueFile);
        const secret = await context.admin.secrets.rotate(name, { value });
        if (context.isJson) context.json(secret);
        else context.line(`secret ${secret.name} is at version ${secret.version}`);
      }),
    );

  secrets
    .command("pace <name> <requests-per-second>")
    .description(
      "change how fast the vendor may be asked with a credential; `default` = as the vendor documents it",
    )
    .action(
      run(async (context, _options, name = "", pace = "") => {
        const requestsPerSecond = pace === "default" ? null : readPace(pace);
        const secret = await context.admin.secrets.update(name, { requests_per_second: requestsPerSecond });
        if (context.isJson) context.json(secret);
        else
          context.line(
            `secret ${secret.name}: ${secret.effective_requests_per_second ?? "any number of"} requests a second`,
          );
      }),
    );

  withPage(secrets.command("list"))
    .description("list secrets, without their values")
    .action(
      run(async (context, options) => {
        const page = await context.admin.secrets.list(readPage(options));
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );

  secrets
    .command("delete <name>")
    .description("erase a credential; its vault keys stop working at once")
    .action(
      run(async (context, _options, name = "") => {
        await context.admin.secrets.delete(name);
        if (!context.isJson) context.line(`deleted secret ${name}`);
      }),
    );
}
