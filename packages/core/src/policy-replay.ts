import { authorize, isForDemand, isOfParent } from "./authorize.ts";
import { BUDGET_DENIALS, type BudgetSpec, type BudgetWindow, windowStart } from "./budget.ts";
import type { CallState } from "./call.ts";
import type { CredentialMode } from "./credential-mode.ts";
import { type Denial, type DenialCode, deny } from "./denial.ts";
import { isMethod } from "./endpoint.ts";
import { formatUsd } from "./money.ts";
import type { Endpoint, Operation, Price } from "./operation.ts";
import type { Policy } from "./policy.ts";
import { RecordedUse } from "./recorded-use.ts";
import { VENDORS } from "./vendors/index.ts";
import type { Pricing, Vendor } from "./vendors/vendor.ts";

/** A call as the audit log has it. What Keybrake reads for itself to judge a call is none. */
export interface RecordedCall {
  readonly id: string;
  readonly requestedAt: Date;
  readonly completedAt: Date | null;
  readonly state: CallState;
  /** Null when it was allowed. */
  readonly denialCode: string | null;
  readonly denialReason: string | null;
  /** True when it was refused by a budget that is not its own key's: no policy lets it through. */
  readonly isDeniedElsewhere: boolean;
  readonly vaultKeyId: string | null;
  readonly agentId: string | null;
  readonly method: string;
  readonly path: string;
  /** Such as `POST /v1/refunds`; null when no catalogue knows it. */
  readonly endpoint: string | null;
  readonly mode: CredentialMode;
  /** In minor units of `currency`. */
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly customerId: string | null;
  /** What it held, and what it cost in the end, both in micro-dollars. */
  readonly heldMicros: bigint;
  readonly costMicros: bigint;
  /** What its answer gave back to the windows of earlier calls. */
  readonly credits: readonly { readonly day: Date; readonly micros: bigint }[];
  readonly statusCode: number | null;
  /** True when it repeated an idempotency key and shared the first call's reservation. */
  readonly isReplay: boolean;
}

/** What a window had used before the first call. */
export interface OpeningUse {
  readonly window: BudgetWindow;
  readonly unit: "usd" | "calls";
  readonly mode: CredentialMode;
  readonly used: bigint;
}

export interface ReplayOptions {
  readonly pricing: Pricing;
  readonly from: Date;
  readonly opening: readonly OpeningUse[];
  /** The most differing calls that are kept; the latest stay. */
  readonly samplesMax: number;
}

/** A call that the policy would judge otherwise than it was judged. */
export interface ReplaySample {
  readonly call: RecordedCall;
  /** What it held or cost, or would have held; null = not known. */
  readonly micros: bigint | null;
  readonly wouldBe: DenialCode | null;
  readonly reason: string;
}

/** What a policy would have done. The four counts add up to `calls`. */
export interface ReplayResult {
  readonly calls: number;
  readonly wouldDeny: number;
  readonly wouldAllow: number;
  readonly unchanged: number;
  readonly undecidable: number;
  /** How many would be refused, by code, most frequent first. */
  readonly byReason: readonly { readonly code: DenialCode; readonly calls: number }[];
  /** Newest first. */
  readonly samples: readonly ReplaySample[];
  /** What was not judged, and why: one sentence each. */
  readonly notes: readonly string[];
}

/** What the policy says of one call; `unknown` when what is recorded does not tell. */
type Judgement =
  | { readonly verdict: "allow"; readonly holdMicros: bigint }
  | { readonly verdict: "deny"; readonly denial: Denial }
  | { readonly verdict: "unknown"; readonly note: string };

/** The refusals that a policy decides, and that what is recorded can decide again. */
const DECIDED_AGAIN: ReadonlySet<string> = new Set<DenialCode>([
  "endpoint_not_allowed",
  "currency_not_allowed",
  "customer_not_allowed",
  "unpriced",
  "per_call_cap_exceeded",
  "total_cap_exceeded",
  "total_call_cap_exceeded",
  "daily_cap_exceeded",
  "monthly_cap_exceeded",
  "daily_call_cap_exceeded",
  "rate_limited",
  "duplicate_call",
]);

const MONEY_CAPS: ReadonlySet<string> = new Set<DenialCode>(Object.values(BUDGET_DENIALS.usd));

