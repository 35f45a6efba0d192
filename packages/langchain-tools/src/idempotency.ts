import { createHash, randomUUID } from "node:crypto";
import type { Endpoint, VendorName } from "@keybrake/core";
import type { AgentIdentity } from "./agent-scope.ts";

/** What makes two calls the same one. */
export interface CallContent {
  readonly vendor: VendorName;
  readonly method: string;
  readonly target: string;
  readonly body: Uint8Array | string | null;
}

/** Names a call's content under an agent and a run. */
export function contentName(identity: AgentIdentity, content: CallContent): string {
  const { agentId, crewRunId = "" } = identity;
  const hash = createHash("sha256");
  for (const part of [agentId, crewRunId, content.vendor, content.method, content.target])
    hash.update(part).update("\0");
  return hash.update(content.body ?? "").digest("base64url");
}

/**
 * Makes a call's idempotency key: the same for every execution of the same tool call. Content is part of it, because
 * some models give their tool calls the same ids again. Without a tool call the run tells executions from each other,
 * so the same content within a run is one call; with neither, every execution is a call of its own.
 */
export function deriveIdempotencyKey(identity: AgentIdentity, content: string, ordinal = 0): string {
  const { toolCallId, crewRunId } = identity;
  if (toolCallId === undefined && crewRunId === undefined) return `kb-${randomUUID()}`;
  const hash = createHash("sha256").update(`${content}\0${toolCallId ?? ""}\0${ordinal}`);
  return `kb-${hash.digest("base64url")}`;
}

/** Says whether a vendor repeats its answer for a repeated key at this endpoint, instead of acting twice. */
export function takesIdempotencyKey(vendor: VendorName, endpoint: Endpoint): boolean {
  if (vendor === "stripe") return endpoint.method === "POST";
  // Resend knows keys only where a mail is sent, Twilio knows none.
  return vendor === "resend" && endpoint.metadata;
}
