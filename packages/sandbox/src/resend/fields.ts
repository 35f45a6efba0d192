import { invalid, missing } from "./error.ts";

/** A JSON object as it came. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reads a JSON body (latin1 bytes). An absent one is an empty object. Throws Resend's 422. */
export function parseJson(body: string): unknown {
  if (body === "") return {};
  try {
    return JSON.parse(Buffer.from(body, "latin1").toString("utf8"));
  } catch {
    throw invalid("The request body is not valid JSON.");
  }
}

/** The value as an object. Throws Resend's 422. */
export function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid("The request body must be an object.");
}

/** The text of a field; null when absent. Throws Resend's 422 for anything but text. */
export function text(fields: Fields, name: string): string | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  throw invalid(`Invalid \`${name}\` field. It must be a string.`);
}

/** As {@link text}, and it must be there and not be empty. */
export function requiredText(fields: Fields, name: string): string {
  const value = text(fields, name);
  if (value === null || value === "") throw missing(name);
  return value;
}

/** One text or a list of them, as a list; empty when absent. */
export function texts(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value) && value.every((item): item is string => typeof item === "string")) return value;
  throw invalid(`Invalid \`${name}\` field. It must be a string or a list of strings.`);
}

/** A boolean field. */
export function flag(fields: Fields, name: string, fallback: boolean): boolean {
  const value = fields[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value === "boolean") return value;
  throw invalid(`Invalid \`${name}\` field. It must be a boolean.`);
}

/** A time in ISO 8601, as milliseconds since 1970; null when absent. Not in the past, at most 30 days ahead. */
export function futureTime(fields: Fields, name: string, now: number): number | null {
  const value = text(fields, name);
  if (value === null) return null;
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) {
    throw invalid(`Invalid \`${name}\` field. The sandbox takes a date in ISO 8601 format only.`);
  }
  if (ms < now || ms > now + 30 * 86_400_000) {
    throw invalid(`Invalid \`${name}\` field. It must be in the future, at most 30 days ahead.`);
  }
  return ms;
}
