import type { BudgetScope, BudgetSpec, BudgetUnit, BudgetWindow } from "../budget.ts";
import type { CallState } from "../call.ts";
import type { CredentialMode } from "../credential-mode.ts";
import type { KeyIdentity, Ledger, VaultKeyRecord } from "../ports.ts";

/** A vault key as the suite wants it; every id is fresh, so that runs can share a server. */
export interface NewKey {
  readonly agentId: string;
  readonly crewRunId: string | null;
  readonly secretId: string;
  /** The caps of the key's own policy. */
  readonly budgets: readonly BudgetSpec[];
  readonly expiresAt: Date | null;
  /** The key above it; absent = none. */
  readonly parent?: KeyIdentity;
}

/** Which budget is meant. `value` is the id that the scope names, and empty for `installation`. */
export interface BudgetName {
  readonly scope: BudgetScope;
  readonly value: string;
  readonly window: BudgetWindow;
  readonly unit: BudgetUnit;
  /** Whose window is meant, live credentials' by default. */
  readonly mode?: CredentialMode;
}

/** One window of a budget: micro-dollars for `usd`, else counts. `overrun` is how far it may stand above its limit. */
export interface BudgetUse {
  readonly limit: bigint;
  readonly reserved: bigint;
  readonly settled: bigint;
  readonly overrun: bigint;
}

/** One audit row, amounts of money in micro-dollars. */
export interface CallRow {
  readonly id: string;
  readonly state: CallState;
  readonly verdict: "allow" | "deny";
  readonly denialCode: string | null;
  readonly denialReason: string | null;
  readonly vaultKeyId: string | null;
  readonly agentId: string | null;
  readonly crewRunId: string | null;
  readonly claimedAgentId: string | null;
  readonly claimedCrewRunId: string | null;
  readonly vendor: string | null;
  readonly method: string;
  readonly path: string;
  readonly endpoint: string | null;
  readonly direction: string | null;
  readonly statusCode: number | null;
  readonly amount: bigint | null;
  readonly currency: string | null;
  /** What was held when the call was allowed; it stays on the row when the hold has ended. */
  readonly reservedMicros: bigint;
  /** What counts in the end: negative when the call gave back more than it cost. */
  readonly costMicros: bigint;
  readonly overrunMicros: bigint | null;
  readonly customerId: string | null;
  readonly vendorRequestId: string | null;
  readonly vendorObjectId: string | null;
  readonly replayOf: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly latencyMs: number | null;
  readonly upstreamMs: number | null;
  readonly outcomeReason: string | null;
  readonly completedAt: Date | null;
}

/** A second replica on the same store. */
export interface LedgerPeer {
  readonly ledger: Ledger;
  /** Ends its lease for everybody else, as a crash or a long pause would; itself it does not know. */
  loseLease(): Promise<void>;
  /** Closes its connections; nothing is drained or given back. */
  close(): Promise<void>;
}

/** Ways to hurt the connection between a ledger and its store. */
export interface LedgerFaults {
  /** Keeps every operation from committing; resolves when that is so, with the function that ends it. */
  stall(): Promise<() => Promise<void>>;
  /** Resolves when an operation of the harness's ledger has reached the stalled store. */
  reached(): Promise<void>;
  /** Lets the store end the connections on which operations are waiting; it rolls those back. */
  killConnections(): Promise<void>;
  /** Cuts the ledger's connections; the store does not notice, and finishes what it was doing. */
  cutConnections(): void;
  /**
   * The next operation is held up on its way to the store, and its connection breaks. The function returned lets it
   * arrive after all, and resolves when the store is through with it.
   */
  delayNextOperation(): () => Promise<void>;
  /** The next operation commits, and its connection breaks before the answer arrives. */
  loseNextAnswer(): void;
}

/**
 * What an implementer of `Ledger` offers to its contract suite: the control side of the store, a look at its rows, and
 * ways to make time pass. Changes are committed, and hold for every replica, when their promise resolves. One harness
 * has a store of its own; nobody else changes its kill switch, its day or its installation-wide budgets.
 */
export interface LedgerHarness {
  readonly ledger: Ledger;
  /** Null when the store runs in this process, so that there is no connection to break. */
  readonly faults: LedgerFaults | null;

  /** Stores a vendor credential, a live one by default; returns its id. */
  createSecret(mode?: CredentialMode): Promise<string>;
  /** Erases a credential: its keys are refused from then on. */
  deleteSecret(secretId: string): Promise<void>;
  createKey(key: NewKey): Promise<KeyIdentity>;
  /** Replaces the policy of a key by one with these caps; returns the new policy version, null when it is revoked. */
  updateKey(vaultKeyId: string, budgets: readonly BudgetSpec[]): Promise<number | null>;
  /** Lets a key's time be over. */
  expireKey(vaultKeyId: string): Promise<void>;
  findKeyStatus(vaultKeyId: string): Promise<VaultKeyRecord["status"] | null>;
  /**
   * Revokes keys; returns the ids of all calls that were allowed, to any key, before the revocation committed, read in
   * the revocation's own transaction: a call missing there and allowed later was allowed too late.
   */
  revoke(scope: "vault_key" | "agent_id" | "crew_run_id", value: string): Promise<ReadonlySet<string>>;
  setKillSwitch(isEngaged: boolean): Promise<void>;
  /** Makes a budget, or changes the limit of the one that there is. */
  setBudget(name: BudgetName, limit: bigint): Promise<void>;
  /** Ends a budget. */
  endBudget(name: BudgetName): Promise<void>;

  findCall(callId: string): Promise<CallRow | null>;
  /** All rows of one key, denied ones too, in no order. */
  listCalls(vaultKeyId: string): Promise<readonly CallRow[]>;
  /** The budget's window that covers a day (ISO date), the ledger's present one by default; null when there is none. */
  findBudgetUse(name: BudgetName, day?: string): Promise<BudgetUse | null>;
  /** Reads the whole audit chain again; what is wrong with it, or null. */
  findChainProblem(): Promise<string | null>;

  /** Now, on the store's clock. */
  now(): Promise<Date>;
  /** Now, on the clock that `Reserved.sendBeforeMs` speaks of. */
  monotonicMs(): number;
  /** Lets the ledger's day be the next one, for good; returns both as ISO dates. */
  advanceDay(): Promise<{ readonly before: string; readonly after: string }>;
  /** Makes every idempotency key that is remembered so many hours older. */
  ageIdempotencyKeys(hours: number): Promise<void>;

  /** Lets the time be over in which calls that are open now should have ended. */
  passDeadlines(): Promise<void>;

  openPeer(): Promise<LedgerPeer>;
  /** Sweeps as a living replica does, and other replicas may at the same time. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** What the suite must know of a store before it is opened. */
export interface LedgerTraits {
  /** Whether operations can truly run at the same time. Where they cannot, races prove nothing and are not run. */
  readonly supportsConcurrency: boolean;
  /** Whether its harness has `faults`. */
  readonly hasFaults: boolean;
}

/** Opens a harness on an empty store. */
export type OpenLedgerHarness = () => Promise<LedgerHarness>;
