import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";

/** `keybrake audit verify`: is the audit log what it was when it was written? */
export function addAudit(program: Command, run: Run): void {
  program
    .command("audit")
    .description("the audit log's own evidence")
    .command("verify")
    .description("recompute the whole chain and compare it with the calls; exits 1 when something is wrong")
    .action(
      run(async (context) => {
        const report = await context.admin.audit.verify();
        if (context.isJson) context.json(report);
        else if (report.ok) context.line(`sound: ${report.links} links, ${report.calls} calls`);
        if (report.first_problem === null) return;
        const { epoch, seq, problem } = report.first_problem;
        const where = epoch === null ? "" : `epoch ${epoch}, link ${seq}: `;
        throw new CliError(EXIT.failed, `the audit log is not sound: ${where}${problem}`);
      }),
    );
}
