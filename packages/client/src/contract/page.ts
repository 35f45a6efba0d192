import { z } from "zod";

/** The most entries of one page. */
export const PAGE_LIMIT_MAX = 1_000;
/** Entries of one page when the request does not say. */
export const PAGE_LIMIT = 50;

const digits = z.string().regex(/^[1-9][0-9]{0,3}$/);
const error = `must be a whole number from 1 to ${PAGE_LIMIT_MAX}`;

/** A number, or the digits of one: a query string knows only text. */
const limit = z
  .union([z.int(), digits.transform(Number)], { error })
  .pipe(z.int().min(1, { error }).max(PAGE_LIMIT_MAX, { error }))
  .meta({ schema: { type: "integer", minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT } });

/** What every list takes: where to go on, and how many entries. */
export const pageQuery = {
  cursor: z
    .string()
    .max(1_024)
    .regex(/^[A-Za-z0-9_-]+$/, { error: "must be a `next_cursor` of an earlier answer" })
    .optional(),
  limit: limit.optional(),
};

/** One page of a list. `next_cursor` is null on the last one. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** One page of a list, as its reader sees it. */
export interface Page<Item> {
  readonly data: readonly Item[];
  readonly next_cursor: string | null;
}
