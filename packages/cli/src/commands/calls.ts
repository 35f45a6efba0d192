import type { Call, ListCalls } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import { type Column, showText } from "../terminal.ts";
import { given, noteMore, readPage, withPage } from "./page.ts";

const COLUMNS: readonly Column<Call>[] = [
  { name: "TIME", value: ({ requested_at: at }) => at },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "RUN", value: ({ crew_run_id: run }) => run },
  { name: "CALL", value: ({ method, path }) => `${method} ${path}` },
  { name: "STATE", value: ({ state, denial_code: code }) => code ?? state },
  { name: "STATUS", value: ({ status_code: status }) => status, align: "right" },
  { name: "USD", value: showCost, align: "right" },
  { name: "ID", value: ({ id }) => id },
];
const FILTERS = ["agent_id", "crew_run_id", "vault_key_id", "vendor", "state", "verdict"] as const;

/** `keybrake calls`: the audit log, as a table, a file, or live. */
export function addCalls(program: Command, run: Run): void {
  withPage(program.command("calls"))
    .description("the audit log, newest first")
    .option("--agent <agent-id>")
    .option("--run <crew-run-id>")
    .option("--key <vault-key-id>")
    .option("--vendor <vendor>")
    .option("--state <state>", "denied, reserved, unknown, settled or released")
    .option("--denied", "only calls that were refused")
    .option("--search <text>", "a part of the path or of the metadata")
    .option("--from <instant>", "this instant or day (UTC) and later")
    .option("--to <instant>", "before this instant or day (UTC)")
    .option("--csv", "every matching row as CSV")
    .option("--ndjson", "every matching row as one JSON object a line")
    .option("--follow", "calls as they happen, until interrupted")
    .action(
      run(async (context, options) => {
        const modes = ["csv", "ndjson", "follow"].filter((mode) => options[mode] !== undefined);
        if (modes.length > 1 && modes.join() !== "ndjson,follow")
          throw new CliError(EXIT.usage, "give one of --csv, --ndjson and --follow");
        const filter = readFilter(options);
        if (modes.includes("follow") && filter.q !== undefined)
          throw new CliError(EXIT.usage, "--search looks back: it cannot --follow");
        if (modes.includes("follow")) return followCalls(context, filter, modes.includes("ndjson"));
        if (modes[0] === "csv") return writeCsv(context, filter);
        if (modes[0] === "ndjson") return writeNdjson(context, filter);
        const page = await context.admin.calls.list({ ...filter, ...readPage(options) });
        context.list(page, COLUMNS, page.data);
        if (page.searched_to !== null) context.note(`looked at every call since ${page.searched_to}`);
        noteMore(context, page);
      }),
    );
}

function readFilter(options: Readonly<Record<string, string | undefined>>): ListCalls {
  const { agent, run, key, vendor, state, denied, search, from, to } = options;
  return given({
    agent_id: agent,
    crew_run_id: run,
    vault_key_id: key,
    vendor,
    state,
    verdict: denied === undefined ? undefined : "deny",
    q: search,
    from,
    to,
  }) as ListCalls;
}

async function writeCsv(context: Context, filter: ListCalls): Promise<void> {
  for await (const chunk of context.admin.calls.csv(filter)) await write(context, chunk);
}

async function writeNdjson(context: Context, filter: ListCalls): Promise<void> {
  for await (const call of context.admin.calls.ndjson(filter))
    await write(context, `${JSON.stringify(call)}\n`);
}

/** Waits for a slow reader of ours instead of filling the memory. */
async function write({ terminal }: Context, part: string | Uint8Array): Promise<void> {
  if (!terminal.stdout.write(part)) await new Promise((resolve) => terminal.stdout.once("drain", resolve));
}

/** Ends well when the person interrupts it. */
async function followCalls(context: Context, filter: ListCalls, asNdjson: boolean): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    for await (const { event, data } of context.admin.events({ signal: stop.signal })) {
      if (event === "skipped") context.note(`left out ${data.links} batches of calls`);
      if (
        event !== "call" ||
        FILTERS.some((name) => filter[name] !== undefined && filter[name] !== data[name])
      )
        continue;
      if (asNdjson || context.isJson) await write(context, `${JSON.stringify(data)}\n`);
      else await write(context, `${COLUMNS.map(({ value }) => showText(value(data)) || "-").join("  ")}\n`);
    }
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
  if (!stop.signal.aborted) throw new CliError(EXIT.unreachable, "the server ended the stream");
}

/** What an open call may still cost stands in parentheses. */
function showCost(call: Call): string {
  if (call.verdict === "deny") return "";
  return call.state === "reserved" || call.state === "unknown" ? `(${call.reserved_usd})` : call.cost_usd;
}
