/** The names that the fake's errors have at Resend. */
export type ResendErrorName =
  | "missing_api_key"
  | "invalid_api_key"
  | "restricted_api_key"
  | "invalid_idempotency_key"
  | "invalid_idempotent_request"
  | "concurrent_idempotent_requests"
  | "validation_error"
  | "missing_required_field"
  | "invalid_parameter"
  | "not_found"
  | "method_not_allowed"
  | "rate_limit_exceeded"
  | "application_error";

/** An answer that is no success, in Resend's words. */
export class ResendError extends Error {
  override readonly name = "ResendError";
  readonly status: number;
  readonly errorName: ResendErrorName;

  constructor(status: number, errorName: ResendErrorName, message: string) {
    super(message);
    this.status = status;
    this.errorName = errorName;
  }

  /** The body in Resend's shape. */
  content(): object {
    return { statusCode: this.status, name: this.errorName, message: this.message };
  }
}

/** 422 for a value that Resend does not take. */
export function invalid(message: string): ResendError {
  return new ResendError(422, "validation_error", message);
}

/** 422 for a field that is not there. */
export function missing(field: string): ResendError {
  return new ResendError(422, "missing_required_field", `Missing \`${field}\` field.`);
}

/** 404 for an object that is not there. */
export function noSuch(kind: string): ResendError {
  return new ResendError(404, "not_found", `${kind} not found`);
}
