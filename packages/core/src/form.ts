/** One name and value of a form body or a query, decoded, in the order of the wire. */
export interface FormField {
  readonly name: string;
  readonly value: string;
}

const FIELDS_MAX = 200;
const DEPTH_MAX = 5;
const NAME_LENGTH_MAX = 256;

/**
 * Reads `application/x-www-form-urlencoded` text such that no other reader could understand it differently:
 * a repeated name (other than a `name[]` list), an invalid escape or UTF-8, a control character or a space around a
 * name, unbalanced brackets, more than 200 fields or a nesting beyond 5 are refused with a sentence.
 * The text itself is forwarded untouched, so nothing here repairs anything.
 */
export function parseForm(text: string): readonly FormField[] | string {
  if (text === "") return [];
  const fields: FormField[] = [];
  const seen = new Set<string>();
  let start = 0;
  while (start <= text.length) {
    if (fields.length === FIELDS_MAX) return `more than ${FIELDS_MAX} fields`;
    let end = text.indexOf("&", start);
    if (end === -1) end = text.length;
    const pair = text.slice(start, end);
    start = end + 1;
    const field = readPair(pair);
    if (typeof field === "string") return field;
    if (seen.has(field.name) && !field.name.endsWith("[]")) return "a field is given twice";
    seen.add(field.name);
    fields.push(field);
  }
  return fields;
}

function readPair(pair: string): FormField | string {
  if (pair === "") return "an empty field (`&&`, or `&` at an end)";
  // Rack before 3 and the HTML 4 recommendation separate fields with it, too; SDKs escape it.
  if (pair.includes(";")) return "a `;` that is not escaped";
  const mark = pair.indexOf("=");
  const name = decode(mark === -1 ? pair : pair.slice(0, mark));
  const value = mark === -1 ? "" : decode(pair.slice(mark + 1));
  if (name === null || value === null) return "an escape that is not valid UTF-8";
  if (name === "" || name.length > NAME_LENGTH_MAX) return "a field name that is empty or too long";
  if (/\p{Cc}/u.test(name) || name.trim() !== name)
    return "a field name with a space around it or a control character";
  if (value.includes("\u0000")) return "a NUL character in a value";
  if (name.toLowerCase() === "_method") return "`_method` overrides the method";
  return findNestingProblem(name) ?? { name, value };
}

/** Brackets must be balanced, un-nested and trailing: `a[b][0]`, never `a[b`, `a]` or `a[b]c`. */
function findNestingProblem(name: string): string | null {
  const open = name.indexOf("[");
  if (open === -1) return name.includes("]") ? "a field name with unbalanced brackets" : null;
  if (!/^[^[\]]+(?:\[[^[\]]*\])+$/.test(name)) return "a field name with unbalanced brackets";
  return name.split("[").length - 1 > DEPTH_MAX ? `fields nested deeper than ${DEPTH_MAX}` : null;
}

function decode(text: string): string | null {
  if (!text.includes("%")) return text.replaceAll("+", " ");
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return null;
  }
}

/**
 * A field's name as a refusal may show it. What is no plain word is not repeated: a body in another format than it says
 * has its content where names are expected, and a refusal is stored and shown.
 */
export function showName(name: string): string {
  return /^[A-Za-z_]{1,40}(?:\[[A-Za-z_]{0,40}\]){0,4}$/.test(name) ? `\`${name}\`` : "a field";
}

/** The part of a name before its first bracket: `metadata` of `metadata[run]`. */
export function rootOf(name: string): string {
  const open = name.indexOf("[");
  return open === -1 ? name : name.slice(0, open);
}

/**
 * Looks for a field that a lenient reader could take for one that decides about money, but which is not spelled
 * exactly so: `Amount`, `amount[]`, `amount[0]`, `Transfer_Data[destination]`. `scalars` are names that stand alone,
 * `objects` are names that carry brackets. Returns the offending name, or null.
 */
export function findLookalike(
  fields: readonly FormField[],
  scalars: ReadonlySet<string>,
  objects: ReadonlySet<string>,
): string | null {
  for (const { name } of fields) {
    const root = rootOf(name);
    const folded = root.trim().toLowerCase();
    if (scalars.has(folded) && name !== folded) return name;
    if (objects.has(folded) && root !== folded) return name;
  }
  return null;
}
