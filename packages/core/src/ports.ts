import type { Direction } from "./call.ts";
import type { Denial } from "./denial.ts";
import type { PolicyDocument } from "./policy.ts";

/** The identity under which a call is judged, as read from the key store. */
export interface KeyIdentity {
  readonly vaultKeyId: string;
  /** The sum of the versions of its own policy and of those above it: versions only grow, so it tells any change. */
  readonly policyVersion: number;
  readonly secretId: string;
  readonly agentId: string;
  /** The keys above a child, nearest first: its calls count in their budgets, too. Absent = none. */
  readonly ancestorIds?: readonly string[];
  /** The key's own run label, or the run that the agent claimed when the key has none. */
  readonly crewRunId: string | null;
}

/** Keybrake itself, reading with a real credential what no agent asked for: no key is judged, the kill switch is. */
export interface OwnIdentity {
  readonly vaultKeyId: null;
  readonly policyVersion: 0;
  readonly secretId: string;
  readonly agentId: "keybrake";
  readonly crewRunId: null;
}

/** What every audit row says about a call, allowed or denied. */
export interface CallFacts {
  /** A UUID v7 made by the caller; it is the audit row's id and the `Keybrake-Call-Id`. */
  readonly callId: string;
  /** Null when no valid key was presented. */
  readonly identity: KeyIdentity | null;
  readonly claimedAgentId: string | null;
  readonly claimedCrewRunId: string | null;
  readonly vendor: string | null;
  readonly method: string;
  readonly path: string;
  /** The endpoint template, such as `POST /v1/refunds`. */
  readonly endpoint: string | null;
  readonly direction: Direction | null;
  /** The stated amount in minor units of `currency`. */
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly customerId: string | null;
  /** Strings only, bounded by the caller, without NUL. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A request to hold money and write the audit row, in one durable step. */
export interface ReserveRequest extends CallFacts {
  readonly identity: KeyIdentity;
  /** The worst case in micro-dollars; with an exposure, the object's worst total. */
  readonly holdMicros: bigint;
  readonly exposureId: string | null;
  /** Whether it counts as a call that can cost or change something. */
  readonly accounted: boolean;
  readonly idempotency: { readonly upstreamKey: string; readonly fingerprint: string } | null;
  /** What must not happen twice within `seconds`, unless it carries the same idempotency key; null = may happen. */
  readonly duplicate: { readonly fingerprint: string; readonly seconds: number } | null;
}

/** The same, also for a read that Keybrake makes on its own account. */
export interface HoldRequest extends Omit<ReserveRequest, "identity"> {
  readonly identity: KeyIdentity | OwnIdentity;
}

/** A held call: it may be sent, once, while `Ledger.maySend` and `Ledger.isRecent` say so. */
export interface Reserved {
  readonly kind: "reserved";
  /** The life of the replica that holds it: after that has ended it must not be sent. */
  readonly epoch: bigint;
  readonly holdMicros: bigint;
  /** The instant of the monotonic clock after which it must not be sent: key expiry or send deadline. */
  readonly sendBeforeMs: number;
  /** An instant of the monotonic clock before key, secret and kill switch were read. */
  readonly asOfMs: number;
  readonly secretVersion: number;
  /** The call whose reservation this one shares, when it repeats an idempotency key; `isOpen` = outcome unknown. */
  readonly replayOf: { readonly callId: string; readonly isOpen: boolean } | null;
}

export type ReserveResult =
  | Reserved
  | (DenialWritten & { readonly kind: "denied"; readonly denial: Denial })
  /** The policy changed since the key was read: read it again and judge again. */
  | { readonly kind: "stale" };

/** How a refusal was put down. */
export interface DenialWritten {
  /** True when it has no row of its own: its key was refused with this code so often that only the count is kept. */
  readonly isOnlyCounted: boolean;
}

/** A refused call that only needs its audit row. */
export interface DenyRequest extends CallFacts {
  readonly denial: Denial;
  readonly statusCode: number;
  readonly latencyMs: number;
}

/** How a held call ended. */
export interface SettleRequest {
  readonly callId: string;
  readonly secretId: string;
  readonly state: "settled" | "released" | "unknown";
  /** The actual cost, or with `exposure` the object's whole exposure, in micro-dollars. */
  readonly costMicros: bigint;
  readonly exposure: { readonly objectId: string; readonly amount: bigint; readonly isFinal: boolean } | null;
  readonly amount: bigint | null;
  readonly currency: string | null;
  /** Null when nothing was sent: then even the call itself is given back. */
  readonly statusCode: number | null;
  readonly customerId: string | null;
  readonly vendorRequestId: string | null;
  readonly vendorObjectId: string | null;
  readonly latencyMs: number | null;
  readonly upstreamMs: number | null;
  /** Why the state is what it is, for people; never a secret. */
  readonly reason: string | null;
  /** True when the operator allowed calls whose cost nobody knows before: then more than was held suspends no key. */
  readonly mayOverrun: boolean;
  /** Set when the vendor refused because too many calls came with its credential: who had made them. */
  readonly throttle: Throttle | null;
}

/** Who had called with a credential when its vendor refused a call as one too many. */
export interface Throttle {
  /** How long before the refusal calls were counted. */
  readonly windowMs: number;
  /** Calls sent in it, by agent, the busiest first; null when the ledger could not be asked in time. */
  readonly calls: Readonly<Record<string, number>> | null;
  /** Calls of agents beyond those named. */
  readonly otherCalls: number;
  /** At most so many requests a second were let through; null = any number. */
  readonly requestsPerSecond: number | null;
  /** How long the vendor asked to wait; null when it said nothing. */
  readonly retryAfterSeconds: number | null;
}

/**
 * The ledger: audit log and budgets in one.
 *
 * Obligations of every implementation:
 * - `reserve` decides over all budgets that cover the call, writes its audit row and updates every sum in one durable
 *   transaction; it resolves only after that commit. Key status, kill switch and policy version are read after the
 *   locks are held, so a call is never reserved after a revocation has committed.
 * - A child acts only while every key above it does, and its calls fit the budgets of all of them.
 * - When a commit's fate is not known, `reserve` rejects with `ledger_unavailable` and the hold is given back later;
 *   the caller must not send. It rejects within a second.
 * - A refusal is put down, durably, before `deny` or `reserve` resolves: the first 100 a minute of one key and code with
 *   a row each, the others in an exact count.
 * - `settle` never rejects. It is applied at most once and only from `reserved` or `unknown`; while the ledger is
 *   away it is kept and retried.
 * - Sums are exact; nothing is promised about the order of concurrent calls.
 */
export interface Ledger {
  reserve(request: HoldRequest): Promise<ReserveResult>;
  deny(request: DenyRequest): Promise<DenialWritten>;
  settle(request: SettleRequest): Promise<void>;
  /** Asked immediately before the first byte goes out; false when the replica's lease or the call's deadline is over. */
  maySend(reserved: Reserved): boolean;
  /**
   * Asked with it: false when the decision is not of this moment any more, or a key has changed since. Then `reaffirm`
   * it first, so that what is revoked is not sent a moment later.
   */
  isRecent(reserved: Reserved): boolean;
  /**
   * Reads key, secret and kill switch again: the same call with a later `asOfMs`, or why it must not be sent any more.
   * Nothing is written. Rejects with `ledger_unavailable` within a second.
   */
  reaffirm(reserved: Reserved, identity: KeyIdentity | OwnIdentity): Promise<Reserved | Denial>;
  /** What is already counted for a vendor object; null when the ledger never saw it. */
  findExposure(secretId: string, objectId: string): Promise<KnownExposure | null>;
}

/** An object's exposure in minor units of its currency. */
export interface KnownExposure {
  readonly amount: bigint;
  readonly currency: string;
}

/** A vault key as stored: everything but the key. */
export interface VaultKeyRecord {
  readonly id: string;
  readonly redacted: string;
  readonly name: string | null;
  readonly agentId: string;
  readonly crewRunId: string | null;
  readonly secretId: string;
  readonly secretName: string;
  /** The vendor's account that the secret belongs to, as the operator configured it (Twilio's AccountSid). */
  readonly accountId: string | null;
  readonly vendor: string;
  readonly policy: PolicyDocument;
  readonly policyVersion: number;
  readonly status: "active" | "suspended" | "revoked";
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  /** The keys above a child, nearest first: it may do only what each of them may. */
  readonly ancestors: readonly AncestorKey[];
}

/** A key above a child, as far as the child's calls are judged by it. */
export interface AncestorKey {
  readonly id: string;
  readonly policy: PolicyDocument;
  readonly policyVersion: number;
  readonly status: VaultKeyRecord["status"];
  readonly expiresAt: Date | null;
}

/**
 * Finds vault keys by their hash. A record may be a few seconds old: only the ledger's answer counts.
 * `find` rejects with `ledger_unavailable` when the store cannot be reached, within a second.
 */
export interface KeyStore {
  find(keyHash: Uint8Array): Promise<VaultKeyRecord | null>;
  /** Forgets what is remembered of one key, or of all. */
  forget(vaultKeyId?: string): void;
}

/**
 * Opens vendor credentials. The returned buffer is shared and must not be kept beyond the call.
 * `version` is the version that the ledger named: an older remembered one is never returned.
 */
export interface SecretStore {
  open(
    secretId: string,
    version: number,
  ): Promise<{ readonly credential: Buffer; readonly accountId: string | null }>;
}

/** The ledger's time, carried forward between its answers by a monotonic clock. */
export interface Clock {
  /** Now, by the database. */
  now(): Date;
  /** The ledger's day (ISO date, UTC). */
  today(): string;
  /** Milliseconds of a clock that never jumps; only differences mean anything. */
  monotonicMs(): number;
}

/**
 * Limits how often one key may call. Counting is approximate across replicas and never decides about money: when the
 * shared store is away, slow or wrong, each replica lets through its share of the limit.
 */
export interface RateLimiter {
  /** Null when the call may pass, else whole seconds to wait, at most a minute. Never rejects. */
  take(vaultKeyId: string, perMinute: number): Promise<number | null>;
}
