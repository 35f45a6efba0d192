#!/usr/bin/env node
import { createAdminClient } from "@keybrake/client";
import { findAdminAddress, showText } from "@keybrake/client/command-line";
import { Command } from "commander";
import { describeRun, type RunOptions, runCrew } from "./command.ts";

/** The longest that one request of ours may take: they are small, and a person waits. */
const TIMEOUT_MS = 5_000;
const CANNOT_START = 2;

const program = new Command("keybrake-crewai").description("run a crew with vault keys");
describeRun(program.command("run")).action(async (words: string[], options: RunOptions) => {
  const admin = createAdminClient({ ...findAdminAddress(process.env), timeoutMs: TIMEOUT_MS });
  process.exitCode = await runCrew(admin, process, words, options);
});

try {
  await program.parseAsync();
} catch (error) {
  const { message, problems = [message] } = error as Error & { readonly problems?: readonly string[] };
  for (const problem of problems) process.stderr.write(`keybrake: ${showText(problem)}\n`);
  process.exitCode = CANNOT_START;
}
