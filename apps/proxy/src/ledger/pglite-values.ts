import type { Row } from "./database.ts";

/** What a statement returned, as PostgreSQL wrote it: text crosses a thread boundary at a fraction of an object's cost. */
export interface TextRows {
  readonly names: readonly string[];
  readonly types: readonly number[];
  readonly rows: readonly (readonly (string | null)[])[];
}

type Parse = (text: string) => unknown;

// Into the one form that Date must read; it cuts microseconds off.
const parseTimestamp: Parse = (text) => new Date(text.replace(" ", "T").replace(/[+-]\d\d$/, "$&:00"));
const parseBytes: Parse = (text) => Buffer.from(text.slice(2), "hex");
const parseBoolean: Parse = (text) => text === "t";

/** By type OID. Whatever is not here stays text: numeric and date among them, which no JavaScript type holds exactly. */
const PARSERS = new Map<number, Parse>([
  [16, parseBoolean],
  [17, parseBytes],
  [20, BigInt],
  [21, Number],
  [23, Number],
  [26, Number],
  [114, JSON.parse],
  [700, Number],
  [701, Number],
  [1184, parseTimestamp],
  [3802, JSON.parse],
]);

/** By array type OID: the parser of an element. */
const ELEMENT_PARSERS = new Map<number, Parse>([
  [1000, parseBoolean],
  [1001, parseBytes],
  [1005, Number],
  [1007, Number],
  [1009, String],
  [1015, String],
  [1016, BigInt],
  [1021, Number],
  [1022, Number],
  [1182, String],
  [1185, parseTimestamp],
  [1231, String],
  [2951, String],
]);

/** Turns PostgreSQL's text into values as the `Database` port promises them. */
export function parseRows({ names, types, rows }: TextRows): readonly Row[] {
  const parsers = types.map(parserOf);
  return rows.map((row) => {
    const parsed: Record<string, unknown> = {};
    for (const [index, name] of names.entries()) {
      const text = row[index] ?? null;
      const parse = parsers[index];
      parsed[name] = text === null || parse === undefined ? text : parse(text);
    }
    return parsed;
  });
}

/** Turns a parameter into the text that PostgreSQL reads: an array as an array literal, any other object as JSON. */
export function formatParameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return `{${value.map(formatElement).join(",")}}`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function formatElement(value: unknown): string {
  if (Array.isArray(value)) throw new TypeError("a parameter cannot be an array of arrays: pass JSON text");
  const text = formatParameter(value);
  return text === null ? "NULL" : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function parserOf(type: number): Parse | undefined {
  const parseElement = ELEMENT_PARSERS.get(type);
  return parseElement === undefined ? PARSERS.get(type) : (text) => parseArray(text, parseElement);
}

/** Reads `{a,"b,\"c",NULL}`; elements are quoted where they must be. One dimension, which is all that we use. */
function parseArray(text: string, parse: Parse): unknown[] {
  if (text === "{}") return [];
  const elements = text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs);
  return Array.from(elements, ([, quoted, bare]) => {
    if (quoted !== undefined) return parse(quoted.replace(/\\(.)/gs, "$1"));
    return bare === "NULL" || bare === undefined ? null : parse(bare);
  });
}
