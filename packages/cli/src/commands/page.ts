import type { Command } from "commander";
import type { Context } from "../context.ts";
import { readCount } from "../input.ts";

/** Adds the options of every paged list. */
export function withPage(command: Command): Command {
  return command
    .option("--limit <count>", "entries of one page, at most 1000", "50")
    .option("--cursor <cursor>", "go on where an earlier page ended");
}

/** Reads them. */
export function readPage(options: Readonly<Record<string, string | undefined>>) {
  const { limit = "50", cursor } = options;
  return { limit: readCount(limit, "--limit"), ...(cursor === undefined ? {} : { cursor }) };
}

/** Tells a person that there is more. */
export function noteMore(context: Context, page: { readonly next_cursor: string | null }): void {
  if (page.next_cursor !== null) context.note(`there is more: add --cursor ${page.next_cursor}`);
}

/** Leaves out what was not given: the API knows only fields that are there. */
export function given<Fields extends Record<string, unknown>>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
