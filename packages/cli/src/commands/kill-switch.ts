import type { KillSwitch } from "@keybrake/client";
import type { Command } from "commander";
import type { Context, Run } from "../context.ts";
import { given } from "./page.ts";

/** `keybrake kill-switch on|off|status`: the brake over everything. */
export function addKillSwitch(program: Command, run: Run): void {
  const killSwitch = program.command("kill-switch").description("the brake over everything");
  killSwitch
    .command("on")
    .description("allow no call of any key from now on")
    .option("--reason <text>")
    .action(
      run(async (context, options) => {
        const body = { engaged: true, ...given({ reason: options["reason"] }) };
        showKillSwitch(context, await context.admin.killSwitch.set(body));
      }),
    );
  killSwitch
    .command("off")
    .description("let the policies decide again")
    .option("--reason <text>")
    .action(
      run(async (context, options) => {
        const body = { engaged: false, ...given({ reason: options["reason"] }) };
        showKillSwitch(context, await context.admin.killSwitch.set(body));
      }),
    );
  killSwitch
    .command("status")
    .description("show whether it is engaged")
    .action(run(async (context) => showKillSwitch(context, await context.admin.killSwitch.get())));
}

function showKillSwitch(context: Context, state: KillSwitch): void {
  context.show(state, {
    "kill switch": state.engaged ? "ENGAGED: no call is allowed" : "off",
    reason: state.reason ?? "",
    since: state.changed_at ?? "",
  });
}
