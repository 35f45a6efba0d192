import { VENDOR_NAMES, type VendorName } from "./vendors/names.ts";

/** The methods that any vendor of ours knows. Everything else is refused before policy. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Method = (typeof METHODS)[number];

/** Narrows a method as it stood on the wire; methods are case-sensitive. */
export function isMethod(text: string): text is Method {
  return (METHODS as readonly string[]).includes(text);
}

/** An allowlist entry: one method (or any, `*`) and a path whose `*` is one whole segment and `**` any rest. */
export interface EndpointPattern {
  readonly text: string;
  readonly method: Method | "*";
  readonly segments: readonly string[];
}

/** Reads `METHOD /path`; returns the pattern, or a sentence that says what to write instead. */
export function parseEndpointPattern(text: string): EndpointPattern | string {
  const match = /^(\S+) (\/\S*)$/.exec(text);
  if (match === null) {
    return `\`${text}\` is no endpoint: write a method, one space and a path, as in \`POST /v1/refunds\``;
  }
  const [, method = "", path = ""] = match;
  if (method !== "*" && !isMethod(method))
    return `\`${method}\` is no method: use one of ${METHODS.join(", ")}`;
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "**" && index !== segments.length - 1)
      return `\`${text}\`: \`**\` may stand only at the end`;
    if (
      segment !== "*" &&
      segment !== "**" &&
      (segment === "" || /[^A-Za-z0-9._~:@!$&'()+,=-]/.test(segment))
    ) {
      return `\`${text}\`: \`*\` stands for one whole segment, and a segment is never empty`;
    }
  }
  return { text, method, segments };
}

/** Says whether a canonical path, reached with a method, is covered by the pattern. `**` also covers nothing. */
export function matchesEndpoint(pattern: EndpointPattern, method: Method, path: string): boolean {
  if (pattern.method !== "*" && pattern.method !== method) return false;
  const segments = path.slice(1).split("/");
  for (const [index, expected] of pattern.segments.entries()) {
    if (expected === "**") return true;
    const actual = segments[index];
    if (actual === undefined || (expected !== "*" && expected !== actual)) return false;
  }
  return segments.length === pattern.segments.length;
}

/** Says whether every path that a pattern covers is covered by another one, too. */
export function containsPattern(outer: EndpointPattern, inner: EndpointPattern): boolean {
  if (outer.method !== "*" && outer.method !== inner.method) return false;
  for (const [index, expected] of outer.segments.entries()) {
    if (expected === "**") return true;
    const actual = inner.segments[index];
    if (actual === undefined || actual === "**" || (expected !== "*" && expected !== actual)) return false;
  }
  return inner.segments.length === outer.segments.length;
}

/** A request target in its only acceptable spelling: what policy judges is byte for byte what goes on the wire. */
export interface CanonicalTarget {
  /** The vendor named by a path prefix, or null when the path is the vendor's own. */
  readonly prefix: VendorName | null;
  readonly path: string;
  /** The query as received, without its `?`; null when there is none. */
  readonly query: string | null;
}

const TARGET_LENGTH_MAX = 8_192;
const PATH_LENGTH_MAX = 2_048;
const PREFIX = new RegExp(`^/(${VENDOR_NAMES.join("|")})(?=/)`);
const PATH = /^(?:\/[A-Za-z0-9._~:@!$&'()*+,=-]+)+$/;
const QUERY = /^[A-Za-z0-9._~:@!$&'()*+,=/?%;[\]{}|^-]*$/;

/** What an SDK escapes in a mail address that stands in a path. A path may have both characters as they are. */
const ADDRESS_ESCAPES = [
  ["%40", "@"],
  ["%2B", "+"],
] as const;

/** The vendor that a target's prefix names, however unreadable the rest of it is; null when it has no prefix. */
export function prefixOf(target: string): VendorName | null {
  return (PREFIX.exec(target)?.[1] ?? null) as VendorName | null;
}

/**
 * Reads a request target in origin form. Nothing is repaired: a dot segment, an escape, a doubled or trailing slash,
 * a fragment or an absolute form is refused, and the returned sentence says which. There are two exceptions: the seam
 * behind a vendor prefix, where `/stripe/v1/v1/…` and `/stripe//v1/…` are what real SDK settings produce, and the two
 * escapes of a mail address, which are read as the characters that they stand for and go on the wire as such.
 */
export function readTarget(target: string): CanonicalTarget | string {
  if (target.length > TARGET_LENGTH_MAX)
    return `the request target is longer than ${TARGET_LENGTH_MAX} characters`;
  if (!target.startsWith("/")) return "the request target must be a path that starts with `/`";
  if (target.includes("#")) return "a fragment (`#`) has no place in a request target";
  const mark = target.indexOf("?");
  const rawPath = readAddresses(mark === -1 ? target : target.slice(0, mark));
  const query = mark === -1 ? null : target.slice(mark + 1);
  if (query !== null && !QUERY.test(query)) return "the query has a character that must be percent-encoded";
  const prefix = prefixOf(rawPath);
  const path = prefix === null ? rawPath : foldSeam(rawPath.slice(prefix.length + 1));
  if (prefix !== null && foldSeam(path) !== path) return "the path repeats the vendor's version";
  const problem = findPathProblem(path);
  return problem ?? { prefix, path, query };
}

function readAddresses(path: string): string {
  return ADDRESS_ESCAPES.reduce((text, [escaped, plain]) => text.replaceAll(escaped, plain), path);
}

/** Undoes the two doublings that `api_base=".../stripe/v1"` and `api_base=".../stripe/"` cause. */
function foldSeam(path: string): string {
  if (path.startsWith("//v1/") || path.startsWith("//v2/")) return path.slice(1);
  return path.startsWith("/v1/v1/") ? path.slice("/v1".length) : path;
}

function findPathProblem(path: string): string | null {
  if (path.length > PATH_LENGTH_MAX) return `the path is longer than ${PATH_LENGTH_MAX} characters`;
  if (path.includes("//")) return "the path has an empty segment (`//`)";
  if (path.length > 1 && path.endsWith("/")) return "the path ends with a slash";
  if (!PATH.test(path)) return "the path has a character that no endpoint uses, or an escape";
  for (const segment of path.split("/")) {
    if (segment === "." || segment === "..") return "the path has a dot segment";
  }
  return null;
}

/** A catalogue path such as `/v1/payment_intents/{intent}/confirm`, ready to be compared. */
export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly string[];
}

/** Reads a template; `{name}` is one identifier segment. */
export function parseTemplate(text: string): PathTemplate {
  return { text, segments: text.slice(1).split("/") };
}

const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._~:@!$&'()+,=-]{0,254}$/;

/** Returns the identifiers that a canonical path has at a template's parameters, or null when it does not match. */
export function matchTemplate(template: PathTemplate, path: string): ReadonlyMap<string, string> | null {
  const segments = path.slice(1).split("/");
  if (segments.length !== template.segments.length) return null;
  const parameters = new Map<string, string>();
  for (const [index, expected] of template.segments.entries()) {
    const actual = segments[index] ?? "";
    if (expected.startsWith("{")) {
      if (!IDENTIFIER.test(actual)) return null;
      parameters.set(expected.slice(1, -1), actual);
    } else if (expected !== actual) return null;
  }
  return parameters;
}
