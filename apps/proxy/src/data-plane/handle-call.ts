import type { IncomingMessage, ServerResponse } from "node:http";
import {
  authorize,
  DENIALS,
  type Denial,
  type DenialWritten,
  deny,
  isDenial,
  KeybrakeError,
  type Operation,
  type Policy,
  prefixOf,
  type Reserved,
  type Throttle,
  type VendorName,
} from "@keybrake/core";
import type { Caller } from "../limits/in-flight.ts";
import type { Turn } from "../limits/vendor-queue.ts";
import { type Answer, renderDenial, renderFault, writeAnswer } from "./answer.ts";
import { authenticate } from "./authenticate.ts";
import { Call, redactVaultKeys } from "./call.ts";
import type { Credential } from "./credential.ts";
import { type DataPlane, pricingOf, routeOf, type VendorRoute } from "./data-plane.ts";
import { answerHeaders, buildRequest, isSearchable } from "./forward.ts";
import { deriveDuplicate, deriveIdempotency, type Idempotency } from "./idempotency.ts";
import { type KeyRules, rulesOf } from "./key-rules.ts";
import { LeakGuard } from "./leak-guard.ts";
import { describeKey } from "./me.ts";
import { lookUp } from "./price.ts";
import { readBody, readHead, readNothing } from "./read-request.ts";
import { NOT_AFFIRMED, SendRight, sendByRight } from "./send-right.ts";
import { ended, readableAnswer, type Settling, settlementsOf, withoutWords } from "./settle.ts";
import type { Sent, UpstreamAnswer } from "./upstream.ts";

const STALE_TRIES_MAX = 3;

/** A refusal by the ledger itself, which has put it down already. */
interface Recorded extends DenialWritten {
  readonly recorded: Denial;
}

/**
 * THE PIPELINE. One request from its first byte to its answer:
 * head → authenticate → lane → body → operation → authorize → price → authorize → turn → reserve → forward → settle → answer.
 * Every refusal is a value that ends here, with an audit row; every fault is caught here, once. Never rejects.
 */
export async function handleCall(
  plane: DataPlane,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = new Call(request.method ?? "", request.url ?? "", plane.clock.monotonicMs());
  call.vendor = plane.routes[prefixOf(call.rawTarget) ?? "stripe"].vendor;
  let leave: (() => void) | null = null;
  try {
    const asked = await identify(plane, call, request);
    leave = await plane.inFlight.enter(callerOf(call));
    if (isDenial(asked)) return await refuse(plane, call, response, asked);
    if (asked === "me") return writeAnswer(response, call.id, await describeKey(plane, call));
    const body = await readOwnBody(call, request);
    if (isDenial(body)) return await refuse(plane, call, response, body);
    const held = await reserve(plane, call, plane.routes[asked], body);
    if (isDenial(held)) return await refuse(plane, call, response, held);
    if ("recorded" in held) return await showDenial(plane, call, response, held.recorded, held);
    const answer = await perform(plane, call, held, request, response);
    if (answer !== null) writeAnswer(response, call.id, answer);
  } catch (error) {
    plane.log.fault(call, error);
    writeAnswer(response, call.id, renderFault(call.vendor, call.id, error));
  } finally {
    call.turn?.leave();
    leave?.();
  }
}

/** Who asks, and at which vendor: all that can be said of a request without its body. */
async function identify(
  plane: DataPlane,
  call: Call,
  request: IncomingMessage,
): Promise<VendorName | "me" | Denial> {
  const head = readHead(request);
  if (isDenial(head)) return head;
  call.head = head;
  const key = await authenticate(head, plane.keys, plane.pepper);
  if (isDenial(key)) return key;
  call.key = key;
  // Whatever is refused from here on is told in the words of the key's vendor, whose SDK is listening.
  call.vendor = plane.routes[key.vendor as VendorName].vendor;
  if (head.target.path === "/keybrake/v1/me" && head.target.prefix === null && head.method === "GET")
    return "me";
  const vendor = key.vendor as VendorName;
  if (head.target.prefix !== null && head.target.prefix !== vendor) {
    return deny("vendor_mismatch", `this vault key is for ${vendor}, not for ${head.target.prefix}`);
  }
  return vendor;
}

