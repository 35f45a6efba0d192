import { type Refusal, STOPS_READS } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import type { CallOutcome } from "./call-outcome.ts";
import { isBreach } from "./cap-breach.ts";

/** What a tool gives: text for the model, and the facts for the program. */
export interface ToolAnswer {
  readonly isError: boolean;
  /** JSON, bounded. */
  readonly content: string;
  readonly artifact: ToolArtifact;
}

/** An outcome's facts, for the program around the model; no credential is in it. */
export interface ToolArtifact {
  /** Null when a tool called by itself, and nobody knows whom. */
  readonly vendor: VendorName | null;
  readonly operation: string | null;
  readonly agent_id: string;
  /** The id of the call's audit row. */
  readonly call_id: string | null;
  /** Null after a success. */
  readonly error: ErrorName | null;
  readonly code: string | null;
  /** An instant; null when waiting does not help, or nothing has to be waited for. */
  readonly retry_at: string | null;
  readonly limit: unknown;
  readonly status: number | null;
  /** The vendor's own answer, but for client secrets: traces show it. */
  readonly data: unknown;
}

/** What went wrong, in general; `code` says what exactly. */
export type ErrorName =
  | "cap_exceeded"
  | "vault_key_ended"
  | "refused"
  | "rate_limited"
  | "vendor_error"
  | "outcome_unknown"
  | "unavailable"
  | "invalid_arguments";

/** More than a model can use of one answer. */
const CONTENT_CHARS_MAX = 20_000;

/** Tells a model what came of a call, and a program the same in full. */
export function toToolAnswer(outcome: CallOutcome): ToolAnswer {
  const refusal = outcome.kind === "refused" ? outcome.refusal : null;
  const problem = problemOf(outcome);
  const data = "data" in outcome ? withoutSecrets(outcome.data) : null;
  return {
    isError: problem !== null,
    content: problem === null ? renderData(data) : JSON.stringify(problem),
    artifact: {
      vendor: outcome.vendor,
      operation: outcome.operation,
      agent_id: outcome.agentId,
      call_id: outcome.callId,
      error: problem?.error ?? null,
      code: problem?.code ?? null,
      retry_at: refusal?.retryAt?.toISOString() ?? null,
      limit: refusal?.limit ?? null,
      status: "status" in outcome ? outcome.status : null,
      data,
    },
  };
}

/** A refusal's facts, for a program whose tool called a vendor by itself. */
export function refusalArtifact(agentId: string, vendor: VendorName | null, refusal: Refusal): ToolArtifact {
  return {
    vendor,
    operation: null,
    agent_id: agentId,
    call_id: refusal.callId,
    error: refusalProblem(vendor ?? "this vendor", refusal).error,
    code: refusal.code,
    retry_at: refusal.retryAt?.toISOString() ?? null,
    limit: refusal.limit,
    status: null,
    data: null,
  };
}

interface Problem {
  readonly error: ErrorName;
  readonly code: string | null;
  readonly retry_at: string | null;
  /** Whether the same call may be made again: the model is told so in the message, too. */
  readonly retry: boolean;
  readonly message: string;
}

function problemOf(outcome: CallOutcome): Problem | null {
  switch (outcome.kind) {
    case "answered":
      return null;
    case "refused":
      return refusalProblem(outcome.vendor, outcome.refusal);
    case "vendor_error":
      return problem(
        "vendor_error",
        outcome.code,
        false,
        `${outcome.vendor} refused the call: ${outcome.message}`,
      );
    case "invalid":
      return problem("invalid_arguments", null, true, outcome.reason);
    case "failed":
      return problem(
        "unavailable",
        null,
        true,
        `${outcome.reason}. Nothing has happened at ${outcome.vendor}.`,
      );
    case "unknown":
      return problem(
        "outcome_unknown",
        null,
        false,
        `${outcome.reason}. The call may have taken effect at ${outcome.vendor}. Find out with a tool that reads, or report it; do not make the call in another form.`,
      );
  }
}

/** A refusal as a model is told it; `vendor` is whose key was refused. */
export function refusalProblem(vendor: string, refusal: Refusal): Problem {
  const { code, message } = refusal;
  const retryAt = refusal.retryAt?.toISOString() ?? null;
  if (isBreach(refusal)) {
    const until = retryAt === null ? "at all in this run" : `before ${retryAt}`;
    const which = STOPS_READS.has(code) ? `tool of ${vendor}` : `tool of ${vendor} that changes something`;
    return {
      error: /^vault_key_/.test(code) ? "vault_key_ended" : "cap_exceeded",
      code,
      retry_at: retryAt,
      retry: false,
      message: `${message}. Stop: do not call this or any other ${which} ${until}, with any arguments. Finish with what you have, and say what was not done.`,
    };
  }
  if (refusal.kind === "briefly")
    return {
      error: "rate_limited",
      code,
      retry_at: retryAt,
      retry: true,
      message: `${message}. Wait before you try again.`,
    };
  return problem(
    "refused",
    code,
    false,
    `${message}. This call is not allowed; the same call will be refused again.`,
  );
}

function problem(error: ErrorName, code: string | null, retry: boolean, message: string): Problem {
  return { error, code, retry_at: null, retry, message };
}

/** With a client secret anybody can confirm a payment past Keybrake: neither a model nor a trace needs one. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => name !== "client_secret");
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutSecrets(field)]));
}

/** Without nulls, which are most of an object of Stripe's. */
function renderData(data: unknown): string {
  const text = JSON.stringify(data, (_, value: unknown) => (value === null ? undefined : value)) ?? "null";
  if (text.length <= CONTENT_CHARS_MAX) return text;
  return `${text.slice(0, CONTENT_CHARS_MAX)} … (cut off: ${text.length} characters in all; ask for less)`;
}
