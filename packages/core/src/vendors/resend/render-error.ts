import type { Problem } from "../vendor.ts";

const NAMES: Readonly<Record<string, string>> = {
  vault_key_missing: "missing_api_key",
  vault_key_invalid: "invalid_api_key",
  vault_key_revoked: "invalid_api_key",
  vault_key_expired: "invalid_api_key",
  request_ambiguous: "validation_error",
  request_malformed: "validation_error",
  payload_too_large: "validation_error",
  idempotency_in_flight: "concurrent_idempotent_requests",
  idempotency_mismatch: "invalid_idempotent_request",
  monthly_cap_exceeded: "monthly_quota_exceeded",
  monthly_request_limit: "monthly_quota_exceeded",
  rate_limited: "rate_limit_exceeded",
};

/** Resend's error shape; the name is one of Resend's own, the message starts with Keybrake's code. */
export function renderResendError(problem: Problem): string {
  const { code, status, message, callId, denial } = problem;
  return JSON.stringify({
    statusCode: status,
    name: NAMES[code] ?? nameByStatus(status),
    message: `${code}: ${message}`,
    keybrake: {
      code,
      call_id: callId,
      limit: denial?.limit ?? null,
      retry_at: denial?.retryAt?.toISOString() ?? null,
    },
  });
}

function nameByStatus(status: number): string {
  if (status === 429) return "daily_quota_exceeded";
  return status >= 500 ? "application_error" : "invalid_access";
}
