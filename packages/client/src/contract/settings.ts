import { z } from "zod";
import { instant, vendor } from "./identifier.ts";

/** Where a value comes from: `environment` = its variable is set, `file` = a file in the data directory. */
export const SETTING_SOURCES = ["environment", "file", "default"] as const;

/** One setting: what is in force, where that comes from, and by which variable it is set. */
function settingOf<Value extends z.ZodType>(value: Value) {
  return z.object({ value, source: z.enum(SETTING_SOURCES), variable: z.string() });
}

const table = { source: z.enum(SETTING_SOURCES), variable: z.string() };

/** What is in force at the replica that answers. No secret stands in it, and no address that could hold one. */
export const settingsSchema = z
  .object({
    version: z.string(),
    replica: z.string().describe("the one that answers: its environment is what is told here"),
    replicas: z
      .array(z.object({ name: z.string(), version: z.string(), started_at: instant }))
      .describe("those that live, by the database's clock, the longest-lived first"),
    database: z.object({
      kind: z.enum(["embedded", "postgresql"]),
      version: z.string().describe("of the engine, such as `15.8`"),
      restricted_role: z
        .boolean()
        .describe("whether the server's role could not change the audit log itself"),
    }),
    redis: z.boolean().describe("whether one is configured; nothing depends on it"),
    sandbox: z.boolean().describe("whether built-in vendors stand in for real ones"),
    data_plane_url: settingOf(z.string()).describe("where agents reach the proxy"),
    retention_days: settingOf(z.int()),
    monthly_request_limit: settingOf(z.int().nullable()).extend({
      used: z
        .int()
        .min(0)
        .nullable()
        .describe("requests of this month; null without a limit, when nobody counts"),
      resets_at: instant,
    }),
    vendors: z.array(
      z.object({
        vendor,
        upstream: z.enum(["vendor", "sandbox", "other"]),
        requests_per_second: settingOf(z.number().nullable()).extend({
          live: z.number().nullable().describe("what holds for a live secret without a pace of its own"),
          test: z.number().nullable(),
        }),
      }),
    ),
    currency_rates: z.object({
      ...table,
      as_of: z.iso.date().nullable().describe("null for the built-in table, which knows dollars only"),
      max_age_days: z.int().nullable(),
      markup_bps: z.int(),
      currencies: z.array(z.string()).describe("besides `usd`"),
    }),
    price_tables: z.array(z.object({ ...table, vendor, as_of: z.iso.date() })),
    checkpoint_file: settingOf(z.boolean()).describe(
      "whether signed chain heads are kept outside the database",
    ),
    reconcile_hour: settingOf(z.int().nullable()).describe("UTC; null = only when asked"),
    follow_up_seconds: settingOf(z.int()),
    alert_private_hosts: settingOf(z.array(z.string())).describe(
      "hosts without a public address, or without https, to which alerts may go",
    ),
  })
  .meta({ id: "Settings" });

export type Settings = z.infer<typeof settingsSchema>;
