import type { FieldProblem } from "./problem.ts";

/**
 * The server refused or failed a request. `code` is one of the admin API's problem codes, or at the data plane a
 * denial or fault code; `internal` when the answer named none. `problems` lists the fields that were wrong, if any.
 */
export class KeybrakeApiError extends Error {
  override readonly name = "KeybrakeApiError";
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly problems: readonly FieldProblem[] | undefined;

  constructor(status: number, code: string, detail: string, problems?: readonly FieldProblem[]) {
    super(`${code}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.problems = problems;
  }
}

/**
 * The server could not be reached, or did not answer in time: whether a change took effect is not known.
 * The message names the address and never the token.
 */
export class KeybrakeConnectionError extends Error {
  override readonly name = "KeybrakeConnectionError";
  readonly code: "unreachable" | "timed_out" | "interrupted";

  constructor(code: KeybrakeConnectionError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** Reads the error out of an answer's body, in the shape of the admin API or of any vendor. */
export function readApiError(status: number, body: string): KeybrakeApiError {
  const document = parseObject(body);
  const nested = readObject(document["error"]);
  const source = nested ?? document;
  const code = firstText(source["code"], source["name"]) ?? "internal";
  const detail =
    firstText(source["detail"], source["message"], source["title"]) ?? `the server answered ${status}`;
  return new KeybrakeApiError(status, code, detail, readProblems(document["problems"]));
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return readObject(JSON.parse(text)) ?? {};
  } catch {
    return {};
  }
}

function readObject(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function firstText(...values: unknown[]): string | null {
  for (const value of values) {
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
  }
  return null;
}

function readProblems(value: unknown): readonly FieldProblem[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((entry) => {
    const problem = readObject(entry);
    const field = problem?.["field"];
    const message = problem?.["message"];
    return typeof field === "string" && typeof message === "string" ? [{ field, message }] : [];
  });
}
