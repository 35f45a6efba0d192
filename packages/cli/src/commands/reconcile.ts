import { KeybrakeApiError, type Reconcile, type ReconcileReport } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT, explainError } from "../exit.ts";
import { type Column, renderTable } from "../terminal.ts";
import { given } from "./page.ts";

type Entry<Name extends "lost" | "bypass" | "differences" | "unknown"> =
  ReconcileReport[Name]["entries"][number];

const LOST: readonly Column<Entry<"lost">>[] = [
  { name: "CALL", value: ({ call_id: id }) => id },
  { name: "AGENT", value: ({ agent_id: agent }) => agent },
  { name: "ENDPOINT", value: ({ endpoint }) => endpoint },
  { name: "OBJECT", value: ({ vendor_object_id: id }) => id },
  { name: "COST USD", value: ({ cost_usd: usd }) => usd, align: "right" },
];
const BYPASS: readonly Column<Entry<"bypass">>[] = [
  { name: "AT", value: ({ at }) => at },
  { name: "SECRET", value: ({ secret }) => secret },
  { name: "WHAT", value: ({ what }) => what },
  { name: "OBJECT", value: ({ vendor_object_id: id }) => id },
  { name: "AMOUNT", value: ({ amount }) => amount, align: "right" },
  { name: "CURRENCY", value: ({ currency }) => currency },
];
const DIFFERENCES: readonly Column<Entry<"differences">>[] = [
  { name: "OBJECT", value: ({ vendor_object_id: id }) => id },
  { name: "CALL", value: ({ call_id: id }) => id },
  { name: "LEDGER", value: ({ ledger_amount: amount, ledger_usd: usd }) => usd ?? amount, align: "right" },
  { name: "VENDOR", value: ({ vendor_amount: amount, vendor_usd: usd }) => usd ?? amount, align: "right" },
  { name: "CURRENCY", value: ({ currency }) => currency },
];
const UNKNOWN: readonly Column<Entry<"unknown">>[] = [
  { name: "CALL", value: ({ call_id: id }) => id },
  { name: "ENDPOINT", value: ({ endpoint }) => endpoint },
  { name: "HELD USD", value: ({ reserved_usd: usd }) => usd, align: "right" },
  { name: "VERDICT", value: ({ verdict, applied }) => (applied ? `${verdict}, applied` : verdict) },
  { name: "COST USD", value: ({ cost_usd: usd }) => usd, align: "right" },
  { name: "WHY", value: ({ reason }) => reason },
];

/** `keybrake reconcile`: does the vendor's own account of a day fit the audit log? */
export function addReconcile(program: Command, run: Run): void {
  program
    .command("reconcile")
    .description("compare a day with the vendor's own records; exits 1 when something was found")
    .requiredOption("--vendor <vendor>", "stripe, twilio or resend")
    .requiredOption("--day <day>", "a UTC day, as 2026-11-22")
    .option("--secret <name>", "only this secret")
    .option("--apply", "settle and release the unknown calls that the vendor's records decide")
    .action(
      run(async (context, options) => {
        const { vendor, day = "", secret, apply } = options;
        const body = { vendor: vendor as Reconcile["vendor"], day, ...given({ secret }) };
        const report = await context.admin
          .reconcile({ ...body, apply: apply !== undefined })
          .catch((error: unknown) => {
            throw asError(error);
          });
        if (context.isJson) context.json(report);
        else show(context, report);
        if (report.clean) return;
        const { lost, bypass, differences, unknown } = report;
        throw new CliError(
          EXIT.failed,
          `found: ${lost.count} lost, ${bypass.count} bypassed, ${differences.count} differences, ${unknown.count} unknown`,
        );
      }),
    );
}

/** A refusal is no finding: scripts must be able to tell them apart. */
function asError(error: unknown): unknown {
  if (!(error instanceof KeybrakeApiError)) return error;
  return new CliError(
    error.status < 500 ? EXIT.usage : EXIT.unreachable,
    explainError(error).lines.join("; "),
  );
}

function show(context: Context, report: ReconcileReport): void {
  const { calls, records, pages, complete } = report;
  context.line(`${report.vendor} ${report.day}: ${calls} calls, ${records} records in ${pages} reads`);
  context.line(`spent by the ledger: ${report.ledger_total_usd} USD`);
  if (report.vendor_total_usd !== null)
    context.line(`charged by the vendor, for everything: ${report.vendor_total_usd} USD`);
  if (!complete)
    context.note("the vendor has more records than were read: what is missing there was not judged");
  section(context, "lost: settled, and unknown to the vendor", LOST, report.lost);
  section(context, "bypass: at the vendor, and explained by no call", BYPASS, report.bypass);
  section(context, "differences: another amount at the vendor", DIFFERENCES, report.differences);
  section(context, "unknown: calls without an outcome", UNKNOWN, report.unknown);
}

function section<Row>(
  context: Context,
  title: string,
  columns: readonly Column<Row>[],
  { count, entries }: { readonly count: number; readonly entries: readonly Row[] },
): void {
  if (count === 0) return;
  const shown = count === entries.length ? `${count}` : `${entries.length} of ${count}`;
  context.line(`\n${title} (${shown})\n${renderTable(columns, entries)}`);
}
