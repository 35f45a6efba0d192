import { z } from "zod";

/** The most rows that one query answers with. */
export const SQL_ROWS_MAX = 10_000;

export const runSqlBody = z.strictObject({ query: z.string().min(1).max(20_000) });

/**
 * Rows as objects, columns in their order. Numbers that JavaScript cannot hold exactly are text. Of columns with the
 * same name only the last is kept: name them apart with `AS`.
 */
export const sqlResultSchema = z
  .object({
    columns: z.array(z.string()),
    rows: z.array(z.record(z.string(), z.unknown())),
    truncated: z.boolean().describe(`true when there are more than ${SQL_ROWS_MAX} rows`),
  })
  .meta({ id: "SqlResult" });

export type SqlResult = z.infer<typeof sqlResultSchema>;
