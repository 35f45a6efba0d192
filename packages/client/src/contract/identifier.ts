import { VENDOR_NAMES } from "@keybrake/core";
import { z } from "zod";

/** The id of a vault key, a call or a secret. */
export const uuid = z.uuid({ error: "must be a UUID" });

/** An instant in an answer, UTC, to the millisecond. */
export const instant = z.iso.datetime({ error: "must be an instant such as `2026-03-01T00:00:00Z`" });

/** An instant or a whole UTC day in a request. */
export const instantOrDay = z.union([z.iso.datetime({ offset: true }), z.iso.date()], {
  error: "must be an instant such as `2026-03-01T00:00:00Z`, or a day such as `2026-03-01`",
});

/** Who acts: a name that is safe in a path, a metric and a shell. */
export const agentId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, {
  error: "must be 1 to 128 letters, digits, `.`, `_`, `:` or `-`, and start with a letter or a digit",
});

const PRINTABLE = /^[\p{L}\p{N}][^\p{C}\p{Zl}\p{Zp}]{0,199}$/u;

/** Text that is looked for, any letter case; `%` and `_` stand for themselves. */
export const searchText = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, { error: "must be 1 to 200 characters without control characters" });

/** The run of a crew: any printable text of at most 200 characters that starts with a letter or a digit. */
export const crewRunId = z.string().regex(PRINTABLE, {
  error: "must be 1 to 200 printable characters, and start with a letter or a digit",
});

/** What people call a vault key. */
export const keyName = z.string().max(100).regex(PRINTABLE, {
  error: "must be 1 to 100 printable characters, and start with a letter or a digit",
});

/** What people call a secret; it stands in paths and policies. */
export const secretName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
  error: "must be 1 to 63 lower-case letters, digits, `_` or `-`, and start with a letter or a digit",
});

/** Why somebody did something; kept in the database and shown to people. */
export const reason = z
  .string()
  .max(500)
  .regex(/^[^\p{Cc}]*$/u, { error: "must be at most 500 characters without control characters" });

export const vendor = z.enum(VENDOR_NAMES);

/** Dollars in an answer: exact, with two to six decimals, and a minus sign where money was given back. */
export const usdText = z.string().regex(/^-?[0-9]+\.[0-9]{2,6}$/);

/** Dollars or a count in an answer, by the unit beside it. */
export const amountText = z.string().regex(/^-?[0-9]+(?:\.[0-9]{2,6})?$/);
