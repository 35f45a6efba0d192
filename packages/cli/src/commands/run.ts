import { describeRun, runCrew } from "@keybrake/crewai-bridge/command";
import type { Command } from "commander";
import type { Run } from "../context.ts";

/** The longest that one request of ours may take: they are small, a person waits, and keys are to be revoked in time. */
const TIMEOUT_MS = 5_000;

/** `keybrake run -- <command>`: runs a crew with a vault key per agent, and ends with its exit code. */
export function addRun(program: Command, run: Run): void {
  describeRun(program.command("run")).action(
    run(async (context, options, ...words) => {
      const admin = context.connect({ timeoutMs: TIMEOUT_MS });
      process.exitCode = await runCrew(admin, context.terminal, words, options);
    }),
  );
}
