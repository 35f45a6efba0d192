import type { Command } from "commander";
import type { Run } from "../context.ts";

/** `keybrake sql`: one read-only query over the audit log and the ledger. */
export function addSql(program: Command, run: Run): void {
  program
    .command("sql <query>")
    .description(
      "run one read-only query, such as \"SELECT * FROM calls WHERE metadata->>'agent_id' = 'billing_agent'\"",
    )
    .action(
      run(async (context, _options, query = "") => {
        const result = await context.admin.sql.query(query);
        const columns = result.columns.map((name) => ({
          name,
          value: (row: Record<string, unknown>) => row[name],
        }));
        context.list(result, columns, result.rows);
        if (result.truncated) context.note(`there are more than ${result.rows.length} rows: add a LIMIT`);
      }),
    );
}