/** A call has a place before its body is read, so that nobody makes us hold more bodies than calls may run. */
function callerOf({ key }: Call): Caller {
  return { vaultKeyId: key?.id ?? "", agentId: key?.agentId ?? "", vendor: key?.vendor ?? "" };
}

async function readOwnBody({ head, vendor }: Call, request: IncomingMessage): Promise<Buffer | Denial> {
  if (head === null || vendor === null) throw new TypeError("the head was not read");
  const isRead = head.method === "GET" || head.method === "HEAD";
  return isRead ? readNothing(request, head, vendor.readBody) : readBody(request, head);
}

/** A call that may be sent: it is held in the ledger, and its audit row is durable. */
interface Held {
  readonly route: VendorRoute;
  readonly operation: Operation;
  readonly policy: Policy;
  readonly reserved: Reserved;
  readonly idempotency: Idempotency | null;
  readonly body: Buffer;
}

/** Understands, prices and judges the call, and holds its worst case; again when the policy changed meanwhile. */
async function reserve(
  plane: DataPlane,
  call: Call,
  route: VendorRoute,
  body: Buffer,
): Promise<Held | Denial | Recorded> {
  for (let attempt = 0; attempt < STALE_TRIES_MAX; attempt++) {
    const operation = readOperation(plane, call, route, body);
    if (isDenial(operation)) return operation;
    const { facts, policy, rateLimits } = rulesOf(call.key);
    const early = authorize(facts, operation, plane.clock.now());
    if (early.verdict === "deny") return early.denial;
    const limited = await limitRate(plane, rateLimits);
    if (limited !== null) return limited;
    const priced = await lookUp(plane, call, route, operation, policy);
    if (isDenial(priced)) return priced;
    if (priced === "stale") {
      await rereadKey(plane, call);
      continue;
    }
    call.operation = priced;
    const decision = authorize(facts, priced, plane.clock.now());
    if (decision.verdict === "deny") return decision.denial;
    // Waits before the reservation: no money is held for a call that is not its turn yet.
    call.turn ??= await takeTurn(plane, call);
    const idempotency = deriveIdempotency(plane.idempotencySecret, call.key?.id ?? "", priced, body);
    const result = await reserveOperation(plane, call, priced, policy, idempotency, body);
    if (result.kind === "denied") return { recorded: result.denial, isOnlyCounted: result.isOnlyCounted };
    if (result.kind === "reserved")
      return { route, operation: priced, policy, reserved: result, idempotency, body };
    await rereadKey(plane, call);
  }
  throw new KeybrakeError("ledger_unavailable", {
    detail: "the policy of this key changed too often, try again",
  });
}

function readOperation(plane: DataPlane, call: Call, route: VendorRoute, body: Buffer): Operation | Denial {
  const head = call.head;
  if (head === null) throw new TypeError("the head was not read");
  if (head.headers.has("stripe-context")) {
    return deny(
      "account_not_allowed",
      "the header `stripe-context` reaches any account, so it is not accepted",
    );
  }
  const operation = route.vendor.readOperation(
    {
      method: head.method,
      path: head.target.path,
      query: head.target.query,
      contentType: head.headers.get("content-type") ?? null,
      // An empty one would make all calls that carry it one call.
      idempotencyKey: head.headers.get("idempotency-key") || null,
      account: head.headers.get("stripe-account") ?? null,
      body,
    },
    { ...pricingOf(plane), accountId: call.key?.accountId ?? null, policy: rulesOf(call.key).policy },
  );
  if (!isDenial(operation)) call.operation = operation;
  return operation;
}

async function limitRate(plane: DataPlane, rateLimits: KeyRules["rateLimits"]): Promise<Denial | null> {
  for (const { vaultKeyId, requestsPerMinute, whose } of rateLimits) {
    const seconds = await plane.limiter.take(vaultKeyId, requestsPerMinute);
    if (seconds === null) continue;
    const reason = `${whose} may make ${requestsPerMinute} requests a minute`;
    return { code: "rate_limited", reason, retryAfterSeconds: seconds };
  }
  return null;
}

