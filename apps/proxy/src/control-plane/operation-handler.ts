import {
  API_ROOT,
  OPERATIONS,
  type OperationName,
  PROBLEMS,
  ROUTES,
  type Route,
} from "@keybrake/client/contract";
import { type AdminRole, isRoleSufficient } from "@keybrake/core";
import express, { type Request, type Response, type Router } from "express";
import type { z } from "zod";
import { type AdminIdentity, addressOf, authenticationOf } from "./admin-identity.ts";
import type { AdminEntry, AdminTrail, AuditedDatabase } from "./admin-trail.ts";
import { invalidField, ProblemError, toProblem } from "./problem.ts";

/** Where operations are mounted, and where they leave their entries. */
export interface AdminApi {
  readonly router: Router;
  readonly trail: AdminTrail;
}

type Routes = typeof ROUTES;
type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : null;

/** A request that fits its operation's schemas. */
export interface ContractRequest<Name extends OperationName> {
  readonly params: Parsed<Routes[Name]["params"]>;
  readonly query: Parsed<Routes[Name]["query"]>;
  readonly body: Parsed<Routes[Name]["body"]>;
  readonly identity: Routes[Name]["role"] extends null ? null : AdminIdentity;
  /**
   * Where an operation that changes something must make its change: the entry in the admin trail is part of the same
   * transaction. One that forgets it fails. With an elevation the entries are written around the operation instead.
   */
  readonly audited: Routes[Name]["change"] extends null ? null : AuditedDatabase;
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
  api: AdminApi,
  name: Name,
  handle: OperationHandler<Name>,
): void {
  mountStream(api, name, async (request, { response }) => {
    const reply = (await handle(request)) as { status: number; body?: unknown };
    response.status(reply.status);
    if (reply.body === undefined) response.end();
    else response.json(reply.body);
  });
}

/** Mounts an operation that writes its answer itself. */
export function mountStream<Name extends OperationName>(
  { router, trail }: AdminApi,
  name: Name,
  handle: StreamHandler<Name>,
): void {
  const route: Route = ROUTES[name];
  const method = OPERATIONS[name].method.toLowerCase() as "get";
  router[method](expressPath(name), async (request, response) => {
    const identity = route.role === null ? null : authenticationOf(request).identity;
    let entry: AdminEntry = {
      identity,
      address: addressOf(request),
      action: route.change?.action ?? name,
      target: readTarget(route, request),
      details: {},
    };
    try {
      if (identity !== null) requireRole(identity, route.role, "this");
      if (route.body !== null) await readBody(request, response);
      const parsed = parseRequest(route, request);
      const details = pickFields(parsed.body, route.change?.fields ?? []);
      entry = { ...entry, target: entry.target ?? readText(details[route.change?.target ?? ""]), details };
      const isElevated = requireElevation(route, parsed.body, identity);
      const handleWith = (audited: AuditedDatabase | null) =>
        handle({ ...parsed, identity, audited } as ContractRequest<Name>, { request, response });
      if (route.change === null) await handleWith(null);
      else if (route.elevation === null) await change(trail, entry, handleWith);
      else if (isElevated) await changeInSteps(trail, entry, handleWith);
      else await handleWith(null);
    } catch (error) {
      await noteRefusal(trail, entry, route, error);
      throw error;
    }
  });
}

async function change(
  trail: AdminTrail,
  entry: AdminEntry,
  handleWith: (audited: AuditedDatabase) => Promise<void>,
): Promise<void> {
  const audited = trail.audited(entry);
  await handleWith(audited);
  if (audited.entries === 0) throw new TypeError(`\`${entry.action}\` left no entry in the admin trail`);
}

/** What is no single statement is written down before it begins, and again when it is done. */
async function changeInSteps(
  trail: AdminTrail,
  entry: AdminEntry,
  handleWith: (audited: AuditedDatabase) => Promise<void>,
): Promise<void> {
  await trail.note(entry, "begun");
  await handleWith(trail.audited(entry));
  await trail.note(entry, "done");
}

/**
 * Every refused change leaves an entry, and every refusal for the role's sake. When that cannot be written, the request
 * fails for that reason instead; what failed by itself keeps its own reason.
 */
async function noteRefusal(
  trail: AdminTrail,
  entry: AdminEntry,
  route: Route,
  error: unknown,
): Promise<void> {
  const { code } = toProblem(error);
  // Whoever proved nothing is counted as a guess, and noted as one.
  if (route.role === null) return;
  if (route.change === null && code !== "role_not_sufficient") return;
  if (PROBLEMS[code].status < 500) await trail.note(entry, "refused", code);
  else await trail.note(entry, "failed", code).catch(() => undefined);
}

function readTarget(route: Route, request: Request): string | null {
  const params = route.params?.safeParse(request.params);
  return params?.success === true ? readText(Object.values(params.data)[0]) : null;
}

function readText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function pickFields(body: unknown, names: readonly string[]): Record<string, unknown> {
  const given = (body ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
}

async function readBody(request: Request, response: Response): Promise<void> {
  requireJson(request);
  await new Promise<void>((resolve, reject) => {
    parseBody(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
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
function requireRole(identity: AdminIdentity, needed: AdminRole | null, what: string): void {
  if (needed === null || isRoleSufficient(identity.role, needed)) return;
  const detail = `${what} needs the role \`${needed}\`, and this token has the role \`${identity.role}\``;
  throw new ProblemError("role_not_sufficient", { detail });
}

/** Whether the request asks for what needs more; throws when it may not. */
function requireElevation({ elevation }: Route, body: unknown, identity: AdminIdentity | null): boolean {
  if (elevation === null || identity === null || (body as Record<string, unknown>)[elevation.flag] !== true)
    return false;
  requireRole(identity, elevation.role, `\`${elevation.flag}\``);
  return true;
}

function expressPath(name: OperationName): string {
  return OPERATIONS[name].path.replace(/\{(\w+)\}/g, ":$1");
}

function requireJson(request: Request): void {
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (hasBody && request.is("application/json") === false)
    throw new ProblemError("unsupported_media_type", { detail: "send `Content-Type: application/json`" });
}

type Parts = Pick<ContractRequest<OperationName>, "params" | "query" | "body">;

function parseRequest(route: Route, request: Request): Parts {
  const body = request.body === undefined && route.isBodyOptional ? {} : (request.body as unknown);
  return {
    params: parsePart(route.params, request.params, "the path"),
    query: parsePart(route.query, request.query, "the query") ?? refuseQuery(request),
    body: parsePart(route.body, body, "the body"),
  } as Parts;
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
