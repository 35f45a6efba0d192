import type { FormHash, FormNode } from "../form.ts";
import type { Json, JsonObject } from "../json.ts";
import { invalidRequest, type StripeError } from "./error.ts";
import { readMetadata } from "./metadata.ts";
import { NAMED_TYPES, PARAMETER_TYPES, type ParameterType } from "./parameter-types.ts";

/** Checked parameters. An empty value, which unsets a field, is null; an absent one is undefined. */
export type Params = Readonly<Record<string, Json | undefined>>;

/** The parameters that one endpoint takes. */
export interface ParameterList {
  readonly types: ReadonlyMap<string, ParameterType>;
  readonly required: readonly string[];
}

const LIST_LIMIT_MAX = 100;

/** Turns `amount* currency* lines:list` into a list to check against. */
export function parameterList(names: string): ParameterList {
  const types = new Map<string, ParameterType>();
  const required: string[] = [];
  for (const entry of names.split(" ").filter((name) => name !== "")) {
    const [, name = "", star, type] = /^(\w+)(\*)?(?::(\w+))?$/.exec(entry) ?? [];
    types.set(name, type === undefined ? (PARAMETER_TYPES[name] ?? "text") : namedType(type));
    if (star !== undefined) required.push(name);
  }
  return { types, required };
}

function namedType(name: string): ParameterType {
  const type = NAMED_TYPES[name];
  if (type === undefined) throw new Error(`no type \`${name}\` of a parameter`);
  return type;
}

/** Checks a form against a list and gives every value its type. Throws Stripe's error for the first fault. */
export function checkParameters(form: FormHash, list: ParameterList): Params {
  checkNames(form, list);
  const params: Record<string, Json> = {};
  for (const [name, node] of form) params[name] = convert(name, node, list.types.get(name) ?? "text");
  for (const name of list.required) if (params[name] === null) throw emptyValue(name);
  const limit = params["limit"];
  if (typeof limit === "number" && limit > LIST_LIMIT_MAX) {
    throw invalidRequest(`Invalid limit: ${limit}, the greatest is ${LIST_LIMIT_MAX}.`, { param: "limit" });
  }
  return params;
}

function checkNames(form: FormHash, list: ParameterList): void {
  for (const name of form.keys()) {
    if (!list.types.has(name))
      throw unknownParameters([...form.keys()].filter((key) => !list.types.has(key)));
  }
  for (const name of list.required) if (!form.has(name)) throw missing(name);
}

/** `parameter_missing` for a parameter that the call cannot do without. */
export function missing(name: string): StripeError {
  return invalidRequest(`Missing required param: ${name}.`, { code: "parameter_missing", param: name });
}

/** `parameter_unknown` for parameters that the endpoint does not take. */
export function unknownParameters(names: readonly string[]): StripeError {
  const label = names.length === 1 ? "parameter" : "parameters";
  return invalidRequest(`Received unknown ${label}: ${names.join(", ")}`, {
    code: "parameter_unknown",
    param: names[0] ?? "",
  });
}

function emptyValue(name: string): StripeError {
  return invalidRequest(
    `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a field; however ` +
      `'${name}' cannot be unset. You should remove '${name}' from your request or supply a non-empty value.`,
    { code: "parameter_invalid_empty", param: name },
  );
}

function convert(name: string, node: FormNode, type: ParameterType): Json {
  if (typeof type === "object") return convertShaped(name, node, type);
  switch (type) {
    case "any":
      return plain(node);
    case "metadata":
      return convertMetadata(node);
    case "list":
      if (node === "") return [];
      if (typeof node === "string") throw invalidRequest("Invalid array", { param: name });
      return [...node.values()].map(plain);
    case "text":
      if (typeof node !== "string") throw invalidRequest(`Invalid string: ${shown(node)}`, { param: name });
      return node === "" ? null : node;
    case "boolean":
      if (node === "") throw emptyValue(name);
      if (node !== "true" && node !== "false") {
        throw invalidRequest(`Invalid boolean: ${shown(node)}`, { param: name });
      }
      return node === "true";
    default:
      return convertInteger(name, node, type);
  }
}

