import {
  type CallFacts,
  type Denial,
  isDenial,
  KeybrakeError,
  type KeyIdentity,
  type Operation,
  type OwnIdentity,
  type VendorAnswer,
  type VendorRead,
} from "@keybrake/core";
import { v7 as uuidv7 } from "uuid";
import type { Turn } from "../limits/vendor-queue.ts";
import { type DataPlane, pricingOf, routeOf, type VendorRoute } from "./data-plane.ts";
import { buildRequest } from "./forward.ts";
import { LeakGuard } from "./leak-guard.ts";
import { NOT_AFFIRMED, SendRight, sendByRight } from "./send-right.ts";
import { ended, readableAnswer, vendorRequestIdOf } from "./settle.ts";

const FORM = "application/x-www-form-urlencoded";

/** On whose behalf a read is made, and what it is for. */
export interface Reader {
  readonly identity: KeyIdentity | OwnIdentity;
  readonly route: VendorRoute;
  readonly accountId: string | null;
  /** The connected account whose objects are read. */
  readonly account: string | null;
  /** Labels of the audit row: they name the call for which it is read. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly purpose: string;
}

/**
 * Reads an object at the vendor with the real credential. Such a read is a call like any other: reserved first,
 * audited, and refused when its key may no longer act. `stale` = the policy changed, judge again.
 * Rejects with `vendor_unreachable` when there is no answer that could be relied on, and with `vendor_answer_withheld`
 * when there is one that must not be seen, which is logged.
 */
export async function readVendor(
  plane: DataPlane,
  reader: Reader,
  read: VendorRead,
): Promise<VendorAnswer | Denial | "stale"> {
  const { route, identity } = reader;
  const operation = understand(plane, reader, read);
  if (isDenial(operation)) return operation;
  const turn = await plane.quota.enter(
    { secretId: identity.secretId, vendor: route.vendor.name },
    identity.agentId,
  );
  try {
    return await readInTurn(plane, reader, operation, read, turn);
  } finally {
    turn.leave();
  }
}

async function readInTurn(
  plane: DataPlane,
  reader: Reader,
  operation: Operation,
  read: VendorRead,
  turn: Turn,
): Promise<VendorAnswer | Denial | "stale"> {
  const { route, identity } = reader;
  const callId = uuidv7();
  const endpoint = operation.endpoint && `${operation.endpoint.method} ${operation.endpoint.template.text}`;
  const reserved = await plane.ledger.reserve({
    ...NOTHING_CLAIMED,
    callId,
    identity,
    vendor: route.vendor.name,
    method: operation.method,
    path: operation.path,
    endpoint,
    metadata: reader.metadata,
  });
  if (reserved.kind === "stale") return "stale";
  if (reserved.kind === "denied") return reserved.denial;
  const { secretId } = identity;
  const settling = { callId, secretId, latencyMs: 0 };
  const opened = await plane.secrets.open(secretId, reserved.secretVersion).catch(async (error: unknown) => {
    const reason = "the real credential could not be opened, so the object was not read";
    await plane.ledger.settle(ended(settling, "released", { reason }));
    throw error;
  });
  const credential = { value: opened.credential, accountId: opened.accountId };
  const guard = LeakGuard.of(credential.value);
  const { upstream, target } = routeOf(route, operation);
  const body = Buffer.from(read.body ?? "");
  turn.use();
  const request = buildRequest(route.vendor, operation, null, body, target, credential, null);
  const right = new SendRight(plane, identity, reserved);
  const sent = await sendByRight(upstream, request, right).catch(async (error: unknown) => {
    await plane.ledger.settle(ended(settling, "released", { reason: NOT_AFFIRMED }));
    throw error;
  });
  if (isDenial(sent)) {
    await plane.ledger.settle(ended(settling, "released", { reason: `${sent.reason}: not sent` }));
    return sent;
  }
  const isAnswered = sent.kind === "answered";
  const isLeaking =
    isAnswered && (guard.finds(sent.body) || guard.finds(Buffer.from(JSON.stringify(sent.headers))));
  const upstreamMs = sent.kind === "not_sent" ? null : sent.upstreamMs;
  const throttle =
    isAnswered && route.vendor.isRateLimited(readableAnswer(sent))
      ? await plane.quota.throttled({ secretId, vendor: route.vendor.name }, identity.agentId, {
          retryAfter: readableAnswer(sent).header("retry-after"),
          upstreamMs: sent.upstreamMs,
        })
      : null;
  await plane.ledger.settle(
    ended({ ...settling, latencyMs: upstreamMs ?? 0 }, isAnswered ? "settled" : "released", {
      statusCode: isAnswered ? sent.status : null,
      upstreamMs,
      vendorRequestId: isAnswered && !isLeaking ? vendorRequestIdOf(route.vendor, sent.headers) : null,
      reason: reader.purpose,
      throttle,
    }),
  );
  if (isLeaking) {
    plane.log.leakInRead({ callId, identity, endpoint });
    throw new KeybrakeError("vendor_answer_withheld", {
      detail: "the vendor's answer contained a credential",
    });
  }
  if (!isAnswered || sent.status >= 500 || sent.status === 429) {
    throw new KeybrakeError("vendor_unreachable", {
      detail: `what must be known first could not be read at the vendor, nothing was sent`,
    });
  }
  return readableAnswer(sent);
}

/** What Keybrake reads for itself: with which credential, and why. */
export interface OwnRead {
  readonly route: VendorRoute;
  readonly secretId: string;
  readonly accountId: string | null;
  /** The call whose price is asked for; absent = none. */
  readonly priceOf?: string;
  readonly purpose: string;
}

/** The same read on Keybrake's own account: no agent asked for it, so no key is judged, and its row says so. */
export function readVendorAsOwner(plane: DataPlane, own: OwnRead, read: VendorRead) {
  const { route, secretId, accountId, priceOf, purpose } = own;
  return readVendor(
    plane,
    {
      identity: { vaultKeyId: null, policyVersion: 0, secretId, agentId: "keybrake", crewRunId: null },
      route,
      accountId,
      account: null,
      metadata: { agent_id: "keybrake", ...(priceOf === undefined ? {} : { keybrake_price_of: priceOf }) },
      purpose,
    },
    read,
  );
}

const NOTHING_CLAIMED = {
  claimedAgentId: null,
  claimedCrewRunId: null,
  direction: null,
  amount: null,
  currency: null,
  customerId: null,
  holdMicros: 0n,
  exposureId: null,
  accounted: false,
  idempotency: null,
  duplicate: null,
} as const satisfies Partial<CallFacts> & Record<string, unknown>;

function understand(plane: DataPlane, reader: Reader, read: VendorRead): Operation | Denial {
  return reader.route.vendor.readOperation(
    {
      method: read.method,
      path: read.path,
      query: read.query,
      contentType: read.method === "POST" ? FORM : null,
      idempotencyKey: null,
      account: reader.account,
      body: Buffer.from(read.body ?? ""),
    },
    { ...pricingOf(plane), accountId: reader.accountId, policy: null },
  );
}
