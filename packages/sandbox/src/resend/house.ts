import { randomUUID } from "node:crypto";
import { type Fault, isFaultKind, parseDelayMs } from "../faults.ts";
import type { PreparedCall, RestAnswer, RestHouse } from "../rest-call.ts";
import { headerOf, type RefusingFault, type VendorRequest } from "../vendor.ts";
import type { ResendAccount } from "./account.ts";
import { invalid, ResendError } from "./error.ts";
import { parseJson } from "./fields.ts";
import type { IdempotencyKeys } from "./idempotency.ts";
import { findRoute } from "./router.ts";

const KEYED_PATHS: ReadonlySet<string> = new Set(["/emails", "/emails/batch"]);

/** Resend's side of every call. */
export class ResendHouse implements RestHouse {
  readonly account: ResendAccount;
  readonly #keys: IdempotencyKeys;
  readonly #apiKeys: ReadonlySet<string> | null;

  /** `apiKeys` null accepts every key that starts with `re_`. */
  constructor(account: ResendAccount, keys: IdempotencyKeys, apiKeys: ReadonlySet<string> | null) {
    this.account = account;
    this.#keys = keys;
    this.#apiKeys = apiKeys;
  }

  get writes(): number {
    return this.account.writes;
  }

  newRequestId(): string {
    return randomUUID();
  }

  prepare(request: VendorRequest): PreparedCall {
    const { method, path, query } = request;
    const apiKey = this.#checkCredential(request);
    const { operation, ids } = findRoute(method, path);
    const body = parseJson(request.body);
    const isPermissive = headerOf(request, "x-batch-validation")?.toLowerCase() === "permissive";
    const { account } = this;
    const execute = operation({ account, body, ids, isPermissive, query: new URLSearchParams(query) });
    const key = headerOf(request, "idempotency-key");
    const isKeyed = key !== undefined && method === "POST" && KEYED_PATHS.has(path);
    return {
      execute,
      key: isKeyed ? this.#keys.holder(key, apiKey, `${path} ${JSON.stringify(body)}`) : null,
      requestedFault: requestedFault(body),
    };
  }

  refusal(error: unknown): RestAnswer {
    if (!(error instanceof ResendError)) throw error;
    return { status: error.status, content: error.content() };
  }

  faultAnswer(
    fault: Exclude<RefusingFault, "echo_authorization"> | "declined" | "error_500_after",
  ): RestAnswer {
    switch (fault) {
      case "conflict_409":
        return this.refusal(
          new ResendError(
            409,
            "concurrent_idempotent_requests",
            "Another request with the same idempotency key is still in progress.",
          ),
        );
      case "rate_limited_429":
        return {
          ...this.refusal(
            new ResendError(
              429,
              "rate_limit_exceeded",
              "Too many requests. You can only make 2 requests per second.",
            ),
          ),
          headers: [
            "Retry-After",
            "1",
            "RateLimit-Limit",
            "2",
            "RateLimit-Remaining",
            "0",
            "RateLimit-Reset",
            "1",
          ],
        };
      case "declined":
        return this.refusal(
          new ResendError(
            403,
            "validation_error",
            "You can only send testing emails to your own email address. Verify a domain to send to others.",
          ),
        );
      case "error_500_before":
      case "error_500_after":
        return this.refusal(new ResendError(500, "application_error", "An unexpected error occurred."));
    }
  }

  headers(requestId: string): readonly string[] {
    return ["X-Request-Id", requestId];
  }

  #checkCredential(request: VendorRequest): string {
    const [, token] = /^bearer +(\S+)$/i.exec(headerOf(request, "authorization") ?? "") ?? [];
    if (token === undefined) {
      throw new ResendError(401, "missing_api_key", "Missing API Key. Add it as a Bearer token.");
    }
    const isKnown = this.#apiKeys === null ? /^re_./.test(token) : this.#apiKeys.has(token);
    const minted = this.account.apiKeys.list().find((key) => key.token === token);
    if (!isKnown && minted === undefined) throw new ResendError(403, "invalid_api_key", "API key is invalid");
    const isSending = request.method === "POST" && KEYED_PATHS.has(request.path);
    if (minted?.permission === "sending_access" && !isSending) {
      throw new ResendError(401, "restricted_api_key", "This API key is restricted to only send emails");
    }
    return token;
  }
}

/** The fault that a tag `sandbox_fault` of an email asks for; the tag `sandbox_fault_ms` is the length of a delay. */
function requestedFault(body: unknown): Fault | null {
  const tags = typeof body === "object" && body !== null && "tags" in body ? body.tags : null;
  if (!Array.isArray(tags)) return null;
  const tagged = (wanted: string): string | undefined => {
    const tag: unknown = tags.find((candidate: unknown) => isTag(candidate) && candidate.name === wanted);
    return isTag(tag) ? tag.value : undefined;
  };
  const kind = tagged("sandbox_fault");
  if (kind === undefined) return null;
  if (!isFaultKind(kind)) throw invalid(`unknown sandbox fault: ${kind}`);
  if (kind !== "delay") return { kind };
  try {
    return { kind, ms: parseDelayMs(Number(tagged("sandbox_fault_ms"))) };
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : "invalid delay");
  }
}

function isTag(tag: unknown): tag is { name: string; value: string } {
  return (
    typeof tag === "object" &&
    tag !== null &&
    "name" in tag &&
    typeof tag.name === "string" &&
    "value" in tag &&
    typeof tag.value === "string"
  );
}