const NOTES = {
  body: "calls that were refused for what their body or headers asked are undecidable: bodies and headers are not stored",
  grants:
    "the lists of the vendor's own part of the policy were not judged: they ask what stands in a request's body, which is not stored",
  duplicates:
    "`duplicate_window` was not judged: bodies are not stored, so calls cannot be told to be the same",
  customers:
    "`customers` was judged by the customer that a row names; a call whose row names none is undecidable",
  price:
    "a refused call whose price was not known yet is undecidable where everything else would let it pass",
  unpriced:
    "an allowed call of an endpoint without a price is undecidable where the policy refuses what has no price",
  rate: "a refused call in a currency that has no rate now is undecidable",
  endpoint: "a call of an endpoint that this version does not know is undecidable",
  minute:
    "`requests_per_minute` was counted by the times of the audit log: a call near the limit may fall into another minute",
  expiry: "expiry was not judged: the policy was taken to be in force all the time",
  budgets: "calls that were decided at the same moment may have been decided in another order",
  elsewhere:
    "calls that were refused by a budget of an agent, a run, a secret or the installation, or by a parent key, stay refused",
  counted: "of refusals that came in floods only the number is kept: they are not among the calls",
  keys: "the calls of several keys were judged as if one key with this policy had made them",
  total: "a total cap counts what the audit log still has",
} as const;

const MINUTE_MS = 60_000;

/**
 * Judges recorded calls by a policy that was not in force, as the engine would have: the same `authorize`, and the
 * policy's caps filled in the order of time with what the calls really held and cost. A call that the policy refuses
 * uses nothing up; one that it lets through where it was refused uses up what it would have held.
 *
 * Calls are added in the order of their times. Memory does not grow with their number, only with the open holds.
 */
export class PolicyReplay {
  readonly #policy: Policy;
  readonly #vendor: Vendor;
  readonly #options: ReplayOptions;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #budgets: readonly BudgetSpec[];
  readonly #use: RecordedUse;
  readonly #notes = new Set<string>();
  readonly #reasons = new Map<DenialCode, number>();
  readonly #samples: ReplaySample[] = [];
  readonly #keys = new Set<string | null>();
  readonly #counts = { calls: 0, wouldDeny: 0, wouldAllow: 0, unchanged: 0, undecidable: 0 };
  /** The calls of one millisecond. */
  #moment: RecordedCall[] = [];
  #minute = { startMs: Number.NEGATIVE_INFINITY, passed: 0 };

