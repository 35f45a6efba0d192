import type { ServerResponse } from "node:http";
import { DENIALS, type Denial, FAULTS, isKeybrakeError, type Vendor } from "@keybrake/core";

/** What an agent gets: a status, headers with lower-case names, and a complete body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Writes an answer, if the agent is still there. */
export function writeAnswer(response: ServerResponse, callId: string, answer: Answer): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(answer.status, {
    ...answer.headers,
    "cache-control": "no-store",
    "content-length": answer.body.length,
    "keybrake-call-id": callId,
  });
  response.end(response.req.method === "HEAD" ? undefined : answer.body);
}

/** A refusal in the vendor's own error shape, so that its SDK raises its typed error. */
export function renderDenial(vendor: Vendor, callId: string, denial: Denial): Answer {
  const { status, retryable } = DENIALS[denial.code];
  const seconds = denial.retryAfterSeconds ?? (retryable ? 1 : null);
  // A cap comes back at midnight: no SDK may sit and wait for it, or try again before.
  const isWorthRetrying = retryable && denial.limit === undefined;
  const body = vendor.renderError({ code: denial.code, status, message: denial.reason, callId, denial });
  return {
    status,
    headers: {
      "content-type": "application/json",
      "request-id": `req_kb_${callId.replaceAll("-", "")}`,
      ...(isWorthRetrying ? {} : { "stripe-should-retry": "false", "x-should-retry": "false" }),
      ...(seconds === null ? {} : { "retry-after": String(seconds) }),
      ...(denial.code === "payload_too_large" || denial.code === "request_timeout"
        ? { connection: "close" }
        : {}),
    },
    body: Buffer.from(body),
  };
}

/** A fault in the vendor's own error shape. Anything that is no known fault shows nothing but `internal`. */
export function renderFault(vendor: Vendor, callId: string, error: unknown): Answer {
  const code = isKeybrakeError(error) ? error.code : "internal";
  const message = isKeybrakeError(error) ? error.message : FAULTS.internal.title;
  const { status } = FAULTS[code];
  const body = vendor.renderError({ code, status, message, callId, denial: null });
  const isSafeToRetry = code === "ledger_unavailable" || code === "overloaded";
  const seconds = (isKeybrakeError(error) ? error.retryAfterSeconds : null) ?? 1;
  return {
    status,
    headers: {
      "content-type": "application/json",
      "request-id": `req_kb_${callId.replaceAll("-", "")}`,
      ...(isSafeToRetry ? { "retry-after": String(seconds) } : {}),
      ...(code === "vendor_answer_withheld" || code === "history_lost"
        ? { "stripe-should-retry": "false", "x-should-retry": "false" }
        : {}),
    },
    body: Buffer.from(body),
  };
}
