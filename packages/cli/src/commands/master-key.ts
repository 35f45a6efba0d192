import type { MasterKeyState } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";

/** `keybrake master-key …`: the key under which everything is sealed. */
export function addMasterKey(program: Command, run: Run): void {
  const masterKey = program.command("master-key").description("the key under which everything is sealed");
  masterKey
    .command("status")
    .description("show which master key seals, and how far a change of it has come")
    .action(run(async (context) => show(context, await context.admin.masterKey.get())));
  masterKey
    .command("rotate")
    .description(
      "seal everything under the configured master key; every replica must have it. May be repeated",
    )
    .action(run(async (context) => show(context, await context.admin.masterKey.rotate())));
}

function show(context: Context, state: MasterKeyState): void {
  const isUnfinished = state.begun_at !== null && state.finished_at === null;
  context.show(state, {
    "in use": state.active_id,
    before: state.previous_id ?? "",
    "this replica has": state.configured_ids.join(", "),
    change: isUnfinished
      ? `since ${state.begun_at}, ${state.remaining} to go`
      : (state.finished_at ?? "none yet"),
  });
}
