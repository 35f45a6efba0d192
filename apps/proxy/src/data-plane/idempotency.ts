import { createHash, createHmac, type KeyObject } from "node:crypto";
import type { KeyIdentity, Operation } from "@keybrake/core";

/** How a repeated request is recognized, here and at the vendor. */
export interface Idempotency {
  /** Sent to the vendor in place of the agent's key, so that agents sharing a secret cannot meet in one key. */
  readonly upstreamKey: string;
  /** What must be the same for a repetition to be one. */
  readonly fingerprint: string;
}

/** Derives both from the agent's own key; null when it sent none. Deterministic, so that retries stay retries. */
export function deriveIdempotency(
  installSecret: KeyObject,
  vaultKeyId: string,
  operation: Operation,
  body: Buffer,
): Idempotency | null {
  if (operation.idempotencyKey === null) return null;
  const subject = JSON.stringify([vaultKeyId, operation.method, operation.path, operation.idempotencyKey]);
  return {
    upstreamKey: createHmac("sha256", installSecret).update(subject).digest("base64url"),
    fingerprint: createHash("sha256")
      .update(`${operation.account ?? ""}\n${operation.query ?? ""}\n`)
      .update(body)
      .digest("base64url"),
  };
}

/** Names what may not happen twice: the same run and agent, endpoint and body. Keyed, so that it tells nothing. */
export function deriveDuplicate(
  installSecret: KeyObject,
  identity: KeyIdentity,
  operation: Operation,
  body: Buffer,
): string {
  const { agentId, crewRunId } = identity;
  const { method, path, query, account } = operation;
  return createHmac("sha256", installSecret)
    .update(JSON.stringify(["duplicate", agentId, crewRunId, method, path, query, account]))
    .update(body)
    .digest("base64url");
}
