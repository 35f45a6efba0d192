import type { AdminClient } from "@keybrake/client";
import { AGENT_VARIABLES } from "@keybrake/client";
import { createChildEnvironment } from "./child-environment.ts";
import { type Crew, readCrew } from "./crew.ts";
import { type CrewRun, type OpenCrewRun, openCrewRun } from "./crew-run.ts";
import { checkDotenv } from "./dotenv-file.ts";
import { describeUnrevoked } from "./issued-key.ts";
import { readManifestFile } from "./manifest-file.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { runProgram } from "./program.ts";
import { readProject } from "./project.ts";
import { findPythonPreload } from "./python-preload.ts";
import { readCrewRunId } from "./run-id.ts";
import { nameKeys, sharedVariables } from "./run-variables.ts";
import { readSpend, renderSpend } from "./spend.ts";
import { StopSignals } from "./stop-signals.ts";

/** What is to be run, where, and with whose help. */
export interface LaunchOptions {
  readonly admin: AdminClient;
  readonly dataUrl: string;
  /** The crew's project, in which its program starts. */
  readonly directory: string;
  /** The manifest's name, from there. */
  readonly manifest: string;
  readonly crewRunId?: string | undefined;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tells a person one line, which may hold what a stranger wrote. */
  readonly tell: (line: string) => void;
}

/** How long a crew that was asked to end may still use its keys. Supervisors kill after ten seconds or more. */
const REVOKE_AFTER_MS = 5_000;
/** Everything is revoked or the program ended well; a program that did cannot hide that keys are left. */
const KEYS_LEFT = 3;

/**
 * Runs a crew's program with a vault key per agent and vendor, and revokes them when it has ended, however it ended.
 * Resolves with the exit code of the program as a shell tells it; with 3 when that is 0 but keys could not be revoked.
 * Rejects, with nothing issued or everything revoked, when the run cannot start.
 */
export async function launchCrew(options: LaunchOptions): Promise<number> {
  const { directory, tell } = options;
  const signals = new StopSignals();
  try {
    const crew = readCrew(directory);
    const plan = planRun(readManifestFile(directory, options.manifest), crew, options.manifest);
    const crewRunId = readCrewRunId(options.crewRunId);
    const variables = [
      ...Object.keys(sharedVariables(options.dataUrl, crewRunId)),
      AGENT_VARIABLES.twilioAccount,
      ...nameKeys(plan.agents, plan.keyless).values(),
    ];
    const { dotenvWins: wins } = readProject(directory);
    for (const remark of checkDotenv({ directory, wins, variables })) tell(remark);
    if (options.crewRunId !== undefined) await tellOfEarlierKeys(options, crewRunId);
    const { admin, dataUrl } = options;
    const { agents, keyless: otherAgents } = plan;
    const open = await openCrewRun({ admin, dataUrl, agents, otherAgents, crewRunId });
    return await runOpen(options, { open, signals, crew, plan });
  } finally {
    signals.close();
  }
}

interface Opened {
  readonly open: OpenCrewRun;
  readonly signals: StopSignals;
  readonly crew: Crew | null;
  readonly plan: RunPlan;
}

async function runOpen(options: LaunchOptions, { open, signals, crew, plan }: Opened): Promise<number> {
  const { tell, command, args, directory } = options;
  const late = revokeWhenStopped(open, signals, tell);
  let exitCode: number;
  let isDone = false;
  try {
    tellOfStart(tell, open.run, plan, crew);
    const environment = await prepareEnvironment(options, open.run, crew);
    const end = await runProgram({ command, args, environment, signals, directory });
    if (end.problem !== null) tell(end.problem);
    exitCode = end.exitCode;
  } finally {
    late.cancel();
    isDone = await tellOfEnd(options, open);
  }
  return exitCode === 0 && !isDone ? KEYS_LEFT : exitCode;
}

/** A program that does not end when it is asked to keeps running, but not with its keys. */
function revokeWhenStopped(
  { end }: OpenCrewRun,
  signals: StopSignals,
  tell: LaunchOptions["tell"],
): { cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ignore = signals.listen(() => {
    timer ??= setTimeout(() => {
      void end().then(({ isDone }) => {
        if (isDone) tell("the program has not ended yet; its vault keys are revoked");
      });
    }, REVOKE_AFTER_MS);
  });
  return {
    cancel: () => {
      clearTimeout(timer);
      ignore();
    },
  };
}

async function prepareEnvironment(
  { directory, environment, tell }: LaunchOptions,
  run: CrewRun,
  crew: Crew | null,
): Promise<Readonly<Record<string, string>>> {
  const agentId = environment[AGENT_VARIABLES.agentId];
  // A program of one agent says by this which; a name that is none of ours would contradict the keys.
  const isOurs = run.keys.some((key) => key.agentId === agentId);
  const additions = {
    ...run.environment,
    ...(isOurs && agentId ? { [AGENT_VARIABLES.agentId]: agentId } : {}),
  };
  const { variables } = createChildEnvironment(environment, { run: additions, pythonPreload: null });
  const pythonPreload = await findPythonPreload(directory, variables);
  if (pythonPreload === null && crew !== null)
    tell(
      "the Python package was not found, so the crew's own code must read each agent's variable: pip install keybrake-crewai",
    );
  const child = createChildEnvironment(environment, { run: additions, pythonPreload });
  if (child.withheld.length > 0) tell(`withheld from the crew: ${child.withheld.join(", ")}`);
  return child.variables;
}

/** A run's keys end together, whoever issued them. */
async function tellOfEarlierKeys({ admin, tell }: LaunchOptions, crewRunId: string): Promise<void> {
  const { data } = await admin.vaultKeys.list({ crew_run_id: crewRunId, status: "active", limit: 1_000 });
  if (data.length > 0)
    tell(`run ${crewRunId} has ${data.length} vault keys already: they will be revoked with this run`);
}

function tellOfStart(tell: LaunchOptions["tell"], run: CrewRun, plan: RunPlan, crew: Crew | null): void {
  tell(`run ${run.crewRunId}`);
  for (const { agentId, vendor, variable, expiresAt } of run.keys)
    tell(`  ${agentId} has ${variable} for ${vendor} until ${expiresAt?.toISOString() ?? "it is revoked"}`);
  for (const agentId of plan.keyless) tell(`  ${agentId} gets no key`);
  for (const name of plan.nameless) tell(`  ${name} gets no key: no id can be made of this name`);
  if (crew === null) tell("  there is no crew to compare the agents with: a misspelled name is not noticed");
}

async function tellOfEnd({ admin, tell }: LaunchOptions, { run, end }: OpenCrewRun): Promise<boolean> {
  const { isDone, unrevoked, problem } = await end();
  tell(
    isDone
      ? `run ${run.crewRunId} has ended, its vault keys are revoked`
      : `run ${run.crewRunId} has ended: ${problem}`,
  );
  for (const key of unrevoked) tell(describeUnrevoked(key));
  try {
    for (const line of renderSpend(await readSpend(admin, run.keys)).split("\n")) tell(line);
  } catch (error) {
    tell(`what it spent is not known: ${error instanceof Error ? error.message : String(error)}`);
  }
  return isDone;
}
