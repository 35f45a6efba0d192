/** A LIKE pattern for text that contains this one; `%`, `_` and `\\` stand for themselves. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&")}%`;
}

/** The same for JSON whose strings contain the text. */
export function containingInJson(text: string): string {
  return containing(JSON.stringify(text).slice(1, -1));
}
