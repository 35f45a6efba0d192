import { z } from "zod";
import { secretName } from "./identifier.ts";

export const refreshPricesBody = z.strictObject({
  secret: secretName.describe("a credential of Twilio's, with which its pricing API is asked"),
  countries: z
    .array(z.string().regex(/^[A-Z]{2}$/, { error: "must be a two-letter country, as `US`" }))
    .min(1)
    .max(50),
});

export const refreshedPricesSchema = z
  .object({
    table: z.record(z.string(), z.unknown()).describe("the content of KEYBRAKE_TWILIO_PRICES_FILE"),
    problems: z.array(z.string()).describe("what could not be read, and stays as it was"),
  })
  .meta({ id: "RefreshedPrices" });

export type RefreshPrices = z.input<typeof refreshPricesBody>;
export type RefreshedPrices = z.infer<typeof refreshedPricesSchema>;
