import { API_ROOT, OPERATIONS, type OperationName, ROUTES, type Route } from "@keybrake/client/contract";
import { type AdminRole, isRoleSufficient } from "@keybrake/core";
import express, { type Request, type RequestHandler, type Response, type Router } from "express";
import type { z } from "zod";
import { type AdminIdentity, identityOf } from "./admin-identity.ts";
import { invalidField, ProblemError } from "./problem.ts";

type Routes = typeof ROUTES;
type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : null;

/** A request that fits its operation's schemas. */
export interface ContractRequest<Name extends OperationName> {
  readonly params: Parsed<Routes[Name]["params"]>;
  readonly query: Parsed<Routes[Name]["query"]>;
  readonly body: Parsed<Routes[Name]["body"]>;
}

type Answers<Name extends OperationName> = Routes[Name]["answers"];

/** One of the answers that the contract names for an operation. */
export type Reply<Name extends OperationName> = {
  [Status in keyof Answers<Name>]: Answers<Name>[Status] extends { schema: z.ZodType }
    ? { readonly status: Status; readonly body: z.output<Answers<Name>[Status]["schema"]> }
    : { readonly status: Status };
}[keyof Answers<Name>];

/** Makes an answer; the status keeps its literal type, by which the contract is checked. */
export function reply<const Status extends number>(status: Status): { readonly status: Status };
export function reply<const Status extends number, Body>(
  status: Status,
  body: Body,
): { readonly status: Status; readonly body: Body };
export function reply(status: number, body?: unknown) {
  return body === undefined ? { status } : { status, body };
}

/** Does one operation, in the terms of the contract alone. */
export type OperationHandler<Name extends OperationName> = (
  request: ContractRequest<Name>,
) => Promise<Reply<Name>>;

/** Does one operation whose answer is a stream. */
export type StreamHandler<Name extends OperationName> = (
  request: ContractRequest<Name>,
  http: { readonly request: Request; readonly response: Response },
) => Promise<void>;

const BODY_BYTES_MAX = 256 * 1_024;
const parseBody = express.json({ limit: BODY_BYTES_MAX, inflate: false });

/** Mounts an operation at the address that the contract gives it. */
export function mount<Name extends OperationName>(
  router: Router,
  name: Name,
  handle: OperationHandler<Name>,
): void {
  mountStream(router, name, async (request, { response }) => {
    const reply = (await handle(request)) as { status: number; body?: unknown };
    response.status(reply.status);
    if (reply.body === undefined) response.end();
    else response.json(reply.body);
  });
}

/** Mounts an operation that writes its answer itself. */
export function mountStream<Name extends OperationName>(
  router: Router,
  name: Name,
  handle: StreamHandler<Name>,
): void {
  const route: Route = ROUTES[name];
  const method = OPERATIONS[name].method.toLowerCase() as "get";
  const handlers: RequestHandler[] = route.body === null ? [] : [requireJson, parseBody];
  const checkRole: RequestHandler = (request, _response, next) => {
    requireRole(identityOf(request), route.role, "this");
    next();
  };
  router[method](expressPath(name), checkRole, ...handlers, async (request, response) => {
    const parsed = parseRequest(route, request) as ContractRequest<Name>;
    requireElevation(route, parsed.body, identityOf(request));
    await handle(parsed, { request, response });
  });
}

/** Answers 405 for the methods that a known address does not know, naming those that it does. */
export function mountOtherMethods(router: Router): void {
  const methods = new Map<string, string[]>();
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const path = expressPath(name);
    methods.set(path, [...(methods.get(path) ?? []), OPERATIONS[name].method]);
  }
  for (const [path, allowed] of methods) {
    router.all(path, (_request, response) => {
      response.setHeader("allow", allowed.join(", "));
      throw new ProblemError("method_not_allowed", { detail: `use ${allowed.join(" or ")}` });
    });
  }
}

/** Before anything of the request is read: whoever may not ask learns nothing of how to ask. */
function requireRole(identity: AdminIdentity, needed: AdminRole, what: string): void {
  if (isRoleSufficient(identity.role, needed)) return;
  const detail = `${what} needs the role \`${needed}\`, and this token has the role \`${identity.role}\``;
  throw new ProblemError("role_not_sufficient", { detail });
}

function requireElevation({ elevation }: Route, body: unknown, identity: AdminIdentity): void {
  if (elevation === null || (body as Record<string, unknown>)[elevation.flag] !== true) return;
  requireRole(identity, elevation.role, `\`${elevation.flag}\``);
}

function expressPath(name: OperationName): string {
  return OPERATIONS[name].path.replace(/\{(\w+)\}/g, ":$1");
}

function requireJson(request: Request, _response: Response, next: () => void): void {
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (hasBody && request.is("application/json") === false)
    throw new ProblemError("unsupported_media_type", { detail: "send `Content-Type: application/json`" });
  next();
}

function parseRequest(route: Route, request: Request): ContractRequest<OperationName> {
  const body = request.body === undefined && route.isBodyOptional ? {} : (request.body as unknown);
  return {
    params: parsePart(route.params, request.params, "the path"),
    query: parsePart(route.query, request.query, "the query") ?? refuseQuery(request),
    body: parsePart(route.body, body, "the body"),
  } as ContractRequest<OperationName>;
}

function refuseQuery(request: Request): null {
  const [unknown] = Object.keys(request.query);
  if (unknown !== undefined) throw invalidField(unknown, `is not known to \`${API_ROOT}${request.path}\``);
  return null;
}

function parsePart(schema: z.ZodType | null, value: unknown, place: string): unknown {
  if (schema === null) return null;
  if (value === undefined) throw invalidField("", `${place} is missing`);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(describeIssue);
  const [first] = problems;
  const detail = first === undefined ? `${place} is invalid` : `${first.field || place}: ${first.message}`;
  throw new ProblemError("invalid_request", { detail, problems });
}

/** An unknown field is told by its own name, one problem each; no problem repeats a value. */
function describeIssue(issue: z.core.$ZodIssue): { field: string; message: string }[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: [...path, key].join("."),
      message: "is not a field of this request",
    }));
  }
  const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return [{ field: path.join("."), message: isMissing ? "is required" : issue.message }];
}
