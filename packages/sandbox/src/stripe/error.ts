import { randomText } from "./ids.ts";

/** Stripe's four kinds of error. */
type StripeErrorType = "api_error" | "card_error" | "idempotency_error" | "invalid_request_error";

interface StripeErrorFields {
  readonly type: StripeErrorType;
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
  /** What else the error object carries: `decline_code`, `charge`, `payment_intent` … */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A refusal by the fake Stripe: an HTTP status and what is inside `error`. */
export class StripeError extends Error {
  override readonly name = "StripeError";
  readonly status: number;
  readonly fields: StripeErrorFields;

  constructor(status: number, fields: StripeErrorFields) {
    super(fields.message);
    this.status = status;
    this.fields = fields;
  }

  /** What to answer with, in Stripe's shape. */
  content(requestId: string): object {
    const { type, message, code, param, details } = this.fields;
    return {
      error: {
        ...(code === undefined
          ? {}
          : { code, doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}` }),
        ...details,
        message,
        ...(param === undefined ? {} : { param }),
        request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
        type,
      },
    };
  }
}

/** 400 `invalid_request_error`. */
export function invalidRequest(
  message: string,
  { code, param }: { code?: string; param?: string } = {},
): StripeError {
  return new StripeError(400, {
    type: "invalid_request_error",
    message,
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  });
}

/** `resource_missing`: 404 for the object that the call is about, 400 for one that it refers to. */
export function noSuch(kind: string, id: string, param: string, status: 400 | 404): StripeError {
  return new StripeError(status, {
    type: "invalid_request_error",
    code: "resource_missing",
    message: `No such ${kind}: '${id}'`,
    param,
  });
}

/** 401 for a credential that is absent (null) or wrong. Shows the key's ends, as Stripe does. */
export function badCredential(key: string | null): StripeError {
  const message =
    key === null
      ? "You did not provide an API key. You need to provide your API key in the Authorization header, " +
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
      : `Invalid API Key provided: ${masked(key)}`;
  return new StripeError(401, { type: "invalid_request_error", message });
}

function masked(key: string): string {
  if (key.length <= 12) return `${"*".repeat(Math.max(0, key.length - 4))}${key.slice(-4)}`;
  return `${key.slice(0, 8)}${"*".repeat(key.length - 12)}${key.slice(-4)}`;
}

/** 404 for a method and path that Stripe (or this sandbox) does not have. */
export function unknownUrl(method: string, path: string): StripeError {
  return new StripeError(404, {
    type: "invalid_request_error",
    message:
      `Unrecognized request URL (${method}: ${path}). If you are trying to list objects, remove the trailing ` +
      "slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier.",
  });
}

/** 409 as when another request holds the same object. */
export function lockTimeout(): StripeError {
  return new StripeError(409, {
    type: "invalid_request_error",
    code: "lock_timeout",
    message:
      "This object cannot be accessed right now because another API request or Stripe process is currently " +
      "accessing it. If you see this error intermittently, retry the request.",
  });
}

/** 429 of Stripe's own rate limit. */
export function rateLimited(): StripeError {
  return new StripeError(429, {
    type: "invalid_request_error",
    code: "rate_limit",
    message:
      "Request rate limit exceeded. Learn more about rate limits at https://stripe.com/docs/rate-limits.",
  });
}

/** 500: whether the call had its effect cannot be told from it. */
export function internalError(): StripeError {
  return new StripeError(500, {
    type: "api_error",
    message: `An unknown error occurred. It has been logged as ${randomText(12)}.`,
  });
}
