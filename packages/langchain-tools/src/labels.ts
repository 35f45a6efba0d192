import { AGENT_HEADERS } from "@keybrake/client";
import {
  isDenial,
  isMethod,
  RESEND_PRICES,
  type ReadingContext,
  TWILIO_PRICES,
  USD_ONLY,
  VENDORS,
  type VendorName,
} from "@keybrake/core";
import type { AgentIdentity } from "./agent-scope.ts";

/** A request whose body may take labels. */
export interface LabelledRequest {
  readonly vendor: VendorName;
  readonly method: string;
  readonly target: string;
  readonly contentType: string | null;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Resend's tags take nothing else; a label that had to be changed would name another run. */
const TAG = /^[A-Za-z0-9_-]{1,256}$/;

/** Says in headers who calls; the proxy reads them and takes them off. */
export function setLabelHeaders(headers: Headers, identity: AgentIdentity): void {
  headers.set(AGENT_HEADERS.agentId, identity.agentId);
  if (identity.crewRunId !== undefined) headers.set(AGENT_HEADERS.crewRunId, identity.crewRunId);
}

/**
 * The body with run and agent in the vendor's own labels (Stripe's metadata, Resend's tags), where the endpoint takes
 * them and the caller set none; else the same bytes. The proxy's own code does it, so both agree on every byte.
 */
export function labelBody(request: LabelledRequest, identity: AgentIdentity): Uint8Array<ArrayBuffer> {
  const { vendor, method, body } = request;
  if (vendor === "twilio" || method === "GET" || !isMethod(method)) return body;
  const texts = [identity.agentId, identity.crewRunId ?? "none"];
  if (vendor === "resend" && !texts.every((text) => TAG.test(text))) return body;
  const [path = "", query = null] = request.target.split("?", 2);
  const { contentType } = request;
  const operation = VENDORS[vendor].readOperation(
    { method, path, query, contentType, idempotencyKey: null, account: null, body },
    readingContext(),
  );
  // What cannot be understood is refused by the proxy, which says why.
  if (isDenial(operation)) return body;
  const labels = { agentId: identity.agentId, crewRunId: identity.crewRunId ?? null };
  return new Uint8Array(VENDORS[vendor].completeBody(operation, body, labels));
}

/** Only what is needed to read a request; prices are the proxy's. */
function readingContext(): ReadingContext {
  return {
    accountId: null,
    policy: null,
    rates: USD_ONLY,
    prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
    today: new Date().toISOString().slice(0, 10),
  };
}
