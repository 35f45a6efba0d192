import { readFault } from "@keybrake/client";
import { AgentSetupError } from "./agent-setup-error.ts";
import type { CallOutcome } from "./call-outcome.ts";

type WithoutFacts<Outcome> = Outcome extends unknown
  ? Omit<Outcome, "vendor" | "operation" | "agentId" | "callId">
  : never;
/** An outcome, but for whose it is. */
export type Ending = WithoutFacts<CallOutcome>;

/** Failures of the connection before anything was written to it. */
const BEFORE_SENDING =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|SSL|TLS/;

/** Says what a complete answer means that is no refusal of Keybrake's. `isAccounted` = the call may cost or change something. */
export function readAnswer(response: Response, text: string, isAccounted: boolean): Ending {
  const { status } = response;
  const data = parse(text);
  if (status < 400) return { kind: "answered", status, data };
  const fault = readFault({ status, headers: response.headers, body: text });
  if (fault !== null)
    return noAnswer(`${fault.code}: ${fault.message}`, isAccounted && fault.outcome === "unknown");
  const { code, message } = readVendorError(data);
  if (status >= 500) return noAnswer(`the vendor answered ${status}: ${message}`, isAccounted);
  return { kind: "vendor_error", status, code, message, data };
}

/** Says what it means that there is no answer. Throws what is the program's own fault. */
export function readFailure(error: unknown, isAccounted: boolean): Ending {
  if (error instanceof AgentSetupError) throw error;
  const isTimeout = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
  if (isTimeout) return noAnswer("there was no answer in time", isAccounted);
  if (isBeforeSending(error)) return noAnswer("the proxy cannot be reached", false);
  return noAnswer("the connection broke", isAccounted);
}

/** True for an error that proves that nothing was sent. */
export function isBeforeSending(error: unknown): boolean {
  if (error instanceof AgentSetupError) return true;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : null;
  return cause !== null && "code" in cause && BEFORE_SENDING.test(String(cause.code));
}

function noAnswer(reason: string, mayHaveEffect: boolean): Ending {
  return { kind: mayHaveEffect ? "unknown" : "failed", reason };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Stripe nests its error, Twilio has a number for a code, Resend a name. */
function readVendorError(data: unknown): { code: string | null; message: string } {
  const outer = fieldsOf(data);
  const error = "error" in outer ? fieldsOf(outer["error"]) : outer;
  const code = error["code"] ?? error["name"] ?? error["type"];
  const message = error["message"];
  return {
    code: typeof code === "string" || typeof code === "number" ? String(code) : null,
    message: typeof message === "string" && message !== "" ? message : "the vendor gave no reason",
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
