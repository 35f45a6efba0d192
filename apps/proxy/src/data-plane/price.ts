import {
  type Denial,
  deny,
  isDenial,
  KeybrakeError,
  type ObjectFacts,
  type Operation,
  type PriceLookup,
} from "@keybrake/core";
import { v7 as uuidv7 } from "uuid";
import type { Call } from "./call.ts";
import type { DataPlane, VendorRoute } from "./data-plane.ts";
import { buildRequest } from "./forward.ts";
import { LeakGuard } from "./leak-guard.ts";
import { ended, readableAnswer, vendorRequestIdOf } from "./settle.ts";

/**
 * Prices an operation whose amount is not in its request: from the ledger's own memory of the object, else by reading
 * the object at the vendor with the real credential. That read is a call like any other: reserved first, audited,
 * and refused when its key may no longer act. `stale` = the policy changed, judge again.
 */
export async function priceOperation(
  plane: DataPlane,
  call: Call,
  route: VendorRoute,
  operation: Operation,
): Promise<Operation | Denial | "stale"> {
  if (operation.price.kind !== "lookup") return operation;
  const { lookup } = operation.price;
  const facts =
    (await remember(plane, call, lookup)) ?? (await readObject(plane, call, route, operation, lookup));
  if (facts === "stale" || isDenial(facts)) return facts;
  const pricing = { rates: plane.rates, today: plane.clock.today() };
  return { ...operation, price: route.vendor.priceFromFacts(lookup, facts, pricing) };
}

/** The ledger knows amount and currency of what it has counted, but not how much of a charge is already refunded. */
async function remember(plane: DataPlane, call: Call, lookup: PriceLookup): Promise<ObjectFacts | null> {
  if (lookup.basis === "refundable" && lookup.amount === null) return null;
  const known = await plane.ledger.findExposure(call.key?.secretId ?? "", lookup.objectId);
  if (known === null) return null;
  return {
    currency: known.currency,
    amount: known.amount,
    received: 0n,
    capturable: known.amount,
    refundable: 0n,
  };
}

async function readObject(
  plane: DataPlane,
  call: Call,
  route: VendorRoute,
  operation: Operation,
  lookup: PriceLookup,
): Promise<ObjectFacts | Denial | "stale"> {
  const request = route.vendor.lookupRequest(lookup);
  const read = route.vendor.readOperation(
    {
      method: "GET",
      ...request,
      contentType: null,
      idempotencyKey: null,
      account: operation.account,
      body: Buffer.alloc(0),
    },
    { rates: plane.rates, today: plane.clock.today() },
  );
  if (isDenial(read)) return read;
  const facts = call.describe();
  if (facts.identity === null) throw new TypeError("a call without a key cannot be priced");
  const callId = uuidv7();
  const reserved = await plane.ledger.reserve({
    ...facts,
    callId,
    identity: facts.identity,
    method: "GET",
    path: read.path,
    endpoint: read.endpoint === null ? null : `GET ${read.endpoint.template.text}`,
    direction: null,
    amount: null,
    currency: null,
    metadata: { ...facts.metadata, keybrake_price_of: call.id },
    holdMicros: 0n,
    exposureId: null,
    accounted: false,
    idempotency: null,
  });
  if (reserved.kind === "stale") return "stale";
  if (reserved.kind === "denied") return reserved.denial;
  const secretId = facts.identity.secretId;
  const opened = await plane.secrets.open(secretId, reserved.secretVersion).catch(async (error: unknown) => {
    const reason = "the real credential could not be opened, so the object was not read";
    await plane.ledger.settle(ended({ callId, secretId, latencyMs: 0 }, "released", { reason }));
    throw error;
  });
  const { credential } = opened;
  const guard = LeakGuard.of(credential);
  const sent = await route.upstream.send(
    buildRequest(route.vendor, read, null, Buffer.alloc(0), credential, null),
    () => plane.ledger.maySend(reserved),
  );
  const isLeaking =
    sent.kind === "answered" &&
    (guard.finds(sent.body) || guard.finds(Buffer.from(JSON.stringify(sent.headers))));
  const status = sent.kind === "answered" ? sent.status : null;
  const state = sent.kind === "answered" ? "settled" : "released";
  const upstreamMs = sent.kind === "not_sent" ? null : sent.upstreamMs;
  await plane.ledger.settle(
    ended({ callId, secretId, latencyMs: upstreamMs ?? 0 }, state, {
      statusCode: status,
      upstreamMs,
      vendorRequestId:
        sent.kind === "answered" && !isLeaking ? vendorRequestIdOf(route.vendor, sent.headers) : null,
      reason: "read to price a call",
    }),
  );
  if (sent.kind !== "answered" || sent.status >= 500 || sent.status === 429) {
    throw new KeybrakeError("vendor_unreachable", {
      detail: "the object that prices this call could not be read, nothing was sent",
    });
  }
  if (isLeaking) {
    plane.log.leak(call);
    throw new KeybrakeError("vendor_answer_withheld", {
      detail: "the vendor's answer contained a credential",
    });
  }
  const found = route.vendor.readFacts(lookup, readableAnswer(sent));
  return (
    found ??
    deny(
      "unpriced",
      `\`${lookup.objectId}\` could not be read (status ${sent.status}), so this call has no price`,
    )
  );
}