  constructor(policy: Policy, options: ReplayOptions) {
    this.#policy = policy;
    this.#options = options;
    this.#vendor = VENDORS[policy.vendor];
    this.#endpoints = new Map(
      this.#vendor.endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.template.text}`, endpoint]),
    );
    // The ledger asks the longest window first.
    const rank: Readonly<Record<BudgetWindow, number>> = { total: 0, monthly: 1, daily: 2 };
    this.#budgets = policy.budgets.toSorted((a, b) => rank[a.window] - rank[b.window]);
    this.#use = new RecordedUse(this.#budgets);
    for (const { window, unit, mode, used } of options.opening)
      this.#use.open({ window, unit, mode, start: windowStart(window, options.from) }, used);
    if (policy.grants.size > 0) this.#notes.add(NOTES.grants);
    if (policy.duplicateSeconds !== null) this.#notes.add(NOTES.duplicates);
    if (policy.customers !== null) this.#notes.add(NOTES.customers);
    if (policy.requestsPerMinute !== null) this.#notes.add(NOTES.minute);
    if (policy.expiresInSeconds !== null || policy.expiresAt !== null) this.#notes.add(NOTES.expiry);
    if (policy.budgets.length > 0) this.#notes.add(NOTES.budgets);
    if (policy.budgets.some(({ window }) => window === "total")) this.#notes.add(NOTES.total);
  }

  /** Adds the next call. Throws a RangeError when it is earlier than the one before. */
  add(call: RecordedCall): void {
    const [first] = this.#moment;
    const ms = call.requestedAt.getTime();
    if (first !== undefined && ms < first.requestedAt.getTime())
      throw new RangeError("recorded calls are replayed in the order of their times");
    if (first !== undefined && ms > first.requestedAt.getTime()) this.#judgeMoment();
    this.#moment.push(call);
  }

  /** What has become of all calls that were added. */
  finish(): ReplayResult {
    this.#judgeMoment();
    if (this.#keys.size > 1) this.#notes.add(NOTES.keys);
    const byReason = [...this.#reasons].map(([code, calls]) => ({ code, calls }));
    return {
      ...this.#counts,
      byReason: byReason.sort((a, b) => b.calls - a.calls || (a.code < b.code ? -1 : 1)),
      samples: this.#samples.toReversed(),
      notes: [...this.#notes],
    };
  }

  /**
   * A flush writes all its rows with one time. Within it every allowed call was decided before or beside every refused
   * one, and what ended in it may have ended before or after either: so that its order makes no difference, an allowed
   * call is measured against the least that was used, and a refused one against the most.
   */
  #judgeMoment(): void {
    const [first] = this.#moment;
    if (first === undefined) return;
    const calls = this.#moment;
    this.#moment = [];
    this.#use.settleBefore(first.requestedAt);
    for (const call of calls) if (call.denialCode === null) this.#count(call, this.#judge(call, "least"));
    for (const call of calls) if (call.denialCode !== null) this.#count(call, this.#judge(call, "most"));
  }

  #count(call: RecordedCall, judgement: Judgement): void {
    const counts = this.#counts;
    counts.calls++;
    if (this.#keys.size < 2) this.#keys.add(call.vaultKeyId);
    const wasAllowed = call.denialCode === null;
    if (!wasAllowed) this.#notes.add(NOTES.counted);
    if (judgement.verdict === "unknown") {
      counts.undecidable++;
      this.#notes.add(judgement.note);
      if (wasAllowed) this.#use.add(call, call.heldMicros, this.#isCounted(call));
      return;
    }
    if (judgement.verdict === "allow") {
      this.#use.add(call, judgement.holdMicros, this.#isCounted(call));
      if (wasAllowed) counts.unchanged++;
      else {
        counts.wouldAllow++;
        const micros = judgement.holdMicros;
        this.#keep({ call, micros, wouldBe: null, reason: "every rule that can be judged allows it" });
      }
      return;
    }
    if (!wasAllowed) {
      counts.unchanged++;
      return;
    }
    const { code, reason } = judgement.denial;
    counts.wouldDeny++;
    this.#reasons.set(code, (this.#reasons.get(code) ?? 0) + 1);
    const isOpen = call.state === "reserved" || call.state === "unknown";
    this.#keep({ call, micros: isOpen ? call.heldMicros : call.costMicros, wouldBe: code, reason });
  }

  #keep(sample: ReplaySample): void {
    this.#samples.push(sample);
    if (this.#samples.length > this.#options.samplesMax) this.#samples.shift();
  }

  #judge(call: RecordedCall, side: "least" | "most"): Judgement {
    const { denialCode } = call;
    if (denialCode !== null) {
      const reason = call.denialReason ?? "";
      const isElsewhere = call.isDeniedElsewhere || isOfParent(reason);
      if (isElsewhere) this.#notes.add(NOTES.elsewhere);
      else if (isForDemand(denialCode, reason)) return { verdict: "unknown", note: NOTES.body };
      if (isElsewhere || !DECIDED_AGAIN.has(denialCode)) return stays(denialCode);
    }
    const endpoint = call.endpoint === null ? null : (this.#endpoints.get(call.endpoint) ?? null);
    if (!isMethod(call.method) || (call.endpoint !== null && endpoint === null))
      return { verdict: "unknown", note: NOTES.endpoint };
    const price = this.#priceOf(call, endpoint);
    const operation = this.#operationOf(call, call.method, endpoint, price);
    const key = { status: "active", expiresAt: null, policy: this.#policy } as const;
    const decision = authorize(key, operation, call.requestedAt);
    if (decision.verdict === "deny") return this.#unlessUnpriced(call, decision.denial);
    const limited = this.#limitRate(call);
    if (limited !== null) return { verdict: "deny", denial: limited };
    const holdMicros = call.isReplay ? 0n : holdOf(price, call, this.#policy);
    const exceeded = this.#exceed(call, holdMicros, side);
    if (exceeded !== null) return { verdict: "deny", denial: exceeded };
    const note = this.#findGap(call, price);
    return note === null ? { verdict: "allow", holdMicros } : { verdict: "unknown", note };
  }

  /** That an allowed call had no price is a guess by its endpoint: some of their calls are free. */
  #unlessUnpriced(call: RecordedCall, denial: Denial): Judgement {
    const isGuess = call.denialCode === null && denial.code === "unpriced" && call.heldMicros === 0n;
    return isGuess ? { verdict: "unknown", note: NOTES.unpriced } : { verdict: "deny", denial };
  }

  /** The operation as far as its row tells. */
  #operationOf(
    call: RecordedCall,
    method: Operation["method"],
    endpoint: Endpoint | null,
    price: Price,
  ): Operation {
    const named = call.customerId === null ? [] : [call.customerId];
    return {
      ...{
        vendor: this.#policy.vendor,
        method,
        path: call.path,
        query: null,
        host: "main",
        contentType: null,
      },
      ...{ endpoint, price, exposureId: null, account: null, demands: [] },
      customers: { named, owned: [], isOpen: false },
      ...{ customerId: call.customerId, idempotencyKey: null, metadata: new Map(), additions: new Map() },
    };
  }

  /**
   * An allowed call is priced by what it held: that is what its caps were asked for. A refused one by the amount that
   * its row names; `lookup` stands for a price that is not recorded.
   */
  #priceOf(call: RecordedCall, endpoint: Endpoint | null): Price {
    const { amount, currency, heldMicros } = call;
    const reason = endpoint === null ? null : this.#vendor.findUnpricedReason(endpoint);
    if (call.denialCode === null) {
      if (reason !== null) return { kind: "unpriced", reason };
      // Free, or counted before: then the call that it was counted for is judged.
      if (heldMicros === 0n) return { kind: "free" };
      if (currency === null) return { kind: "unpriced", reason: "its price was not known" };
      return { kind: "known", amount: amount ?? 0n, currency, micros: heldMicros };
    }
    if (call.denialCode === "unpriced")
      return endpoint === null ? { kind: "free" } : { kind: "unpriced", reason: "its price was not known" };
    if (amount !== null && currency !== null) {
      const micros = this.#vendor.toMicros(amount, currency, this.#options.pricing);
      return micros === null ? UNKNOWN_PRICE : { kind: "known", amount, currency, micros };
    }
    // A cap on money refuses what has a price, or, where that is not known, what a policy lets through at its dearest.
    if (MONEY_CAPS.has(call.denialCode)) return { kind: "unpriced", reason: "its price was not known" };
    const isFree = endpoint === null || endpoint.direction === null || endpoint.quote === "none";
    return isFree ? { kind: "free" } : UNKNOWN_PRICE;
  }

  /** What keeps a call that nothing forbids from being decided; null when nothing does. */
  #findGap(call: RecordedCall, price: Price): string | null {
    if (this.#policy.customers !== null) {
      const isNamed = call.customerId !== null && call.denialCode !== "customer_not_allowed";
      if (!isNamed) return NOTES.customers;
    }
    if (call.denialCode === "duplicate_call" && this.#policy.duplicateSeconds !== null)
      return NOTES.duplicates;
    if (price.kind === "lookup") return call.amount === null ? NOTES.price : NOTES.rate;
    return null;
  }

  /** As the limiter counts: a minute begins with the first request, and what it refuses was not made. */
  #limitRate(call: RecordedCall): Denial | null {
    const most = this.#policy.requestsPerMinute;
    if (most === null) return null;
    const ms = call.requestedAt.getTime();
    if (ms >= this.#minute.startMs + MINUTE_MS) this.#minute = { startMs: ms, passed: 0 };
    if (this.#minute.passed >= most)
      return deny("rate_limited", `${most} requests of its minute had passed already`);
    this.#minute.passed++;
    return null;
  }

  #exceed(call: RecordedCall, holdMicros: bigint, side: "least" | "most"): Denial | null {
    for (const { window, unit, limit } of this.#budgets) {
      const need = unit === "usd" ? holdMicros : this.#isCounted(call) ? 1n : 0n;
      const used = this.#use.read(call, { window, unit }, side);
      if (need === 0n || used + need <= limit) continue;
      const code = (BUDGET_DENIALS[unit] as Partial<Record<BudgetWindow, DenialCode>>)[window];
      if (code === undefined) throw new TypeError(`a policy has no ${window} budget of ${unit}`);
      const show = (value: bigint) => (unit === "usd" ? `${formatUsd(value)} dollars` : `${value} calls`);
      const sums = `${show(used)} of ${show(limit)} were used, and this call needs ${show(need)}`;
      return deny(code, `the ${window} cap is used up: ${sums}`);
    }
    return null;
  }

  #isCounted({ endpoint, isReplay }: RecordedCall): boolean {
    const known = endpoint === null ? undefined : this.#endpoints.get(endpoint);
    return (known?.accounted ?? true) && !isReplay;
  }
}

const UNKNOWN_PRICE: Price = {
  kind: "lookup",
  lookup: { reads: [], objectId: null, amount: null, currency: null, basis: "recorded" },
};

function stays(code: string): Judgement {
  return { verdict: "deny", denial: deny(code as DenialCode, "no policy lets it through") };
}

function holdOf(price: Price, call: RecordedCall, policy: Policy): bigint {
  if (price.kind === "known") return price.micros;
  if (price.kind !== "unpriced") return 0n;
  return call.denialCode === null ? call.heldMicros : (policy.perCallLimitMicros ?? 0n);
}
