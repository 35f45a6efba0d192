import type { Denial, KeyIdentity, OwnIdentity, SettleRequest } from "@keybrake/core";
import type { Logger } from "pino";
import type { Call } from "../data-plane/call.ts";
import type { Sent } from "../data-plane/upstream.ts";
import type { Metrics } from "./metrics.ts";

/** A read that Keybrake makes by itself: its row, in whose name, and of what. */
export interface LookUp {
  readonly callId: string;
  readonly identity: KeyIdentity | OwnIdentity;
  readonly endpoint: string | null;
}

interface CallIds {
  readonly call_id: string;
  readonly vault_key_id: string | null;
  readonly agent_id: string | null;
  readonly crew_run_id: string | null;
  readonly endpoint: string | null;
}

/**
 * What is written about calls. Logs are an allowlist of fields: identifiers, codes and numbers that Keybrake made
 * itself, never a message, a header or a body of somebody else's.
 */
export class CallLog {
  readonly #logger: Logger;
  readonly #metrics: Metrics;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** A refusal that is only counted has no line either: a flood of them must not fill the disk by the log. */
  denied(call: Call, denial: Denial, isOnlyCounted: boolean): void {
    this.#metrics.calls.inc({ vendor: call.key?.vendor ?? "none", verdict: "deny", result: denial.code });
    if (isOnlyCounted) return;
    this.#logger.info({ ...idsOf(call), code: denial.code }, "call denied");
  }

  sent(call: Call, settlement: SettleRequest | undefined, sent: Sent): void {
    const state = settlement?.state ?? "unknown";
    this.#count(call, state, settlement?.latencyMs ?? null);
    const facts = { ...idsOf(call), state, status: sent.kind === "answered" ? sent.status : null };
    if (state === "unknown") this.#logger.warn(facts, "the outcome of a call is unknown");
    else this.#logger.debug(facts, "call ended");
  }

  read(call: Call, settlement: SettleRequest): void {
    this.#count(call, settlement.state, settlement.latencyMs);
    this.#logger.debug(
      { ...idsOf(call), state: settlement.state, status: settlement.statusCode },
      "read ended",
    );
  }

  fault(call: Call, error: unknown): void {
    const code = codeOf(error);
    this.#metrics.faults.inc({ code });
    const cause = error instanceof Error ? codeOf(error.cause) : undefined;
    const facts = { ...idsOf(call), code, cause };
    if (code === "internal")
      this.#logger.error({ ...facts, stack: stackOf(error) }, "a call failed inside keybrake");
    else this.#logger.warn(facts, "a call failed");
  }

  leak(call: Call): void {
    this.#leak(idsOf(call));
  }

  /** The same in the answer to a read that Keybrake made by itself, on an agent's behalf or on its own. */
  leakInRead({ callId, identity, endpoint }: LookUp): void {
    const { vaultKeyId, agentId, crewRunId } = identity;
    this.#leak({
      call_id: callId,
      vault_key_id: vaultKeyId,
      agent_id: agentId,
      crew_run_id: crewRunId,
      endpoint,
    });
  }

  #leak(ids: CallIds): void {
    this.#metrics.leaks.inc();
    this.#logger.error(ids, "a vendor's answer contained a real credential and was withheld");
  }

  #count(call: Call, result: string, latencyMs: number | null): void {
    this.#metrics.calls.inc({ vendor: call.key?.vendor ?? "none", verdict: "allow", result });
    if (latencyMs !== null) this.#metrics.latency.observe(latencyMs / 1_000);
  }
}

function idsOf(call: Call): CallIds {
  return {
    call_id: call.id,
    vault_key_id: call.key?.id ?? null,
    agent_id: call.key?.agentId ?? null,
    crew_run_id: call.key?.crewRunId ?? null,
    endpoint: call.operation?.endpoint
      ? `${call.operation.endpoint.method} ${call.operation.endpoint.template.text}`
      : null,
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "internal";
}

/** Where a bug sits: the frames only, because an error's message may quote data. */
function stackOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return (error.stack ?? "")
    .split("\n")
    .filter((line) => line.startsWith("    at "))
    .slice(0, 12)
    .join("\n");
}
