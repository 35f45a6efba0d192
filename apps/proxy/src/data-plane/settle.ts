import type { OutgoingHttpHeaders } from "node:http";
import type {
  Operation,
  Outcome,
  Pricing,
  Reserved,
  SettleRequest,
  Throttle,
  Vendor,
  VendorAnswer,
} from "@keybrake/core";
import type { Sent, UpstreamAnswer } from "./upstream.ts";

const REQUEST_ID_LENGTH_MAX = 255;

/** What the settlement of one call needs to know of it. */
export interface Settling {
  readonly callId: string;
  readonly secretId: string;
  readonly operation: Operation;
  readonly reserved: Reserved;
  readonly vendor: Vendor;
  readonly pricing: Pricing;
  /** True when more than was held suspends no key, because nobody could know the cost before. */
  readonly mayOverrun: boolean;
  /** Milliseconds since the agent's request arrived. */
  readonly latencyMs: number;
  /** Who had used the vendor's quota up, when that is why it refused. */
  readonly throttle: Throttle | null;
}

/**
 * Says how a sent call ended, and, when it repeated an earlier call whose outcome was unknown, how that one ended:
 * the vendor's answer to the same idempotency key is the evidence. Pure. The first request is the call's own.
 */
export function settlementsOf(settling: Settling, sent: Sent): readonly SettleRequest[] {
  if (sent.kind === "not_sent") return [ended(settling, "released", { reason: sent.reason })];
  if (sent.kind === "unknown") {
    return [ended(settling, "unknown", { reason: sent.reason, upstreamMs: sent.upstreamMs })];
  }
  const answer = readableAnswer(sent);
  const outcome = settling.vendor.readOutcome(settling.operation, answer, settling.pricing);
  const own = settleOutcome(settling, sent, outcome);
  const original = settling.reserved.replayOf;
  if (original === null || own.state === "unknown") return [own];
  const { replayHeader } = settling.vendor;
  // A vendor that marks no replay answers the same key and body with what it did the first time.
  const isReplay = replayHeader === null ? own.state === "settled" : answer.header(replayHeader) === "true";
  if (original.isOpen) {
    // A refusal is evidence about the earlier call only when the vendor says that it repeats its answer to it.
    if (own.state === "released" && !isReplay) return [own];
    return [
      { ...own, costMicros: 0n, exposure: null },
      { ...own, callId: original.callId },
    ];
  }
  return [isReplay ? { ...own, costMicros: 0n, exposure: null } : own];
}

/**
 * The settlement of an answer that must not be recorded: nothing that the vendor wrote is kept, and only a refusal
 * still proves anything.
 */
export function withoutWords(settlement: SettleRequest, reason: string): SettleRequest {
  const { secretId, callId, statusCode, upstreamMs } = settlement;
  const state = settlement.state === "released" ? "released" : "unknown";
  return ended({ callId, secretId, latencyMs: settlement.latencyMs ?? 0 }, state, {
    statusCode,
    upstreamMs,
    reason,
    throttle: settlement.throttle,
  });
}

/** The vendor's answer as its adapter reads it. */
export function readableAnswer(answer: UpstreamAnswer): VendorAnswer {
  return {
    status: answer.status,
    header: (name) => {
      const value = answer.headers[name];
      return typeof value === "string" ? value : null;
    },
    body: answer.body.toString("utf8"),
  };
}

/** The vendor's own name for a request that it answered, bounded; null when it gave none. */
export function vendorRequestIdOf(vendor: Vendor, headers: OutgoingHttpHeaders): string | null {
  const id = headers[vendor.requestIdHeader];
  return typeof id === "string" ? id.slice(0, REQUEST_ID_LENGTH_MAX) : null;
}

function settleOutcome(settling: Settling, sent: UpstreamAnswer, outcome: Outcome): SettleRequest {
  const facts = {
    statusCode: sent.status,
    upstreamMs: sent.upstreamMs,
    vendorRequestId: vendorRequestIdOf(settling.vendor, sent.headers),
    throttle: settling.throttle,
  };
  if (outcome.kind === "unknown") return ended(settling, "unknown", { ...facts, reason: outcome.reason });
  if (outcome.kind === "refused") {
    return ended(settling, "released", {
      ...facts,
      reason: `the vendor refused (${outcome.vendorCode ?? sent.status})`,
    });
  }
  const { objectId, customerId } = outcome;
  const named = {
    vendorObjectId: objectId?.slice(0, 255) ?? null,
    customerId: customerId?.slice(0, 255) ?? null,
  };
  if (outcome.kind === "pending")
    return ended(settling, "unknown", { ...facts, ...named, reason: PRICE_PENDING });
  const isUnstated = outcome.amount === null && outcome.costMicros === undefined;
  // Nobody could price it, and the answer does not either: what was held as its worst case is what it counts.
  const costMicros =
    settling.operation.price.kind === "unpriced" && isUnstated
      ? settling.reserved.holdMicros
      : costOf(outcome, settling.vendor, settling.pricing);
  const { amount, currency, exposure } = outcome;
  if (costMicros === null) {
    return ended(settling, "unknown", {
      ...facts,
      ...named,
      reason: `there is no current rate for \`${currency}\``,
    });
  }
  return ended(settling, "settled", {
    ...facts,
    ...named,
    costMicros,
    amount,
    currency,
    mayOverrun: settling.mayOverrun,
    exposure:
      exposure === null
        ? null
        : { objectId: exposure.objectId, amount: exposure.amount, isFinal: exposure.isFinal },
  });
}

/** The reason of a call that took effect and whose price the vendor has not stated yet. */
export const PRICE_PENDING = "the vendor has not stated the price yet";

/** What a settled outcome cost in micro-dollars; null without a usable rate. */
export function costOf(
  outcome: Extract<Outcome, { kind: "settled" }>,
  vendor: Vendor,
  pricing: Pricing,
): bigint | null {
  const { amount, currency, costMicros } = outcome;
  if (costMicros !== undefined) return costMicros;
  return amount === null || currency === null ? 0n : vendor.toMicros(amount, currency, pricing);
}

/** A settlement with everything that is not known left out. */
export function ended(
  settling: Pick<Settling, "callId" | "secretId" | "latencyMs">,
  state: SettleRequest["state"],
  facts: Partial<SettleRequest>,
): SettleRequest {
  return {
    callId: settling.callId,
    secretId: settling.secretId,
    state,
    costMicros: 0n,
    exposure: null,
    amount: null,
    currency: null,
    statusCode: null,
    customerId: null,
    vendorRequestId: null,
    vendorObjectId: null,
    latencyMs: Math.round(settling.latencyMs),
    upstreamMs: null,
    reason: null,
    mayOverrun: false,
    throttle: null,
    ...facts,
  };
}
