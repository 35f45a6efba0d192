import {
  type CallFacts,
  type KeyIdentity,
  type Operation,
  redactVaultKey,
  type VaultKeyRecord,
  type Vendor,
} from "@keybrake/core";
import { v7 as uuidv7 } from "uuid";
import type { Turn } from "../limits/vendor-queue.ts";
import type { RequestHead } from "./read-request.ts";

const PATH_LENGTH_MAX = 2_048;
const METADATA_BYTES_MAX = 4_096;
const LABEL_LENGTH_MAX = 200;
/** The same shape as `VAULT_KEY_PATTERN`, anywhere in a text. */
const VAULT_KEYS = /vault_[a-z0-9_]{1,40}_[0-9A-Za-z]{38}/g;

/** One request on its way through the pipeline: what has been learned of it so far. */
export class Call {
  readonly id = uuidv7();
  readonly startedAtMs: number;
  readonly method: string;
  readonly rawTarget: string;
  vendor: Vendor | null = null;
  head: RequestHead | null = null;
  key: VaultKeyRecord | null = null;
  operation: Operation | null = null;
  /** Its place among the calls that go out with the same credential. */
  turn: Turn | null = null;

  constructor(method: string, rawTarget: string, startedAtMs: number) {
    this.method = method;
    this.rawTarget = rawTarget;
    this.startedAtMs = startedAtMs;
  }

  /** What the audit row says, as far as it is known. */
  describe(): CallFacts {
    const operation = this.operation;
    const claims = this.#readClaims();
    const price = operation?.price;
    const known = price?.kind === "known" ? price : null;
    const endpoint = operation?.endpoint;
    return {
      callId: this.id,
      identity: this.key === null ? null : identityOf(this.key, claims.crewRunId),
      claimedAgentId: this.key !== null && claims.agentId !== this.key.agentId ? claims.agentId : null,
      claimedCrewRunId:
        this.key?.crewRunId != null && claims.crewRunId !== this.key.crewRunId ? claims.crewRunId : null,
      vendor: this.key?.vendor ?? this.vendor?.name ?? null,
      method: cleanText(this.method, 16),
      path: cleanText(this.head?.target.path ?? this.rawTarget.split("?")[0] ?? "", PATH_LENGTH_MAX),
      endpoint: endpoint && !endpoint.forbidden ? `${endpoint.method} ${endpoint.template.text}` : null,
      direction: endpoint?.direction ?? null,
      amount: known?.amount ?? null,
      currency: known?.currency ?? null,
      customerId: operation?.customerId == null ? null : cleanText(operation.customerId, 255),
      metadata: this.#describeMetadata(claims),
    };
  }

  #readClaims(): { agentId: string | null; crewRunId: string | null } {
    const read = (metadataName: string, headerName: string) => {
      const value = this.operation?.metadata.get(metadataName) ?? this.head?.headers.get(headerName);
      return value === undefined || value === "" ? null : cleanText(value, LABEL_LENGTH_MAX);
    };
    return {
      agentId: read("agent_id", "keybrake-agent-id"),
      crewRunId: read("crew_run_id", "keybrake-run-id"),
    };
  }

  /** The agent's own labels, bounded, under the key's, which are authoritative. */
  #describeMetadata(claims: { crewRunId: string | null }): Record<string, string> {
    const metadata: Record<string, string> = {};
    let bytes = 0;
    for (const [name, value] of this.operation?.metadata ?? []) {
      const cleanName = cleanText(name, 40);
      const cleanValue = cleanText(value, 500);
      bytes += cleanName.length + cleanValue.length;
      if (bytes > METADATA_BYTES_MAX) break;
      metadata[cleanName] = cleanValue;
    }
    if (this.key === null) return metadata;
    metadata["agent_id"] = this.key.agentId;
    const crewRunId = this.key.crewRunId ?? claims.crewRunId;
    if (crewRunId === null) delete metadata["crew_run_id"];
    else metadata["crew_run_id"] = crewRunId;
    return metadata;
  }
}

/** The identity under which a key's call is booked: its own run, or the one claimed when it has none. */
function identityOf(key: VaultKeyRecord, claimedRunId: string | null): KeyIdentity {
  return {
    vaultKeyId: key.id,
    policyVersion: key.ancestors.reduce((sum, { policyVersion }) => sum + policyVersion, key.policyVersion),
    secretId: key.secretId,
    agentId: key.agentId,
    crewRunId: key.crewRunId ?? claimedRunId,
    ...(key.ancestors.length === 0 ? {} : { ancestorIds: key.ancestors.map(({ id }) => id) }),
  };
}

/** A text of the agent's without the vault keys in it: one that stands in the wrong place must not be stored. */
export function redactVaultKeys(text: string): string {
  return text.includes("vault_") ? text.replace(VAULT_KEYS, redactVaultKey) : text;
}

/** Text that any store and any log line can hold: bounded, well-formed, without control characters or vault keys. */
function cleanText(text: string, lengthMax: number): string {
  return redactVaultKeys(text)
    .slice(0, lengthMax)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]/gu, "\ufffd");
}
