import type { z } from "zod";
import { invalidField } from "./problem.ts";

/** Writes where a list goes on, opaque to its reader. */
export function encodeCursor(position: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(position), "utf8").toString("base64url");
}

/** Reads it back; null = from the start. Throws `invalid_request` for anything that is no cursor of this list. */
export function decodeCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string | undefined,
): z.output<Schema> | null {
  if (cursor === undefined) return null;
  const position = schema.safeParse(parseJson(Buffer.from(cursor, "base64url").toString("utf8")));
  if (!position.success)
    throw invalidField("cursor", "must be a `next_cursor` of an earlier answer of this list");
  return position.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Cuts one row too many, if it is there, and says where the next page begins. */
export function toPage<Entry, Item>(
  entries: readonly Entry[],
  limit: number,
  toItem: (entry: Entry) => Item,
  toPosition: (entry: Entry) => readonly unknown[],
): { data: Item[]; next_cursor: string | null } {
  const shown = entries.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = entries.length > limit && last !== undefined;
  return { data: shown.map(toItem), next_cursor: hasMore ? encodeCursor(toPosition(last)) : null };
}
