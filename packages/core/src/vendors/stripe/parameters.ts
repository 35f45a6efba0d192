import { type Denial, deny } from "../../denial.ts";
import { type FormField, findLookalike, parseForm, rootOf, showName } from "../../form.ts";
import type { Endpoint } from "../../operation.ts";
import type { VendorRequest } from "../vendor.ts";
import { readJsonFields } from "./json-body.ts";
import { readMultipartFields } from "./multipart-body.ts";

/** What a request says, in the one way in which it can be read. */
export interface Parameters {
  /** The identifiers in the path, by the catalogue's names. */
  readonly path: ReadonlyMap<string, string>;
  readonly query: readonly FormField[];
  /** The parameters of the call: a body's fields (JSON in brackets, like a form), a DELETE's or a read's query. */
  readonly fields: readonly FormField[];
  /** The same by name, without lists written as `name[]`. */
  readonly values: ReadonlyMap<string, string>;
  /** The media type as it goes to Stripe; null without a body. */
  readonly contentType: string | null;
}

const FORM = "application/x-www-form-urlencoded";
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:; *charset=utf-8)?$/i;
const JSON_TYPE = /^application\/json(?:; *charset=utf-8)?$/i;

/** Fields that decide what a call costs or whom it touches: only their one exact spelling is understood. */
const DECISIVE = new Set([
  "amount",
  "amount_to_capture",
  "amount_to_confirm",
  "application_fee_amount",
  "auto_advance",
  "balance",
  "charge",
  "currency",
  "customer",
  "customer_account",
  "final_capture",
  "invoice",
  "invoice_now",
  "on_behalf_of",
  "origin",
  "paid_out_of_band",
  "payment_intent",
  "quantity",
  "refund_application_fee",
  "subscription",
]);
const DECISIVE_OBJECTS = new Set([
  "destination",
  "transfer_data",
  "metadata",
  "expand",
  "line_items",
  "items",
  "lines",
]);
/** Stripe's own names, at every depth; keys of free maps aside. */
const PARAMETER_NAME = /^[a-z0-9_]*$/;
const FREE_MAPS = new Set(["metadata", "payload", "invoice_metadata", "currency_options", "request"]);

/** Reads path, query and body, or says why they could be read in more than one way. `endpoint` null = unknown path. */
export function readParameters(
  request: VendorRequest,
  endpoint: Endpoint | null,
  path: ReadonlyMap<string, string>,
): Parameters | Denial {
  const query = parseForm(request.query ?? "");
  if (typeof query === "string") return deny("request_ambiguous", `the query is ambiguous: ${query}`);
  if (request.method === "GET" || request.method === "HEAD") {
    if (request.body.length > 0) return deny("request_malformed", `a ${request.method} request has no body`);
    return { path, query, fields: query, values: valuesOf(query), contentType: null };
  }
  const body = readBody(request, endpoint);
  if ("code" in body) return body;
  const isDelete = request.method === "DELETE";
  const misplaced = findMisplaced(query, body.fields, endpoint, isDelete);
  if (misplaced !== null)
    return deny("request_ambiguous", `${showName(misplaced)} belongs into the body, and only there`);
  const fields = isDelete ? [...query, ...body.fields] : body.fields;
  const lookalike = endpoint?.accounted ? findAmbiguous(fields, endpoint) : null;
  if (lookalike !== null)
    return deny("request_ambiguous", `${showName(lookalike)} can be read in more than one way`);
  return { path, query, fields, values: valuesOf(fields), contentType: body.contentType };
}

function valuesOf(fields: readonly FormField[]): ReadonlyMap<string, string> {
  return new Map(fields.filter(({ name }) => !name.endsWith("[]")).map(({ name, value }) => [name, value]));
}

/**
 * Stripe itself confuses query and body parameters, so nothing that matters may stand in a query beside a body. The
 * parameters of a DELETE stand in its query, as the SDKs send them.
 */
function findMisplaced(
  query: readonly FormField[],
  body: readonly FormField[],
  endpoint: Endpoint | null,
  isDelete: boolean,
): string | null {
  const inBody = new Set(body.map((field) => rootOf(field.name).toLowerCase()));
  const isPriced = endpoint !== null && endpoint.quote !== "none" && endpoint.quote !== "customer";
  for (const { name } of query) {
    const root = rootOf(name).trim().toLowerCase();
    if (inBody.has(root)) return name;
    if (!isDelete && (isPriced || DECISIVE.has(root) || DECISIVE_OBJECTS.has(root))) return name;
  }
  return null;
}

interface Body {
  readonly fields: readonly FormField[];
  readonly contentType: string | null;
}

function readBody(request: VendorRequest, endpoint: Endpoint | null): Body | Denial {
  const isJson = request.path.startsWith("/v2/");
  const contentType = isJson ? "application/json" : FORM;
  if (endpoint?.options.get("body") === "multipart" && request.body.length > 0)
    return readMultipartFields(request.contentType, request.body);
  if (request.body.length === 0)
    return { fields: [], contentType: request.method === "DELETE" ? null : contentType };
  if (!(isJson ? JSON_TYPE : FORM_TYPE).test(request.contentType ?? ""))
    return deny("request_malformed", `the body must be \`${contentType}\``);
  if (isJson) {
    const fields = readJsonFields(request.body);
    return "code" in fields ? fields : { fields, contentType };
  }
  const text = decodeUtf8(request.body);
  if (text === null) return deny("request_malformed", "the body is not valid UTF-8");
  const fields = parseForm(text);
  if (typeof fields === "string") return deny("request_ambiguous", `the body is ambiguous: ${fields}`);
  return { fields, contentType };
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Splits `a[b][0]` into `a`, `b`, `0`. */
export function partsOf(name: string): readonly string[] {
  return name.split(/[[\]]+/).slice(0, name.endsWith("]") ? -1 : undefined);
}

/** A name that a lenient reader could take for another, or that is a value and a map at once. */
function findAmbiguous(fields: readonly FormField[], endpoint: Endpoint): string | null {
  // Where an amount is an object (`amount[value]`), it is not a scalar in disguise.
  const hasObjectAmount =
    /^(?:v2_|credit_grant)/.test(endpoint.quote) || endpoint.template.text.startsWith("/v2/");
  const scalars = hasObjectAmount ? new Set([...DECISIVE].filter((name) => name !== "amount")) : DECISIVE;
  const lookalike = findLookalike(fields, scalars, DECISIVE_OBJECTS);
  if (lookalike !== null) return lookalike;
  const names = new Set(fields.map(({ name }) => name));
  for (const { name } of fields) {
    for (let open = name.indexOf("["); open !== -1; open = name.indexOf("[", open + 1)) {
      if (names.has(name.slice(0, open))) return name;
    }
    if (endpoint.quote !== "none" && hasStrangePart(name)) return name;
  }
  return null;
}

function hasStrangePart(name: string): boolean {
  const parts = partsOf(name);
  const free = parts.findIndex((part) => FREE_MAPS.has(part));
  return parts.slice(0, free === -1 ? undefined : free).some((part) => !PARAMETER_NAME.test(part));
}
