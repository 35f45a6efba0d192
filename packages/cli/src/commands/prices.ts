import type { Command } from "commander";
import type { Run } from "../context.ts";

/** `keybrake prices refresh`: a price table with what Twilio's own pricing API says. */
export function addPrices(program: Command, run: Run): void {
  program
    .command("prices")
    .description("what vendors cost whose answers state no price")
    .command("refresh")
    .description(
      "print the price table with Twilio's own prices, for the file of KEYBRAKE_TWILIO_PRICES_FILE",
    )
    .requiredOption("--secret <name>", "a credential of Twilio's")
    .requiredOption("--countries <list>", "two-letter countries with commas between, as US,CA,GB")
    .action(
      run(async (context, options) => {
        const { secret = "", countries = "" } = options;
        const { table, problems } = await context.admin.prices.refresh({
          secret,
          countries: countries.split(","),
        });
        context.json(table);
        for (const problem of problems) context.note(problem);
      }),
    );
}
