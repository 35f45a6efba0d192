import type { Operation, Vendor } from "@keybrake/core";
import type { Credential } from "./credential.ts";
import type { Idempotency } from "./idempotency.ts";
import type { RequestHead } from "./read-request.ts";
import type { UpstreamRequest } from "./upstream.ts";

const HEADER_VALUE_LENGTH_MAX = 512;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Builds the request that goes to the vendor, from scratch: nothing of the agent's is copied but what stands on the
 * vendor's allowlist. INVARIANT: the only place, beside the stream of free reads, where a credential meets a request.
 */
export function buildRequest(
  vendor: Vendor,
  operation: Operation,
  head: RequestHead | null,
  body: Buffer,
  target: string,
  credential: Credential,
  idempotency: Idempotency | null,
): UpstreamRequest {
  const headers = sealedHeaders(vendor, operation, head, credential);
  if (idempotency !== null) headers["idempotency-key"] = idempotency.upstreamKey;
  const hasBody = operation.method !== "GET" && operation.method !== "HEAD" && body.length > 0;
  // On an empty one too, as the vendors' SDKs send it: a strict reader wants a type for every POST.
  if ((hasBody || operation.method === "POST") && operation.contentType !== null) {
    headers["content-type"] = operation.contentType;
  }
  return { method: operation.method, path: target, headers, body: hasBody ? body : null };
}

/** The headers that every request to a vendor carries, and the allowlisted ones of the agent's. */
export function sealedHeaders(
  vendor: Vendor,
  operation: Operation,
  head: RequestHead | null,
  credential: Credential,
): Record<string, string> {
  const headers: Record<string, string> = {
    accept: "application/json",
    // Unencoded, so that the answer can be searched for a leaking credential.
    "accept-encoding": "identity",
    "user-agent": "keybrake",
    authorization: vendor.authorization(credential.value.toString("latin1"), credential.accountId),
  };
  for (const name of vendor.requestHeaders) {
    const value = head?.headers.get(name);
    if (value !== undefined && value.length <= HEADER_VALUE_LENGTH_MAX) headers[name] = value;
  }
  if (operation.account !== null) headers["stripe-account"] = operation.account;
  return headers;
}

/** The vendor's headers that an agent may see, with its own idempotency key in place of the derived one. */
export function answerHeaders(
  vendor: Vendor,
  operation: Operation,
  headers: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name of vendor.responseHeaders) {
    const value = headers[name];
    // What Node would refuse to write is dropped: a success must not become an error that an agent repeats.
    if (typeof value === "string" && value.length <= HEADER_VALUE_LENGTH_MAX && HEADER_VALUE.test(value)) {
      shown[name] = value;
    }
  }
  if (operation.idempotencyKey !== null) shown["idempotency-key"] = operation.idempotencyKey;
  return shown;
}

/** Says whether an answer's bytes are what they stand for: in compressed ones no credential could be found. */
export function isSearchable(headers: Readonly<Record<string, unknown>>): boolean {
  const { "content-encoding": encoding = "identity", "transfer-encoding": transfer = "chunked" } = headers;
  return encoding === "identity" && /^chunked$/i.test(String(transfer));
}
