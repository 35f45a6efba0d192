import type { Command } from "commander";
import type { Run } from "../context.ts";

/** `keybrake login`: a link that logs a browser in, once, without showing it the token. */
export function addLogin(program: Command, run: Run): void {
  program
    .command("login")
    .description("make a link that logs a browser into the console, once, within ten minutes")
    .action(
      run(async (context) => {
        const { code, expires_at } = await context.admin.loginCodes.create();
        const url = `${context.baseUrl}/#login=${code}`;
        if (context.isJson) context.json({ url, expires_at });
        else context.line(url);
      }),
    );
}
