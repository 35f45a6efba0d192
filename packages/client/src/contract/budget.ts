import { BUDGET_SCOPES, BUDGET_UNITS, BUDGET_WINDOWS, parseUsd } from "@keybrake/core";
import { z } from "zod";
import { agentId, amountText, crewRunId, instant, secretName } from "./identifier.ts";
import { pageQuery } from "./page.ts";

/** A cap and how much of it is used in its present window. Amounts are dollars for `usd`, else counts, as text. */
export const budgetSchema = z
  .object({
    id: z.string().regex(/^[0-9]+$/),
    scope: z.enum(BUDGET_SCOPES),
    value: z
      .string()
      .nullable()
      .describe("the key's id, the agent, the run or the secret's name; null for the installation"),
    window: z.enum(BUDGET_WINDOWS),
    unit: z.enum(BUDGET_UNITS),
    limit: amountText,
    used: amountText.describe("all that counts against the limit, holds included"),
    reserved: amountText.describe("the part of `used` that is held for calls without a final outcome"),
    remaining: amountText,
    test: z
      .object({ used: amountText, reserved: amountText, remaining: amountText })
      .nullable()
      .describe(
        "what test credentials used: they have the same limit in a window of their own; null for the budget of a key or a secret, which is of one kind, and for requests",
      ),
    resets_at: instant.nullable().describe("null for a total"),
  })
  .meta({ id: "Budget" });

const usdCap = z
  .union([z.string(), z.number()])
  .refine((value) => parseUsd(value) !== null, {
    error: "must be dollars as a decimal string or number, at least 0, with at most six decimals",
  })
  .optional();

const callCap = z.int().min(1).max(1_000_000_000).optional();

const caps = { window: z.enum(BUDGET_WINDOWS), usd_cap: usdCap, call_cap: callCap };

/** A cap over many keys: exactly one of `usd_cap` and `call_cap`, and calls only by the day or in total. */
export const createBudgetBody = z
  .discriminatedUnion("scope", [
    z.strictObject({ scope: z.literal("agent_id"), value: agentId, ...caps }),
    z.strictObject({ scope: z.literal("crew_run_id"), value: crewRunId, ...caps }),
    z.strictObject({ scope: z.literal("secret"), value: secretName, ...caps }),
    z.strictObject({ scope: z.literal("installation"), ...caps }),
  ])
  .check((context) => {
    const { window, usd_cap, call_cap } = context.value;
    if ((usd_cap === undefined) === (call_cap === undefined)) {
      const message = "give exactly one of `usd_cap` and `call_cap`";
      context.issues.push({ code: "custom", message, path: [], input: undefined });
    } else if (call_cap !== undefined && window === "monthly") {
      const message = "a cap on calls is `daily` or `total`";
      context.issues.push({ code: "custom", message, path: ["window"], input: undefined });
    }
  });

const percentError = "must be a number above 0 and at most 100, with at most four decimals";
const percentDigits = z.string().regex(/^[0-9]{1,3}(?:\.[0-9]{1,4})?$/);
const percent = z
  .union([z.number(), percentDigits.transform(Number)], { error: percentError })
  .pipe(z.number().gt(0, { error: percentError }).max(100, { error: percentError }))
  .meta({ schema: { type: "number", exclusiveMinimum: 0, maximum: 100 } });

export const listBudgetsQuery = z.strictObject({
  scope: z
    .enum(BUDGET_SCOPES)
    .optional()
    .describe("absent = every scope but `vault_key`, whose caps stand with their key"),
  value: z.string().max(200).optional().describe("the key's id, the agent, the run or the secret's name"),
  min_used_percent: percent
    .optional()
    .describe("only those of which at least so much is used, holds included, of live or of test money"),
  ...pageQuery,
});

export type Budget = z.infer<typeof budgetSchema>;
export type CreateBudget = z.input<typeof createBudgetBody>;
export type ListBudgets = z.input<typeof listBudgetsQuery>;