function takeTurn(plane: DataPlane, { key }: Call): Promise<Turn> {
  if (key === null) throw new TypeError("a call without a key has no turn");
  return plane.quota.enter({ secretId: key.secretId, vendor: key.vendor as VendorName }, key.agentId);
}

function reserveOperation(
  plane: DataPlane,
  call: Call,
  operation: Operation,
  policy: Policy,
  idempotency: Idempotency | null,
  body: Buffer,
) {
  const facts = call.describe();
  if (facts.identity === null) throw new TypeError("a call without a key cannot be reserved");
  const accounted = operation.endpoint?.accounted ?? true;
  const { duplicateSeconds } = policy;
  return plane.ledger.reserve({
    ...facts,
    identity: facts.identity,
    holdMicros: holdOf(operation, policy),
    exposureId: operation.exposureId,
    accounted,
    idempotency,
    duplicate:
      duplicateSeconds === null || !accounted
        ? null
        : {
            fingerprint: deriveDuplicate(plane.idempotencySecret, facts.identity, operation, body),
            seconds: duplicateSeconds,
          },
  });
}

/** What is held for a call: its price, or, when nobody can know it and the operator allows that, the dearest call. */
function holdOf({ price }: Operation, policy: Policy): bigint {
  if (price.kind === "known") return price.micros;
  return price.kind === "unpriced" ? (policy.perCallLimitMicros ?? 0n) : 0n;
}

async function rereadKey(plane: DataPlane, call: Call): Promise<void> {
  if (call.head === null) return;
  plane.keys.forget(call.key?.id);
  const key = await authenticate(call.head, plane.keys, plane.pepper);
  if (!isDenial(key)) call.key = key;
}

