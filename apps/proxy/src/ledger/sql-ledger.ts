import {
  type CallFacts,
  DENIALS,
  type Denial,
  type DenialCode,
  type DenialWritten,
  type DenyRequest,
  formatUsd,
  type HoldRequest,
  isKeybrakeError,
  type KeyIdentity,
  type KnownExposure,
  type Ledger,
  type OwnIdentity,
  type Reserved,
  type ReserveResult,
  type SettleRequest,
  type Throttle,
} from "@keybrake/core";
import { Affirmations } from "./affirmations.ts";
import { answerInTime } from "./answer-in-time.ts";
import type { Batcher, LedgerOp, OpResult } from "./batcher.ts";
import type { Database } from "./database.ts";
import type { DatabaseClock } from "./database-clock.ts";
import type { Replica } from "./replica.ts";

/** A decided call is written to its socket within this, or not at all. */
const SEND_WITHIN_MS = 5_000;
/**
 * So long a decision is of this moment: what is revoked is sent no later than this after the revocation, even where
 * nobody hears of it.
 */
const RECENT_MS = 60;
/** Past this an open call of a living replica is swept: more than any upstream call may take (80 s). */
const SETTLE_WITHIN_MS = 110_000;

/** The ledger over a SQL database: turns requests into operations of `ledger_apply`, and its answers into decisions. */
export class SqlLedger implements Ledger {
  readonly #batcher: Batcher;
  readonly #database: Database;
  readonly #replica: Replica;
  readonly #clock: DatabaseClock;
  readonly #affirmations: Affirmations;
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(batcher: Batcher, database: Database, replica: Replica, clock: DatabaseClock) {
    this.#batcher = batcher;
    this.#database = database;
    this.#replica = replica;
    this.#clock = clock;
    this.#affirmations = new Affirmations(database, () => clock.monotonicMs());
  }

  /** Something changed, or may have: what was decided before is asked for again. */
  noteChange(): void {
    this.#changedAtMs = this.#clock.monotonicMs();
  }

  async reserve(request: HoldRequest): Promise<ReserveResult> {
    const { result, startedAtMs, epoch } = await this.#batcher.apply({
      ...describeCall("reserve", request),
      policy_version: request.identity.policyVersion,
      ...ancestorsOf(request.identity),
      accounted: request.accounted,
      hold_micros: request.holdMicros.toString(),
      exposure_id: request.exposureId,
      idempotency_key: request.idempotency?.upstreamKey ?? null,
      fingerprint: request.idempotency?.fingerprint ?? null,
      duplicate_key: request.duplicate?.fingerprint ?? null,
      duplicate_seconds: request.duplicate?.seconds ?? null,
      own: request.identity.vaultKeyId === null,
      deadline_ms: SETTLE_WITHIN_MS,
    });
    if (result === null)
      return {
        kind: "denied",
        denial: { code: "vault_key_invalid", reason: "the call was not decided" },
        isOnlyCounted: false,
      };
    if (result.code === "stale_policy") return { kind: "stale" };
    if (result.code !== null)
      return {
        kind: "denied",
        denial: this.#readDenial(result.code as DenialCode, result),
        isOnlyCounted: result.counted,
      };
    return readReserved(result, startedAtMs, epoch);
  }

  async deny(request: DenyRequest): Promise<DenialWritten> {
    const { result } = await this.#batcher.apply({
      ...describeCall("deny", request),
      denial_code: request.denial.code,
      denial_reason: request.denial.reason,
      status_code: request.statusCode,
      latency_ms: request.latencyMs,
    });
    return { isOnlyCounted: result?.counted ?? false };
  }

  async settle(request: SettleRequest): Promise<void> {
    const op: LedgerOp = {
      kind: "settle",
      id: request.callId,
      secret_id: request.secretId,
      state: request.state,
      cost_micros: request.costMicros.toString(),
      exposure_id: request.exposure?.objectId ?? null,
      exposure_amount: request.exposure?.amount.toString() ?? null,
      exposure_final: request.exposure?.isFinal ?? null,
      amount: request.amount?.toString() ?? null,
      currency: request.currency,
      status_code: request.statusCode,
      customer_id: request.customerId,
      vendor_request_id: request.vendorRequestId,
      vendor_object_id: request.vendorObjectId,
      latency_ms: request.latencyMs,
      upstream_ms: request.upstreamMs,
      outcome_reason: request.reason,
      may_overrun: request.mayOverrun,
      throttled_by: request.throttle === null ? null : describeThrottle(request.throttle),
    };
    try {
      await this.#batcher.apply(op);
    } catch (error) {
      // Only a closed batcher refuses a settlement; the sweeper of another replica will call it unknown.
      if (!isKeybrakeError(error)) throw error;
    }
  }

  maySend(reserved: Reserved): boolean {
    // A call that was held under an epoch whose lease was lost may have been swept, whatever epoch came after it.
    if (reserved.epoch !== this.#replica.epoch) return false;
    return this.#replica.holdsLease() && this.#clock.monotonicMs() < reserved.sendBeforeMs;
  }

  isRecent({ asOfMs }: Reserved): boolean {
    return asOfMs > this.#changedAtMs && this.#clock.monotonicMs() < asOfMs + RECENT_MS;
  }

  async reaffirm(reserved: Reserved, identity: KeyIdentity | OwnIdentity): Promise<Reserved | Denial> {
    const { asOfMs, code } = await this.#affirmations.ask(identity);
    return code === null
      ? { ...reserved, asOfMs }
      : { code, reason: REASONS[code] ?? code.replaceAll("_", " ") };
  }

  async findExposure(secretId: string, objectId: string): Promise<KnownExposure | null> {
    const [row] = await answerInTime(
      this.#database.query("SELECT amount, currency FROM exposures WHERE secret_id = $1 AND object_id = $2", [
        secretId,
        objectId,
      ]),
    );
    return row === undefined
      ? null
      : { amount: row["amount"] as bigint, currency: row["currency"] as string };
  }

  #readDenial(code: DenialCode, result: OpResult): Denial {
    const limit = result.limit;
    if (code === "duplicate_call") {
      const first = `call ${result.duplicate_of} did the same for this run and agent within \`duplicate_window\``;
      return { code, reason: `${first}: send its Idempotency-Key if this is a retry` };
    }
    if (limit === null) return { code, reason: REASONS[code] ?? code.replaceAll("_", " ") };
    const show = (amount: string) => (limit.unit === "usd" ? formatUsd(BigInt(amount)) : amount);
    const what = limit.unit === "usd" ? "dollars" : limit.unit;
    const reason =
      `the ${limit.window} budget of this ${limit.scope.replaceAll("_", " ")}${limit.above ? "'s parent" : ""} is ${show(limit.limit)} ${what}, ` +
      `${show(limit.used)} are used or held, and this call needs ${show(limit.requested)}`;
    const seconds = DENIALS[code].retryable ? limit.reset_seconds : null;
    return {
      code,
      reason,
      limit: {
        scope: limit.scope,
        window: limit.window,
        unit: limit.unit,
        limit: show(limit.limit),
        used: show(limit.used),
        requested: show(limit.requested),
      },
      ...(seconds === null
        ? {}
        : {
            retryAfterSeconds: seconds,
            retryAt: midnightAt(this.#clock.now().getTime() + seconds * 1_000),
          }),
    };
  }
}

