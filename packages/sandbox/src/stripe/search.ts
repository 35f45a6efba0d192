import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import type { Collection, Stored } from "./collection.ts";
import { invalidRequest } from "./error.ts";
import { integer, text } from "./parameters.ts";

/** A page of what was found. `next_page` goes into the parameter `page` of the next call. */
export interface SearchResult<Item> {
  readonly object: "search_result";
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly next_page: string | null;
  readonly url: string;
}

interface SearchShape {
  readonly url: string;
  /** Fields that may be asked for, besides `metadata["…"]`. */
  readonly fields: readonly string[];
}

interface Clause {
  readonly isNegated: boolean;
  readonly field: string;
  readonly metadataKey: string | null;
  readonly operator: ":" | "~" | ">" | "<" | ">=" | "<=";
  /** Null matches what is absent. */
  readonly value: string | number | null;
}

const LIMIT_DEFAULT = 10;
const CLAUSES_MAX = 10;
const CLAUSE =
  /\s*(-)?([a-z_]+)(?:\[\s*(["'])(.*?)\3\s*\])?\s*(>=|<=|[:~><])\s*(?:(["'])((?:\\.|(?!\6).)*)\6|(-?\d+)|(null))/y;
const CONNECTIVE = /\s+(AND|OR)\s+/y;

/**
 * Runs Stripe's search language over a collection: clauses `field:'value'`, `~` for parts of text, `>` and its kin for
 * numbers, `-` before a clause negates, joined by AND or by OR. Unlike Stripe's, the index is never behind.
 */
export function searchObjects<Item extends Stored>(
  call: StripeCall,
  collection: Collection<Item>,
  shape: SearchShape,
): SearchResult<Item> {
  const { params } = call;
  const query = parseQuery(text(params, "query") ?? "", shape.fields);
  const limit = integer(params, "limit") ?? LIMIT_DEFAULT;
  const page = text(params, "page");
  if (page !== undefined && collection.get(page) === undefined) {
    throw invalidRequest("Invalid page token.", { param: "page" });
  }
  const data: Item[] = [];
  let hasMore = false;
  for (const item of collection.newestFirst(page)) {
    if ("deleted" in item || !query(item as unknown as JsonObject)) continue;
    if (data.length === limit) {
      hasMore = true;
      break;
    }
    data.push(item);
  }
  return {
    object: "search_result",
    data,
    has_more: hasMore,
    next_page: hasMore ? (data.at(-1)?.id ?? null) : null,
    url: shape.url,
  };
}

function parseQuery(query: string, fields: readonly string[]): (item: JsonObject) => boolean {
  const clauses: Clause[] = [];
  const connectives = new Set<string>();
  let position = 0;
  for (;;) {
    CLAUSE.lastIndex = position;
    const match = CLAUSE.exec(query);
    if (match === null || clauses.length === CLAUSES_MAX) throw unreadable(query);
    clauses.push(readClause(match, fields));
    position = CLAUSE.lastIndex;
    if (query.slice(position).trim() === "") break;
    CONNECTIVE.lastIndex = position;
    const connective = CONNECTIVE.exec(query);
    if (connective === null) throw unreadable(query);
    connectives.add(connective[1] ?? "");
    position = CONNECTIVE.lastIndex;
  }
  if (connectives.size > 1) {
    throw invalidRequest("AND and OR cannot be combined in one search query.", { param: "query" });
  }
  return connectives.has("OR")
    ? (item) => clauses.some((clause) => holds(clause, item))
    : (item) => clauses.every((clause) => holds(clause, item));
}

function readClause(match: RegExpExecArray, fields: readonly string[]): Clause {
  const [, minus, field = "", , key, operator = ":", , quoted, digits] = match;
  const isMetadata = field === "metadata" && key !== undefined;
  if (!isMetadata && (key !== undefined || !fields.includes(field))) {
    throw invalidRequest(`Field \`${field}\` is an unsupported search field for this resource.`, {
      param: "query",
    });
  }
  return {
    isNegated: minus === "-",
    field,
    metadataKey: key ?? null,
    operator: operator as Clause["operator"],
    value:
      quoted !== undefined ? quoted.replaceAll(/\\(.)/g, "$1") : digits === undefined ? null : Number(digits),
  };
}

function holds(clause: Clause, item: JsonObject): boolean {
  const field = item[clause.field];
  const value = clause.metadataKey === null ? field : (field as JsonObject | undefined)?.[clause.metadataKey];
  return compare(value, clause) !== clause.isNegated;
}

function compare(value: unknown, { operator, value: wanted }: Clause): boolean {
  if (wanted === null) return value === null || value === undefined;
  if (operator === "~") {
    return typeof value === "string" && value.toLowerCase().includes(String(wanted).toLowerCase());
  }
  if (operator === ":") return value !== null && value !== undefined && String(value) === String(wanted);
  if (typeof value !== "number") return false;
  const bound = Number(wanted);
  switch (operator) {
    case ">":
      return value > bound;
    case "<":
      return value < bound;
    case ">=":
      return value >= bound;
    default:
      return value <= bound;
  }
}

function unreadable(query: string): ReturnType<typeof invalidRequest> {
  return invalidRequest(`We were unable to parse your search query \`${query}\`.`, { param: "query" });
}