/** Sends a held call, settles it, and gives the answer; null when a free read is streaming to the agent. */
async function perform(
  plane: DataPlane,
  call: Call,
  held: Held,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | null> {
  const { route, operation, reserved } = held;
  const secretId = call.key?.secretId ?? "";
  const release = (reason: string) =>
    plane.ledger.settle(
      ended({ callId: call.id, secretId, latencyMs: latencyOf(plane, call) }, "released", { reason }),
    );
  let credential: Credential;
  try {
    const opened = await plane.secrets.open(secretId, reserved.secretVersion);
    credential = { value: opened.credential, accountId: opened.accountId };
  } catch (error) {
    await release("the real credential could not be opened, so the call was not sent");
    throw error;
  }
  const identity = call.describe().identity;
  if (identity === null) throw new TypeError("a call without a key cannot be sent");
  const right = new SendRight(plane, identity, reserved);
  call.turn?.use();
  const { upstream, stream, target } = routeOf(route, operation);
  if (operation.endpoint?.streams && operation.endpoint.accounted === false) {
    await stream.forward({
      plane,
      call,
      operation,
      target,
      secretId,
      credential,
      right,
      request,
      response,
    });
    return null;
  }
  // Made now: the credential's buffer may be wiped before the vendor answers.
  const guard = LeakGuard.of(credential.value);
  const body = Buffer.from(route.vendor.completeBody(operation, held.body, labelsOf(call)));
  const outgoing = buildRequest(
    route.vendor,
    operation,
    call.head,
    body,
    target,
    credential,
    held.idempotency,
  );
  const forwarded = await sendByRight(upstream, outgoing, right).catch(async (error: unknown) => {
    await release(NOT_AFFIRMED);
    throw error;
  });
  if (isDenial(forwarded)) {
    await release(`${forwarded.reason}: not sent`);
    return renderDenial(route.vendor, call.id, forwarded);
  }
  const sent = scrub(held, forwarded);
  const settling: Settling = {
    callId: call.id,
    secretId,
    operation,
    reserved,
    vendor: route.vendor,
    pricing: pricingOf(plane),
    mayOverrun: operation.price.kind === "unpriced" && held.policy.onUnpriced === "allow",
    latencyMs: latencyOf(plane, call),
    throttle: await findThrottle(plane, call, route, sent),
  };
  const withheld = sent.kind === "answered" ? whyWithheld(held, sent, guard) : null;
  const settlements = settlementsOf(settling, sent).map((settlement) =>
    withheld === null ? settlement : withoutWords(settlement, withheld),
  );
  await Promise.all(settlements.map((settlement) => plane.ledger.settle(settlement)));
  plane.log.sent(call, settlements[0], sent);
  if (withheld === LEAKED) plane.log.leak(call);
  return answerOf(held, sent, withheld);
}

/** Who had used the vendor's quota up, when that is what its refusal says; null for every other answer. */
function findThrottle(
  plane: DataPlane,
  { key }: Call,
  { vendor }: VendorRoute,
  sent: Sent,
): Promise<Throttle> | null {
  if (sent.kind !== "answered" || key === null) return null;
  const answer = readableAnswer(sent);
  if (!vendor.isRateLimited(answer)) return null;
  return plane.quota.throttled({ secretId: key.secretId, vendor: vendor.name }, key.agentId, {
    retryAfter: answer.header("retry-after"),
    upstreamMs: sent.upstreamMs,
  });
}

/** Takes out what the vendor puts into an object and no agent may see. */
function scrub({ route, operation }: Held, sent: Sent): Sent {
  if (sent.kind !== "answered") return sent;
  return { ...sent, body: Buffer.from(route.vendor.scrubAnswer(operation, sent.body)) };
}

const LEAKED = "the vendor's answer contained a credential";
const ENCODED = "the vendor's answer was encoded, so it could not be searched for a credential";

/** Why an answer may be neither shown nor recorded; null when it may. */
function whyWithheld({ route, operation }: Held, answer: UpstreamAnswer, guard: LeakGuard): string | null {
  const shown = JSON.stringify(answerHeaders(route.vendor, operation, answer.headers));
  if (guard.finds(answer.body) || guard.finds(Buffer.from(shown))) return LEAKED;
  return isSearchable(answer.headers) ? null : ENCODED;
}

/** The vendor's answer as the agent may see it, or the fault that stands for it; `withheld` says why it may not. */
function answerOf(held: Held, sent: Sent, withheld: string | null): Answer {
  if (sent.kind === "not_sent") throw new KeybrakeError("vendor_unreachable", { detail: sent.reason });
  if (sent.kind === "unknown") {
    throw new KeybrakeError(sent.isTimeout ? "vendor_timeout" : "vendor_unreachable", {
      detail: `${sent.reason}: whether the call took effect is unknown, and its worst case stays counted`,
    });
  }
  if (sent.status === 401 || sent.status === 403) {
    // These bodies quote the tail of the real key.
    throw new KeybrakeError("vendor_answer_withheld", {
      detail: `the vendor refused the configured credential (status ${sent.status}): tell the operator`,
    });
  }
  if (withheld !== null) throw new KeybrakeError("vendor_answer_withheld", { detail: withheld });
  const headers = answerHeaders(held.route.vendor, held.operation, sent.headers);
  return { status: sent.status, headers, body: sent.body };
}

/** Writes the audit row of a refusal, then tells the agent. No row, no answer but 503. */
async function refuse(plane: DataPlane, call: Call, response: ServerResponse, denial: Denial): Promise<void> {
  const { status } = DENIALS[denial.code];
  const written = await plane.ledger.deny({
    ...call.describe(),
    denial: { ...denial, reason: redactVaultKeys(denial.reason) },
    statusCode: status,
    latencyMs: latencyOf(plane, call),
  });
  await showDenial(plane, call, response, denial, written);
}

async function showDenial(
  plane: DataPlane,
  call: Call,
  response: ServerResponse,
  denial: Denial,
  { isOnlyCounted }: DenialWritten,
): Promise<void> {
  if (isOnlyCounted) await plane.slowAnswers.tick();
  plane.log.denied(call, denial, isOnlyCounted);
  writeAnswer(response, call.id, renderDenial(call.vendor ?? plane.routes.stripe.vendor, call.id, denial));
}

function latencyOf(plane: DataPlane, call: Call): number {
  return Math.round(plane.clock.monotonicMs() - call.startedAtMs);
}

function labelsOf(call: Call) {
  return { agentId: call.key?.agentId ?? "", crewRunId: call.key?.crewRunId ?? null };
}
