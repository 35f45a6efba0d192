import { runProgram, StopSignals } from "@keybrake/crewai-bridge/command";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { openSandboxServer, type SandboxServer } from "../sandbox-server.ts";

/** `keybrake sandbox -- <command>`: tries something out against a server that is gone afterwards. */
export function addSandbox(program: Command, run: Run): void {
  program
    .command("sandbox")
    .description(
      "run a command against a throwaway server with fake vendors, or the one that KEYBRAKE_URL names",
    )
    .argument("<command...>", "the program and its arguments, behind `--`")
    .action(
      run(async (context, _options, command = "", ...args) => {
        const { terminal } = context;
        const signals = new StopSignals();
        let server: SandboxServer | null = null;
        try {
          if (!terminal.env["KEYBRAKE_URL"]) server = await openSandboxServer(terminal.env);
          const environment = { ...terminal.env, ...server?.environment };
          const { exitCode, problem } = await runProgram({ command, args, environment, signals });
          if (problem !== null) context.note(problem);
          process.exitCode = exitCode;
        } finally {
          await server?.stop();
          signals.close();
        }
      }),
    );
}
