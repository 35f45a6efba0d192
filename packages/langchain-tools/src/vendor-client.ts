import { AGENT_HEADERS } from "@keybrake/client";
import type { VendorName } from "@keybrake/core";
import { type AgentIdentity, checkIdentity, currentScope, environmentRunId } from "./agent-scope.ts";
import { type AgentSettings, environmentOf, findTwilioAccount } from "./agent-settings.ts";
import { AgentSetupError } from "./agent-setup-error.ts";
import { Executions, OpenCalls } from "./call-memory.ts";
import { type CallOutcome, isWithoutEffect } from "./call-outcome.ts";
import { dispatch } from "./dispatch.ts";
import { contentName, deriveIdempotencyKey, takesIdempotencyKey } from "./idempotency.ts";
import { labelBody, setLabelHeaders } from "./labels.ts";
import { readAnswer, readFailure } from "./read-answer.ts";
import {
  type EncodedRequest,
  encodeRequest,
  ParameterError,
  type Parameters,
  pathParametersOf,
} from "./request-encoding.ts";
import { findVendorEndpoint, type VendorEndpoint } from "./vendor-endpoint.ts";

/** An agent's client: which agent, and where it finds what it needs. */
export interface VendorClientOptions extends AgentSettings {
  /** The agent's id, as the operator knows it: `billing_agent`. */
  readonly agentId: string;
}

/** One call of a vendor's API. */
export interface VendorCall {
  /** An operation of the catalogue (`payment_intents.create`), or `POST /v1/payment_intents`. */
  readonly endpoint: string | VendorEndpoint;
  /** Needed only for the few operations that two vendors have. */
  readonly vendor?: VendorName | undefined;
  /** By the vendor's own names, identifiers of the path among them. */
  readonly parameters?: Parameters | undefined;
  /** The crew's run; by default that of the surrounding agent, then `CREW_RUN_ID`. */
  readonly crewRunId?: string | undefined;
  /** The model's id of the tool call, the same for each of its executions. */
  readonly toolCallId?: string | undefined;
  /** Instead of the derived one. */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A client of the vendors' APIs that is bound to one agent. */
export interface VendorClient {
  readonly agentId: string;
  /**
   * Makes one call and tells what came of it. Nothing is retried but what the proxy refused for a moment. Rejects only
   * with an `AgentSetupError`, or the signal's reason.
   */
  call(call: VendorCall): Promise<CallOutcome>;
}

// Of the process and not of a client: the tools of an agent may be made anew for every message.
const executions = new Executions<CallOutcome>(isWithoutEffect);
const openCalls = new OpenCalls();

/** Makes a client. Nothing is read or sent before its first call. */
export function createVendorClient(options: VendorClientOptions): VendorClient {
  checkIdentity({ agentId: options.agentId });
  return { agentId: options.agentId, call: (call) => makeCall(options, call) };
}

interface Prepared {
  readonly found: VendorEndpoint;
  readonly identity: AgentIdentity;
  readonly request: EncodedRequest;
  readonly body: Uint8Array<ArrayBuffer>;
}

async function makeCall(options: VendorClientOptions, call: VendorCall): Promise<CallOutcome> {
  const found =
    typeof call.endpoint === "string" ? findVendorEndpoint(call.endpoint, call.vendor) : call.endpoint;
  const identity = identityOf(options, call);
  const facts = { vendor: found.vendor, operation: found.endpoint.operation, agentId: identity.agentId };
  let request: EncodedRequest;
  try {
    request = encodeRequest(found.vendor, found.endpoint, completeParameters(options, found, call));
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    return { ...facts, callId: null, kind: "invalid", reason: error.message };
  }
  const { method } = found.endpoint;
  const bytes = new TextEncoder().encode(request.body ?? "");
  const body = labelBody({ vendor: found.vendor, method, ...request, body: bytes }, identity);
  const prepared = { found, identity, request, body };
  const outcome = await (found.endpoint.accounted
    ? sendOnce(options, call, prepared)
    : send(options, call, prepared, null));
  if (outcome.kind === "unknown" || outcome.kind === "failed") call.signal?.throwIfAborted();
  return outcome;
}

function identityOf(options: VendorClientOptions, call: VendorCall): AgentIdentity {
  const scope = currentScope()?.identity;
  const around = scope?.agentId === options.agentId ? scope : undefined;
  return checkIdentity({
    agentId: options.agentId,
    // A run is of the whole crew, whichever agent surrounds the call.
    crewRunId: call.crewRunId ?? scope?.crewRunId ?? environmentRunId(environmentOf(options)),
    toolCallId: call.toolCallId ?? around?.toolCallId,
  });
}

function completeParameters(
  options: VendorClientOptions,
  { endpoint }: VendorEndpoint,
  call: VendorCall,
): Parameters {
  const { parameters = {} } = call;
  if (!pathParametersOf(endpoint).includes("AccountSid") || parameters["AccountSid"] !== undefined)
    return parameters;
  return { ...parameters, AccountSid: findTwilioAccount(options) };
}

/** Makes a call that may cost or change something, so that a second execution of it changes nothing more. */
async function sendOnce(
  options: VendorClientOptions,
  call: VendorCall,
  prepared: Prepared,
): Promise<CallOutcome> {
  const { found, identity, request, body } = prepared;
  const { vendor, endpoint } = found;
  const content = contentName(identity, { vendor, method: endpoint.method, target: request.target, body });
  const derived = call.idempotencyKey ?? deriveIdempotencyKey(identity, content);
  const open = openCalls.find(content);
  const key = open ?? derived;
  const outcome = takesIdempotencyKey(vendor, endpoint)
    ? await send(options, call, prepared, key)
    : await executions.once(
        key,
        () => send(options, call, prepared, null),
        (error) => error instanceof AgentSetupError,
      );
  openCalls.learn(content, key, outcome.kind === "unknown");
  return outcome;
}

async function send(
  options: VendorClientOptions,
  call: VendorCall,
  { found, identity, request, body }: Prepared,
  idempotencyKey: string | null,
): Promise<CallOutcome> {
  const { vendor, endpoint } = found;
  const facts = { vendor, operation: endpoint.operation, agentId: identity.agentId };
  const headers = new Headers({ accept: "application/json" });
  if (body.length > 0 && request.contentType !== null) headers.set("content-type", request.contentType);
  if (idempotencyKey !== null) headers.set("idempotency-key", idempotencyKey);
  setLabelHeaders(headers, identity);
  try {
    const { response, refusal } = await dispatch(
      {
        vendor,
        method: endpoint.method,
        target: request.target,
        headers,
        body: body.length > 0 ? body : null,
        signal: call.signal,
      },
      identity,
      options,
    );
    const callId = response.headers.get(AGENT_HEADERS.callId);
    if (refusal !== null) return { ...facts, callId: refusal.callId, kind: "refused", refusal };
    return { ...facts, callId, ...readAnswer(response, await response.text(), endpoint.accounted) };
  } catch (error) {
    return { ...facts, callId: null, ...readFailure(error, endpoint.accounted) };
  }
}
