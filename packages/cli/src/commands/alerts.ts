import {
  type Alert,
  type AlertChannel,
  type CreateAlertChannel,
  eachItem,
  type ListAlerts,
} from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { readSecretValue } from "../input.ts";
import type { Column, Terminal } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<Alert>[] = [
  { name: "RAISED", value: ({ raised_at: at }) => at },
  { name: "SEVERITY", value: ({ severity }) => severity },
  { name: "KIND", value: ({ kind }) => kind },
  { name: "TITLE", value: ({ title }) => title },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "SENT", value: ({ deliveries }) => deliveries.map(describeDelivery).join(", ") },
];
const CHANNEL_COLUMNS: readonly Column<AlertChannel>[] = [
  { name: "NAME", value: ({ name }) => name },
  { name: "KIND", value: ({ kind }) => kind },
  { name: "TO", value: ({ origin }) => origin },
  { name: "EVENTS", value: ({ events }) => (events.length === 0 ? "all" : events.join(", ")) },
  { name: "FROM", value: ({ min_severity: severity }) => severity },
  { name: "ENABLED", value: ({ enabled }) => (enabled ? "yes" : "no") },
  { name: "PENDING", value: ({ pending }) => pending, align: "right" },
  { name: "LAST", value: ({ last_delivery: last }) => last && (last.last_error ?? last.state) },
  { name: "ID", value: ({ id }) => id },
];

/** `keybrake alerts …`: what an operator should look at, and where that is told. */
export function addAlerts(program: Command, run: Run, terminal: Terminal): void {
  const alerts = program
    .command("alerts")
    .description("what an operator should look at, and where that is told");

  withPage(alerts.command("list", { isDefault: true }))
    .description("list alerts and where they were sent, newest first; also without `list`")
    .option("--kind <kind>", "such as budget_threshold or unknown_calls")
    .option("--severity <severity>", "info, warning or critical")
    .option("--agent <agent-id>")
    .option("--from <time>", "this instant or day and later")
    .option("--to <time>", "before this instant or day")
    .action(
      run(async (context, options) => {
        const { kind, severity, agent, from, to } = options;
        const filter = given({ kind, severity, agent_id: agent, from, to }) as ListAlerts;
        const page = await context.admin.alerts.list({ ...filter, ...readPage(options) });
        context.list(page, COLUMNS, page.data);
        noteMore(context, page);
      }),
    );
  addChannels(alerts, run, terminal);
}

function addChannels(alerts: Command, run: Run, terminal: Terminal): void {
  const channels = alerts.command("channels").description("where alerts are sent");

  channels
    .command("add <name>")
    .description("send alerts to a URL, which comes from stdin or a file")
    .option("--kind <kind>", "webhook (signed JSON) or slack (and what takes Slack's messages)", "webhook")
    .option("--events <kinds>", "only these, separated by commas: budget_threshold,kill_switch")
    .option("--min-severity <severity>", "info, warning or critical", "info")
    .option("--url-file <file>", "a file that holds nothing but the URL")
    .action(
      run(async (context, options, name = "") => {
        const { kind, events, minSeverity, urlFile } = options;
        const body = {
          name,
          kind,
          url: await readSecretValue(terminal, urlFile),
          ...given({ events: events?.split(","), min_severity: minSeverity }),
        };
        const created = await context.admin.alertChannels.create(body as CreateAlertChannel);
        context.show(created, {
          id: created.id,
          to: created.origin,
          ...(created.signing_secret === null ? {} : { "signing secret": created.signing_secret }),
        });
        if (created.signing_secret !== null)
          context.note("keep the signing secret now: it cannot be shown again");
      }),
    );

  withPage(channels.command("list"))
    .description("list where alerts are sent, without the addresses")
    .action(
      run(async (context, options) => {
        const page = await context.admin.alertChannels.list(readPage(options));
        context.list(page, CHANNEL_COLUMNS, page.data);
        noteMore(context, page);
      }),
    );

  channels
    .command("remove <name>")
    .description("send no more alerts there, and erase the address; a name or an id")
    .action(
      run(async (context, _options, name = "") => {
        const channel = await findChannel(context, name);
        await context.admin.alertChannels.delete(channel.id);
        if (!context.isJson) context.line(`removed alert channel ${channel.name}`);
      }),
    );

  channels
    .command("test <name>")
    .description("send a test alert there, now and once; a name or an id")
    .action(
      run(async (context, _options, name = "") => {
        const tested = await context.admin.alertChannels.test((await findChannel(context, name)).id);
        if (!tested.delivered) process.exitCode = EXIT.failed;
        if (context.isJson) return context.json(tested);
        const outcome = tested.delivered ? `answered ${tested.status}` : `not delivered: ${tested.error}`;
        context.line(`${outcome} (${tested.took_ms} ms)`);
      }),
    );
}

function describeDelivery({
  channel,
  state,
  attempts,
  last_error: error,
}: Alert["deliveries"][number]): string {
  if (state === "delivered") return channel;
  return `${channel}: ${state} after ${attempts} attempt(s)${error === null ? "" : `, ${error}`}`;
}

async function findChannel(context: Context, nameOrId: string): Promise<AlertChannel> {
  for await (const channel of eachItem(context.admin.alertChannels.list, {}))
    if (channel.name === nameOrId || channel.id === nameOrId) return channel;
  throw new CliError(EXIT.failed, `there is no alert channel \`${nameOrId}\``);
}
