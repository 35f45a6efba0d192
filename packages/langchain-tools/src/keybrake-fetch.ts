import { randomUUID } from "node:crypto";
import { AGENT_VARIABLES } from "@keybrake/client";
import { VENDOR_NAMES, VENDORS, type VendorName } from "@keybrake/core";
import {
  type AgentIdentity,
  type AgentScope,
  checkIdentity,
  currentScope,
  environmentRunId,
} from "./agent-scope.ts";
import { type AgentSettings, environmentOf, findBaseUrl } from "./agent-settings.ts";
import { AgentSetupError } from "./agent-setup-error.ts";
import { Executions } from "./call-memory.ts";
import { dispatch } from "./dispatch.ts";
import { type CallContent, contentName, deriveIdempotencyKey } from "./idempotency.ts";
import { labelBody, setLabelHeaders } from "./labels.ts";
import { isBeforeSending } from "./read-answer.ts";

/** The agent whose key is used when no other is around. */
export interface KeybrakeFetchOptions extends AgentSettings {
  readonly agentId?: string | undefined;
}

/** Keys that an SDK makes up for its own repetitions; every execution of a tool gets another. */
const MADE_UP_KEY = /^stripe-node-retry-/;

/**
 * A `fetch` for vendors' APIs (`https://api.stripe.com/…`, or the proxy's own address): the request goes to the proxy
 * with the key of the agent around it (`keybrakeMiddleware`, `withAgent`, else `KEYBRAKE_AGENT_ID`), says whose it is,
 * and takes effect once per tool call. Rejects with an `AgentSetupError` for any other address.
 */
export const keybrakeFetch: typeof fetch = createKeybrakeFetch();

/** Makes one with settings of its own. */
export function createKeybrakeFetch(options: KeybrakeFetchOptions = {}): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { vendor, target } = findTarget(options, request.url);
    const scope = currentScope();
    const identity = identityOf(options, scope);
    const contentType = request.headers.get("content-type");
    const bytes = new Uint8Array(await request.arrayBuffer());
    const { method } = request;
    const body = labelBody({ vendor, method, target, contentType, body: bytes }, identity);
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "connection"]) headers.delete(name);
    setLabelHeaders(headers, identity);
    const key = keyOf(headers, identity, scope, { vendor, method, target, body });
    if (key !== null && vendor !== "twilio") headers.set("idempotency-key", key);
    const { signal } = request;
    const outgoing = { vendor, method, target, headers, body: body.length > 0 ? body : null, signal };
    const send = async () => (await dispatch(outgoing, identity, options)).response;
    if (key === null || vendor !== "twilio") return send();
    return answers.once(key, send, isBeforeSending).then((response) => response.clone());
  };
}

/** Twilio repeats no answer, so the process does. */
const answers = new Executions<Response>((response) => response.status >= 400 && response.status < 500);

function identityOf(options: KeybrakeFetchOptions, scope: AgentScope | null): AgentIdentity {
  const environment = environmentOf(options);
  if (options.agentId === undefined && scope !== null) return scope.identity;
  const agentId = options.agentId ?? environment[AGENT_VARIABLES.agentId]?.trim();
  if (agentId === undefined || agentId === "")
    throw new AgentSetupError(
      `nobody says which agent calls: use keybrakeMiddleware or withAgent, or set ${AGENT_VARIABLES.agentId}`,
    );
  const around = scope?.identity;
  return checkIdentity({
    agentId,
    crewRunId: around?.crewRunId ?? environmentRunId(environment),
    toolCallId: around?.toolCallId,
  });
}

/**
 * The key under which a request takes effect once; null for a read, and where nothing tells executions apart. A key that
 * the caller chose stays; one that an SDK made up stands for its n-th request of this content.
 */
function keyOf(
  headers: Headers,
  identity: AgentIdentity,
  scope: AgentScope | null,
  request: CallContent,
): string | null {
  const given = headers.get("idempotency-key");
  if (given !== null && !MADE_UP_KEY.test(given)) return given;
  if (request.method !== "POST" || scope === null) return given;
  if (identity.toolCallId === undefined && identity.crewRunId === undefined) return given;
  const content = contentName(identity, request);
  const ordinal = scope.ordinal(content, given ?? randomUUID());
  return deriveIdempotencyKey(identity, content, ordinal);
}

interface Target {
  readonly vendor: VendorName;
  readonly target: string;
}

function findTarget(settings: AgentSettings, address: string): Target {
  const url = new URL(address);
  for (const vendor of VENDOR_NAMES) {
    for (const host of Object.values(VENDORS[vendor].hosts)) {
      if (host.origin === url.origin) return { vendor, target: host.prefix + url.pathname + url.search };
    }
  }
  for (const vendor of VENDOR_NAMES) {
    const base = tryBaseUrl(settings, vendor);
    // Without a path of its own an address says nothing of the vendor.
    if (base !== null && new URL(base).pathname !== "/" && address.startsWith(`${base}/`))
      return { vendor, target: address.slice(base.length) };
  }
  throw new AgentSetupError(
    `\`${url.origin}\` is no address of a vendor's API: use \`fetch\` for anything else`,
  );
}

function tryBaseUrl(settings: AgentSettings, vendor: VendorName): string | null {
  try {
    return findBaseUrl(settings, vendor);
  } catch {
    return null;
  }
}