const REASONS: Partial<Record<DenialCode, string>> = {
  kill_switch_engaged: "the operator has engaged the kill switch: no call goes out",
  vault_key_revoked: "this vault key has been revoked or suspended",
  vault_key_expired: "this vault key has expired",
  vault_key_invalid: "this vault key is not known",
  idempotency_in_flight: "a call with this Idempotency-Key is still open: try again when it has ended",
  idempotency_mismatch: "this Idempotency-Key was used for another request: use a new key",
};

/** Most keys have none, and say nothing. */
function ancestorsOf(identity: KeyIdentity | OwnIdentity) {
  return "ancestorIds" in identity ? { ancestor_ids: identity.ancestorIds } : {};
}

function describeCall(kind: "reserve" | "deny", facts: CallFacts | HoldRequest): LedgerOp {
  return {
    kind,
    id: facts.callId,
    vault_key_id: facts.identity?.vaultKeyId ?? null,
    secret_id: facts.identity?.secretId ?? null,
    agent_id: facts.identity?.agentId ?? null,
    crew_run_id: facts.identity?.crewRunId ?? null,
    claimed_agent_id: facts.claimedAgentId,
    claimed_crew_run_id: facts.claimedCrewRunId,
    vendor: facts.vendor,
    method: facts.method,
    path: facts.path,
    endpoint: facts.endpoint,
    direction: facts.direction,
    amount: facts.amount?.toString() ?? null,
    currency: facts.currency,
    customer_id: facts.customerId,
    metadata: facts.metadata,
  };
}

/** As it stands in `calls.throttled_by`. */
function describeThrottle(throttle: Throttle): Readonly<Record<string, unknown>> {
  return {
    window_ms: throttle.windowMs,
    calls: throttle.calls,
    other_calls: throttle.otherCalls,
    requests_per_second: throttle.requestsPerSecond,
    retry_after_seconds: throttle.retryAfterSeconds,
  };
}

function readReserved(result: OpResult, startedAtMs: number, epoch: bigint): Reserved {
  return {
    kind: "reserved",
    epoch,
    holdMicros: BigInt(result.hold),
    // Counted from before the decision, so it can only be too early.
    sendBeforeMs: startedAtMs + Math.min(SEND_WITHIN_MS, result.expiry_ms ?? SEND_WITHIN_MS),
    asOfMs: startedAtMs,
    secretVersion: result.version ?? 0,
    replayOf:
      result.replay_of === null ? null : { callId: result.replay_of, isOpen: result.replay_open === true },
  };
}

/** Every window ends at a UTC midnight, so the nearest one is meant. */
function midnightAt(ms: number): Date {
  return new Date(Math.round(ms / 86_400_000) * 86_400_000);
}
