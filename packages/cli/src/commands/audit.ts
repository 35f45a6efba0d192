import type { AuditHistory, HistoryGap } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import type { Column } from "../terminal.ts";

const GAPS: readonly Column<HistoryGap>[] = [
  { name: "FOUND", value: ({ found_at: at }) => at },
  { name: "BY", value: ({ found_by: by }) => by },
  {
    name: "LOST BEFORE",
    value: ({ lost }) => lost.map(({ epoch, seq }) => `epoch ${epoch}, link ${seq}`).join("; "),
  },
  { name: "ACCEPTED", value: ({ accepted_at: at }) => at ?? "no: nothing goes out" },
  { name: "BY", value: ({ accepted_by: by }) => by },
  { name: "REASON", value: ({ reason }) => reason },
];

/** `keybrake audit …`: is the audit log what it was when it was written? */
export function addAudit(program: Command, run: Run): void {
  const audit = program.command("audit").description("the audit log's own evidence");

  audit
    .command("verify")
    .description("recompute the whole chain and compare it with the calls; exits 1 when something is wrong")
    .action(
      run(async (context) => {
        const report = await context.admin.audit.verify();
        if (context.isJson) context.json(report);
        else if (report.ok)
          context.line(`sound: ${report.links} links, ${report.calls} calls${showGaps(report.gaps)}`);
        if (report.first_problem === null) return;
        const { epoch, seq, problem } = report.first_problem;
        const where = epoch === null ? "" : `epoch ${epoch}, link ${seq}: `;
        throw new CliError(EXIT.failed, `the audit log is not sound: ${where}${problem}`);
      }),
    );

  audit
    .command("history")
    .description("show whether the database lacks history that was seen, and what was lost before")
    .action(run(async (context) => showHistory(context, await context.admin.audit.history())));

  audit
    .command("accept-history")
    .description("go on without history that was lost; a signed marker says who accepted it and why")
    .requiredOption("--reason <text>", "what happened, and how what was lost has been accounted for")
    .action(
      run(async (context, { reason = "" }) =>
        showHistory(context, await context.admin.audit.acceptHistory({ reason })),
      ),
    );
}

function showGaps(gaps: number): string {
  return gaps === 0 ? "" : `, ${gaps} accepted ${gaps === 1 ? "gap" : "gaps"} in history`;
}

function showHistory(context: Context, history: AuditHistory): void {
  context.list(history, GAPS, history.gaps);
}