function convertInteger(name: string, node: FormNode, type: "integer" | "natural" | "positive"): number {
  if (node === "") throw emptyValue(name);
  if (typeof node !== "string" || !/^-?\d{1,15}$/.test(node)) {
    throw invalidRequest(`Invalid integer: ${shown(node)}`, {
      code: "parameter_invalid_integer",
      param: name,
    });
  }
  const value = Number(node);
  const min = { integer: Number.MIN_SAFE_INTEGER, natural: 0, positive: 1 }[type];
  if (value >= min) return value;
  throw invalidRequest(`This value must be greater than or equal to ${min}.`, {
    code: "parameter_invalid_integer",
    param: name,
  });
}

function convertMetadata(node: FormNode): Json {
  if (node === "") return null;
  if (typeof node === "string") {
    throw invalidRequest("Invalid metadata: must be a set of key-value pairs", { param: "metadata" });
  }
  return readMetadata(node);
}

function convertShaped(name: string, node: FormNode, type: Exclude<ParameterType, string>): Json {
  if ("oneOf" in type) {
    if (typeof node === "string" && type.oneOf.includes(node)) return node;
    if (node === "") return null;
    throw invalidRequest(`Invalid ${name}: must be one of ${type.oneOf.join(", ")}`, { param: name });
  }
  if ("range" in type) {
    return typeof node === "string"
      ? convertInteger(name, node, "integer")
      : convertParts(name, node, type.range);
  }
  if (node === "") return null;
  if (typeof node === "string") throw invalidRequest("Invalid object", { param: name });
  if (type.parts === null) return plain(node);
  const converted = convertParts(name, node, type.parts);
  for (const part of type.required ?? [])
    if (converted[part] === undefined) throw missing(`${name}[${part}]`);
  return converted;
}

function convertParts(
  name: string,
  node: FormHash,
  parts: Readonly<Record<string, ParameterType>>,
): JsonObject {
  const unknown = [...node.keys()].filter((part) => !Object.hasOwn(parts, part));
  if (unknown.length > 0) throw unknownParameters(unknown.map((part) => `${name}[${part}]`));
  const converted: Record<string, Json> = {};
  for (const [part, value] of node) {
    converted[part] = convert(`${name}[${part}]`, value, parts[part] ?? "text");
  }
  return converted;
}

/** A form's node as JSON: hashes whose names are 0, 1, 2 … become lists. */
function plain(node: FormNode): Json {
  if (typeof node === "string") return node;
  const names = [...node.keys()];
  if (names.length > 0 && names.every((name, index) => name === String(index))) {
    return [...node.values()].map(plain);
  }
  return Object.fromEntries([...node].map(([name, value]) => [name, plain(value)]));
}

function shown(node: FormNode): string {
  return typeof node === "string" ? node : JSON.stringify(plain(node));
}

/** A text parameter; undefined when absent or empty. */
export function text(params: Params, name: string): string | undefined {
  const value = params[name];
  return typeof value === "string" ? value : undefined;
}

/** A whole number; undefined when absent. */
export function integer(params: Params, name: string): number | undefined {
  const value = params[name];
  return typeof value === "number" ? value : undefined;
}

/** A boolean; undefined when absent. */
export function flag(params: Params, name: string): boolean | undefined {
  const value = params[name];
  return typeof value === "boolean" ? value : undefined;
}

/** A hash; undefined when absent or empty. */
export function hash(params: Params, name: string): JsonObject | undefined {
  const value = params[name];
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** A list of texts; empty when absent. */
export function texts(params: Params, name: string): readonly string[] {
  const value = params[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** What the parameter sets a field to: its value, null when it was sent empty, `current` when absent. */
export function updated<Value extends Json>(
  params: Params,
  name: string,
  current: Value | null,
): Value | null {
  const value = params[name];
  return value === undefined ? current : (value as Value | null);
}
