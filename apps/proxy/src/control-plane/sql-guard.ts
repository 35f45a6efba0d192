import type { Database } from "../ledger/database.ts";
import { readSqlTokens, type SqlToken } from "./sql-tokens.ts";
import { SQL_FUNCTIONS, SQL_KEYWORDS, UNBOUNDED_FUNCTIONS } from "./sql-words.ts";

/** Names that the wrapping of a query uses for itself. */
export const RESERVED_PREFIX = "keybrake_";

/**
 * Relations that people may read as they are. Not among them: `secrets`, `vault_keys` and `admin_tokens`, of which only
 * some columns may be read, `install_keys`, upstream idempotency keys, and every catalog (`pg_statistic` holds samples of all columns).
 */
const READABLE = new Set([
  "admin_events",
  "audit_chain",
  "audit_tombstones",
  "budget_windows",
  "budgets",
  "calls",
  "credits",
  "denial_counts",
  "alerts",
  "alert_deliveries",
  "exposures",
  "installation",
  "replicas",
  "reservations",
]);
const CALLS_PARTITION = /^calls_[0-9]{4}_[0-9]{2}$/;
const SHADOWED = new Set(["admin_tokens", "secrets", "vault_keys"]);
/** What changes rows, or reads somewhere else. */
const REFUSED_NODES = new Set(["ModifyTable", "Foreign Scan", "Custom Scan"]);

/**
 * Reads a query that a person wrote, before the database sees any of it. Returns the text without its last semicolon, or a
 * sentence. What passes is one balanced SELECT, WITH, VALUES or TABLE that calls only functions of a list, so that it
 * can neither leave the parentheses that it is put into nor do anything but compute. On PGlite, where nothing can be
 * interrupted, it also cannot repeat itself.
 */
export function readQuery(text: string, kind: Database["kind"]): { readonly query: string } | string {
  const tokens = readSqlTokens(text);
  if (typeof tokens === "string") return tokens;
  const body = withoutLastSemicolon(tokens);
  const first = body.find((token) => !isSymbol(token, "("));
  if (first === undefined) return "the query is empty";
  if (first.kind !== "word" || !["select", "with", "values", "table"].includes(first.text))
    return "only a query that starts with SELECT, WITH, VALUES or TABLE may be run";
  const problem = findBalanceProblem(body) ?? findWordProblem(body, kind);
  if (problem !== null) return problem;
  const end = tokens[body.length]?.start ?? text.length;
  return { query: text.slice(0, end) };
}

function withoutLastSemicolon(tokens: readonly SqlToken[]): readonly SqlToken[] {
  let length = tokens.length;
  while (isSymbol(tokens[length - 1], ";")) length--;
  return tokens.slice(0, length);
}

function isSymbol(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === "symbol" && token.text === text;
}

function findBalanceProblem(tokens: readonly SqlToken[]): string | null {
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind !== "symbol") continue;
    if (text === ";") return "only one statement may be run at a time";
    if (text === "(") depth++;
    if (text === ")") depth--;
    if (depth < 0) break;
  }
  return depth === 0 ? null : "the parentheses are not balanced";
}

function findWordProblem(tokens: readonly SqlToken[], kind: Database["kind"]): string | null {
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "word" && token.kind !== "quoted") continue;
    if (token.text.startsWith(RESERVED_PREFIX))
      return `names that start with \`${RESERVED_PREFIX}\` are reserved`;
    if (kind === "pglite" && token.kind === "word" && token.text === "recursive")
      return "`WITH RECURSIVE` is not allowed on the embedded database, which cannot be interrupted";
    if (isSymbol(tokens[index + 1], "(")) {
      const problem = findCallProblem(token, tokens[index - 1], kind);
      if (problem !== null) return problem;
    }
  }
  return null;
}

/** A word before a parenthesis is a keyword, the name of a column list, or a function; functions must be known. */
function findCallProblem(
  token: SqlToken,
  before: SqlToken | undefined,
  database: Database["kind"],
): string | null {
  const { kind, text } = token;
  if (isSymbol(before, "."))
    return `write \`${text}\` without a schema: other schemas' functions may not be called`;
  if (kind === "word" && SQL_KEYWORDS.has(text)) return null;
  // Behind AS, WITH and RECURSIVE a name opens a list of columns: `WITH t (a, b) AS …`, `… AS u (a, b)`.
  const namesColumns = before?.kind === "word" && ["as", "with", "recursive"].includes(before.text);
  if (namesColumns || SQL_FUNCTIONS.has(text)) return null;
  if (database === "postgres" && UNBOUNDED_FUNCTIONS.has(text)) return null;
  return `the function \`${text}\` may not be called here`;
}

/** What the planner says about a query, as far as it matters here. */
export interface QueryPlan {
  readonly relations: readonly PlannedRelation[];
  readonly nodes: ReadonlySet<string>;
  readonly cost: number;
}

interface PlannedRelation {
  readonly schema: string;
  readonly name: string;
  readonly alias: string;
}

/** Collects what `EXPLAIN (FORMAT JSON, VERBOSE)` answered: a relation that is read stands in the plan, always. */
export function readPlan(explained: unknown): QueryPlan {
  const relations: PlannedRelation[] = [];
  const nodes = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) visit(inner);
    if (typeof value !== "object" || value === null) return;
    const node = value as Record<string, unknown>;
    if (typeof node["Node Type"] === "string") nodes.add(node["Node Type"]);
    if (node["Relation Name"] !== undefined) {
      const [schema, name, alias] = [node["Schema"], node["Relation Name"], node["Alias"]].map(String);
      relations.push({ schema: schema ?? "", name: name ?? "", alias: alias ?? "" });
    }
    for (const inner of Object.values(node)) if (typeof inner === "object") visit(inner);
  };
  visit(explained);
  return { relations, nodes, cost: readCost(explained) };
}

/** Says why a plan may not be run, or null. `schema` is where the ledger's tables are. */
export function findPlanProblem(plan: QueryPlan, schema: string): string | null {
  for (const relation of plan.relations) {
    const isOurs = relation.schema === schema;
    const isReadable = isOurs && (READABLE.has(relation.name) || CALLS_PARTITION.test(relation.name));
    // The wrapping reads the shadowed tables under aliases that no query can write.
    const isShadow = isOurs && SHADOWED.has(relation.name) && relation.alias.startsWith(RESERVED_PREFIX);
    if (isReadable || isShadow) continue;
    if (isOurs && SHADOWED.has(relation.name)) return `write \`${relation.name}\` without a schema`;
    return `the table \`${relation.name}\` may not be read here`;
  }
  for (const node of plan.nodes) {
    if (node === "LockRows") return "`FOR UPDATE` and `FOR SHARE` are not allowed";
    if (REFUSED_NODES.has(node)) return `a query may not do \`${node}\``;
  }
  return null;
}

function readCost(explained: unknown): number {
  const [first] = Array.isArray(explained) ? explained : [];
  const cost = (first as { Plan?: { "Total Cost"?: unknown } } | undefined)?.Plan?.["Total Cost"];
  return typeof cost === "number" ? cost : Number.POSITIVE_INFINITY;
}
