import type { FormHash } from "../form.ts";
import type { Json, JsonObject } from "../json.ts";
import { invalidRequest } from "./error.ts";
import { readMetadata } from "./metadata.ts";
import { missing, type ParameterList, type Params, unknownParameters } from "./parameters.ts";

/**
 * Checks a JSON body (latin1) of the second version of the API against a list. Throws Stripe's error for the first
 * fault. Values inside of objects keep the types that they came with.
 */
export function checkJson(body: string, list: ParameterList): Params {
  const fields = parse(body);
  const unknown = Object.keys(fields).filter((name) => !list.types.has(name));
  if (unknown.length > 0) throw unknownParameters(unknown);
  for (const name of list.required)
    if (fields[name] === undefined || fields[name] === null) throw missing(name);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, checked(name, value, list)]),
  );
}

function parse(body: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body, "latin1").toString("utf8"));
  } catch {
    throw invalidRequest("Invalid request: the body is no JSON.");
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  throw invalidRequest("Invalid request: the body is no JSON object.");
}

function checked(name: string, value: Json, list: ParameterList): Json {
  const type = list.types.get(name);
  if (value === null) return null;
  const isObject = typeof value === "object" && !Array.isArray(value);
  if (type === "metadata") {
    if (!isObject)
      throw invalidRequest("Invalid metadata: must be a set of key-value pairs", { param: name });
    return readMetadata(new Map(Object.entries(value)) as FormHash);
  }
  const isRight =
    type === "any" ||
    (type === "text" && typeof value === "string") ||
    (type === "boolean" && typeof value === "boolean") ||
    (type === "list" && Array.isArray(value)) ||
    ((type === "integer" || type === "natural" || type === "positive") && Number.isSafeInteger(value)) ||
    (typeof type === "object" && ("oneOf" in type ? type.oneOf.includes(String(value)) : isObject));
  if (!isRight) throw invalidRequest(`Invalid value for ${name}.`, { param: name });
  return value;
}
