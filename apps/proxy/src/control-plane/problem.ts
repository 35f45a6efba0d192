import { type FieldProblem, PROBLEMS, type ProblemCode } from "@keybrake/client/contract";
import { isKeybrakeError } from "@keybrake/core";
import type { ErrorRequestHandler, Response } from "express";

/** What a refusal may add to its code. `detail` and `problems` reach the client; `cause` is for logs only. */
export interface ProblemOptions {
  readonly detail?: string;
  readonly problems?: readonly FieldProblem[];
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** A refusal on its way to the edge of the control plane, where it becomes problem details. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly code: ProblemCode;
  readonly problems: readonly FieldProblem[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(
      options.detail ?? PROBLEMS[code].title,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.problems = options.problems;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** A request that does not fit, with one sentence about one field. */
export function invalidField(field: string, message: string): ProblemError {
  return new ProblemError("invalid_request", {
    detail: field === "" ? message : `\`${field}\` ${message}`,
    problems: [{ field, message }],
  });
}

/** Writes problem details (RFC 9457). The only place of the control plane that writes an error body. */
export function sendProblem(response: Response, problem: ProblemError): void {
  const { status, title } = PROBLEMS[problem.code];
  if (problem.retryAfterSeconds !== undefined)
    response.setHeader("retry-after", String(problem.retryAfterSeconds));
  if (status === 401) response.setHeader("www-authenticate", 'Bearer realm="keybrake"');
  const body = {
    type: "about:blank",
    title,
    status,
    detail: problem.message,
    code: problem.code,
    ...(problem.problems === undefined ? {} : { problems: problem.problems }),
  };
  response.status(status).type("application/problem+json").send(JSON.stringify(body));
}

/** Where faults are told; the fields name no value of any request. */
export interface ControlPlaneLogger {
  error(fields: Readonly<Record<string, unknown>>): void;
}

const RETRY_AFTER_SECONDS = 1;
/** What an operator must look into; a busy or unready replica says so itself, again and again. */
const FAULTY: ReadonlySet<ProblemCode> = new Set(["internal", "ledger_unavailable"]);

/**
 * The last resort: every error becomes problem details, and what was not foreseen becomes `internal` with its detail
 * in the log only. Express's own handler would print the request's body on stderr.
 */
export function createErrorHandler(logger: ControlPlaneLogger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const problem = toProblem(error);
    if (FAULTY.has(problem.code)) logger.error(describe(problem, error, request.method, request.route?.path));
    // An answer that has begun can only be cut, so that the reader sees that it is incomplete.
    if (response.headersSent) response.destroy();
    else sendProblem(response, problem);
  };
}

/** The refusal that an error becomes; what was not foreseen becomes `internal`. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (isKeybrakeError(error)) return fromFault(error.code, error.message, error);
  const { type, status } = error as { type?: unknown; status?: unknown };
  if (type === "entity.too.large") return new ProblemError("payload_too_large");
  if (type === "entity.parse.failed") return invalidField("", "the body is not valid JSON");
  if (type === "encoding.unsupported" || type === "charset.unsupported")
    return new ProblemError("unsupported_media_type");
  if (typeof status === "number" && status >= 400 && status < 500)
    return invalidField("", "the request cannot be read");
  return new ProblemError("internal", { cause: error });
}

function fromFault(fault: string, detail: string, cause: unknown): ProblemError {
  const code = fault === "ledger_unavailable" || fault === "overloaded" ? fault : "internal";
  const options = code === "internal" ? {} : { detail, retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new ProblemError(code, { ...options, cause });
}

function describe(problem: ProblemError, error: unknown, method: string, route: unknown) {
  const root = problem.cause ?? error;
  return {
    event: "control_plane.failed",
    code: problem.code,
    method,
    route: typeof route === "string" ? route : null,
    stack: root instanceof Error ? root.stack : String(root),
  };
}
