import { Command, CommanderError } from "commander";
import { addAdminEvents } from "./commands/admin-events.ts";
import { addAlerts } from "./commands/alerts.ts";
import { addApply } from "./commands/apply.ts";
import { addAudit } from "./commands/audit.ts";
import { addBudgets } from "./commands/budgets.ts";
import { addCalls } from "./commands/calls.ts";
import { addDenials } from "./commands/denials.ts";
import { addEndpoints } from "./commands/endpoints.ts";
import { addInit } from "./commands/init.ts";
import { addKeys, addRevocations } from "./commands/keys.ts";
import { addKillSwitch } from "./commands/kill-switch.ts";
import { addLogin } from "./commands/login.ts";
import { addMasterKey } from "./commands/master-key.ts";
import { addPolicy } from "./commands/policy.ts";
import { addPrices } from "./commands/prices.ts";
import { addReconcile } from "./commands/reconcile.ts";
import { addRun } from "./commands/run.ts";
import { addSandbox } from "./commands/sandbox.ts";
import { addSecrets } from "./commands/secrets.ts";
import { addSpend } from "./commands/spend.ts";
import { addSql } from "./commands/sql.ts";
import { addTokens } from "./commands/tokens.ts";
import { addMigrate, addUp } from "./commands/up.ts";
import { createRun } from "./context.ts";
import { EXIT, type ExitCode, explainError } from "./exit.ts";
import { showText, type Terminal } from "./terminal.ts";

const VERSION = "0.1.0";
const ENVIRONMENT = `
Environment:
  KEYBRAKE_URL               the control plane (http://127.0.0.1:8788)
  KEYBRAKE_ADMIN_TOKEN       the admin token; KEYBRAKE_ADMIN_TOKEN_FILE names a file that holds it
  KEYBRAKE_DATA_URL          the data plane, for \`run\` (http://127.0.0.1:8787)
  KEYBRAKE_DATA_DIR          where the server keeps a generated token (./.keybrake)

Exit codes: 0 done, 1 refused or failed, 2 called wrongly, 3 nobody answered`;

/** Runs one command line (without the program's own name); resolves with its exit code and never rejects. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  process.exitCode = EXIT.ok;
  try {
    await createProgram(terminal).parseAsync([...args], { from: "user" });
    return Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return exitOfCommander(error);
    const { lines, exitCode } = explainError(error);
    for (const line of lines) terminal.stderr.write(`keybrake: ${showText(line)}\n`);
    return exitCode;
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command("keybrake")
    .description("operate a Keybrake installation")
    .version(VERSION)
    .option("--url <url>", "the control plane's address")
    .option("--token-file <file>", "a file that holds the admin token")
    .option("--json", "the API's own JSON, for programs")
    .addHelpText("after", ENVIRONMENT)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) =>
        write(
          `keybrake: ${text
            .replace(/^error: /, "")
            .trim()
            .replaceAll("\n", " ")}\n`,
        ),
    });
  const run = createRun(terminal);
  addUp(program, run);
  addRun(program, run);
  addInit(program, run);
  addSandbox(program, run);
  addMigrate(program, run);
  addSecrets(program, run, terminal);
  addKeys(program, run, terminal);
  addRevocations(program, run);
  addKillSwitch(program, run);
  addCalls(program, run);
  addDenials(program, run);
  addEndpoints(program, run);
  addSpend(program, run);
  addBudgets(program, run);
  addSql(program, run);
  addPolicy(program, run, terminal);
  addMasterKey(program, run);
  addLogin(program, run);
  addTokens(program, run);
  addAdminEvents(program, run);
  addAudit(program, run);
  addAlerts(program, run, terminal);
  addPrices(program, run);
  addReconcile(program, run);
  addApply(program, run, terminal);
  return program;
}

/** Help and the version are answers; everything else that commander refuses is a wrong call. */
function exitOfCommander(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
