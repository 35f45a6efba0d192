import type { Endpoint, VendorName } from "@keybrake/core";

/** What goes into a request besides its endpoint: identifiers of the path and the vendor's own parameters, by name. */
export type Parameters = Readonly<Record<string, unknown>>;

/** A request in the vendor's own form. */
export interface EncodedRequest {
  /** Path and query. */
  readonly target: string;
  readonly contentType: string | null;
  readonly body: string | null;
}

/** The parameters are not such that a request can be made of them; the sentence is for the model. */
export class ParameterError extends Error {
  override readonly name = "ParameterError";
}

const FORM = "application/x-www-form-urlencoded";
const PLACEHOLDER = /\{(\w+)\}/g;
/** What the proxy takes as an identifier in a path; nothing in it needs an escape. */
const IDENTIFIER = /^\+?[A-Za-z0-9][A-Za-z0-9._~:@!$&'()+,=-]{0,254}$/;
const DEPTH_MAX = 8;

/** The names of the identifiers in an endpoint's path. */
export function pathParametersOf(endpoint: Endpoint): readonly string[] {
  return [...endpoint.template.text.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);
}

/** Puts parameters where the vendor wants them: path, query, form or JSON. Throws a `ParameterError`. */
export function encodeRequest(
  vendor: VendorName,
  endpoint: Endpoint,
  parameters: Parameters,
): EncodedRequest {
  const inPath = new Set(pathParametersOf(endpoint));
  const path = endpoint.template.text.replace(PLACEHOLDER, (_, name: string) => {
    const value = parameters[name];
    if (typeof value !== "string" || !IDENTIFIER.test(value))
      throw new ParameterError(
        `\`${name}\` must be an identifier of ${vendor}, such as one from an earlier answer`,
      );
    return value;
  });
  const rest = Object.entries(parameters).filter(([name, value]) => !inPath.has(name) && value !== undefined);
  if (endpoint.options.get("body") === "multipart" || endpoint.options.get("media") === "multipart/form-data")
    throw new ParameterError("this endpoint takes a file, which a tool cannot send");
  const isJson = vendor === "resend" || path.startsWith("/v2/");
  if (endpoint.method === "GET" || (endpoint.method === "DELETE" && !isJson)) {
    const query = encodeForm(vendor, rest);
    return { target: query === "" ? path : `${path}?${query}`, contentType: null, body: null };
  }
  if (rest.length === 0 && (isJson || endpoint.method === "DELETE"))
    return { target: path, contentType: null, body: null };
  return isJson
    ? { target: path, contentType: "application/json", body: encodeJson(endpoint, rest) }
    : { target: path, contentType: FORM, body: encodeForm(vendor, rest) };
}

/** Resend's batch is a bare list: the one body that is no object. */
function encodeJson(endpoint: Endpoint, fields: readonly (readonly [string, unknown])[]): string {
  const object: Parameters = Object.fromEntries(fields);
  return JSON.stringify(endpoint.operation === "emails.batch" ? object["emails"] : object);
}

/** Writes a form in a vendor's own way. */
export function encodeForm(vendor: VendorName, fields: readonly (readonly [string, unknown])[]): string {
  const pairs = fields.flatMap(([name, value]) =>
    vendor === "stripe" ? flatten(name, value, 0) : repeat(name, value),
  );
  return pairs.map(([name, value]) => `${encodeName(name)}=${encodeURIComponent(value)}`).join("&");
}

/** Stripe's form: `a[b]=`, `a[0]=`; an empty value unsets. */
function flatten(name: string, value: unknown, depth: number): [string, string][] {
  if (depth > DEPTH_MAX) throw new ParameterError(`\`${name}\` is nested too deep`);
  if (value === undefined) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => flatten(`${name}[${index}]`, item, depth + 1));
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, item]) => flatten(`${name}[${key}]`, item, depth + 1));
  return [[name, textOf(name, value)]];
}

/** Twilio's form: a list repeats its name, an object is JSON in a text. */
function repeat(name: string, value: unknown): [string, string][] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((item) => [
    name,
    typeof item === "object" && item !== null ? JSON.stringify(item) : textOf(name, item),
  ]);
}

function textOf(name: string, value: unknown): string {
  if (value === null) return "";
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value)))
    return String(value);
  throw new ParameterError(
    `\`${name}\` cannot be sent: give a text, a number, true or false, a list or an object`,
  );
}

/** Brackets stay as they are, as the SDKs write them. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll("%5B", "[").replaceAll("%5D", "]");
}
