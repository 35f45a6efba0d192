import { setTimeout as delay } from "node:timers/promises";
import { type Refusal, readRefusal } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import { type AgentIdentity, currentScope } from "./agent-scope.ts";
import { type AgentSettings, findAgentKey, findBaseUrl, waitsOf } from "./agent-settings.ts";
import { type Breach, processBreaker } from "./breaker.ts";

/** A request as it goes to the proxy, but for its address and its credential. */
export interface OutgoingRequest {
  readonly vendor: VendorName;
  readonly method: string;
  /** The vendor's own path with its query, in the proxy's one path space (`/verify/v2/…`). */
  readonly target: string;
  readonly headers: Headers;
  /** Whole, because a short rate limit may make it go out again. */
  readonly body: Uint8Array<ArrayBuffer> | string | null;
  readonly signal?: AbortSignal | null | undefined;
}

/** An answer, and whether it is a refusal of Keybrake's. */
export interface Reply {
  readonly response: Response;
  readonly refusal: Refusal | null;
}

const BRIEF_WAIT_MS = 1_000;

/**
 * Sends one request with the agent's vault key. It is never sent again, but for one that the proxy itself refused for a
 * moment. A key that has used up a cap is answered from memory. Rejects when there is no answer.
 */
export async function dispatch(
  request: OutgoingRequest,
  identity: AgentIdentity,
  settings: AgentSettings,
): Promise<Reply> {
  const vaultKey = await findAgentKey(settings, identity, request.vendor);
  const url = findBaseUrl(settings, request.vendor) + request.target;
  const headers = new Headers(request.headers);
  headers.set("authorization", `Bearer ${vaultKey}`);
  const { timeoutMs, rateLimitWaitMsMax } = waitsOf(settings);
  const send = settings.fetch ?? fetch;
  const deadline = performance.now() + rateLimitWaitMsMax;
  while (true) {
    const known = processBreaker.find(vaultKey, request.method);
    if (known !== null) return note(request.vendor, { response: answerFrom(known), refusal: known.refusal });
    const limits = [AbortSignal.timeout(timeoutMs), ...(request.signal ? [request.signal] : [])];
    const response = await send(url, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "error",
      signal: AbortSignal.any(limits),
    });
    const reply = response.status < 400 ? { response, refusal: null } : await readReply(response, vaultKey);
    const waitMs = waitOf(reply.refusal);
    if (waitMs === null || performance.now() + waitMs > deadline) return note(request.vendor, reply);
    await delay(waitMs, undefined, request.signal ? { signal: request.signal } : {});
  }
}

/** Milliseconds after which the same request may pass, if that is soon; else null. */
function waitOf(refusal: Refusal | null): number | null {
  if (refusal?.kind !== "briefly") return null;
  return refusal.retryAfterSeconds === null ? BRIEF_WAIT_MS : refusal.retryAfterSeconds * 1_000;
}

async function readReply(response: Response, vaultKey: string): Promise<Reply> {
  const { status } = response;
  const body = await response.text();
  // The body is decoded and whole now.
  const headers = [...response.headers].filter(
    ([name]) => !/^(?:content-(?:encoding|length)|transfer-encoding)$/.test(name),
  );
  const refusal = readRefusal({ status, headers: response.headers, body });
  if (refusal !== null) processBreaker.learn(vaultKey, { refusal, status, headers, body });
  return { response: new Response(body, { status, headers }), refusal };
}

function answerFrom(breach: Breach): Response {
  const headers = new Headers(breach.headers.map(([name, value]): [string, string] => [name, value]));
  const seconds = processBreaker.secondsLeft(breach);
  if (seconds !== null) headers.set("retry-after", String(seconds));
  return new Response(breach.body, { status: breach.status, headers });
}

function note(vendor: VendorName, reply: Reply): Reply {
  const scope = currentScope();
  if (scope !== null) scope.lastRefused = reply.refusal === null ? null : { vendor, refusal: reply.refusal };
  return reply;
}
