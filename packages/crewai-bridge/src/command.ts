import type { Writable } from "node:stream";
import { type AdminClient, AGENT_VARIABLES } from "@keybrake/client";
import { showText } from "@keybrake/client/command-line";
import type { Command } from "commander";
import { launchCrew } from "./launch.ts";

export { type ProgramEnd, type ProgramOptions, runProgram } from "./program.ts";
export { StopSignals } from "./stop-signals.ts";

const MANIFEST_DEFAULT = "keybrake.yaml";
const DATA_URL_DEFAULT = "http://127.0.0.1:8787";

const EXAMPLE = `
Example:
  run -- crewai run

The manifest gives each agent of the crew its vendors and policies, under \`agents\`. The program gets CREW_RUN_ID, a
variable with the vault key of each agent, and the addresses of the data plane (KEYBRAKE_DATA_URL, else
${DATA_URL_DEFAULT}) for the vendors' SDKs; it gets no vendor's real credential. When it ends, every key is revoked.

Exit code: the program's own; 128 and the signal's number when a signal ended it; 3 when it ended well but keys could
not be revoked.`;

/** What a person typed behind `run`. */
export interface RunOptions {
  readonly crew?: string | undefined;
  readonly runId?: string | undefined;
}

/** Gives a command the options and the help of `run`; the words behind them are the program to run. */
export function describeRun(command: Command): Command {
  return command
    .description("run a crew with a vault key per agent, and revoke them when it ends")
    .argument("<command...>", "the program and its arguments, behind `--`")
    .option("--crew <file>", "the manifest", MANIFEST_DEFAULT)
    .option("--run-id <id>", "the run's id; else CREW_RUN_ID, else a new one")
    .addHelpText("after", EXAMPLE);
}

/** The process that a run belongs to. */
export interface RunTerminal {
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs it in the current directory. Resolves with the exit code, and rejects when the run cannot start. */
export async function runCrew(
  admin: AdminClient,
  terminal: RunTerminal,
  words: readonly string[],
  { crew: manifest = MANIFEST_DEFAULT, runId }: RunOptions,
): Promise<number> {
  const [command = "", ...args] = words;
  const { env, stderr } = terminal;
  // A reader that is gone must not keep us from revoking: nothing that we write is worth more.
  stderr.on("error", () => undefined);
  return launchCrew({
    admin,
    dataUrl: env["KEYBRAKE_DATA_URL"] ?? DATA_URL_DEFAULT,
    directory: process.cwd(),
    manifest,
    crewRunId: runId ?? (env[AGENT_VARIABLES.crewRunId] || undefined),
    command,
    args,
    environment: env,
    tell: (line) => stderr.write(`keybrake: ${showText(line)}\n`),
  });
}
