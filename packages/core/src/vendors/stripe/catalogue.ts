import {
  type EndpointPattern,
  type Method,
  matchesEndpoint,
  parseEndpointPattern,
  parseTemplate,
} from "../../endpoint.ts";
import type { Endpoint } from "../../operation.ts";
import { Catalogue, type Found } from "../catalogue.ts";
import { ENDPOINTS_A_TO_H } from "./endpoints-a-to-h.ts";
import { ENDPOINTS_I_TO_Z } from "./endpoints-i-to-z.ts";
import { ENDPOINTS_LEGACY } from "./endpoints-legacy.ts";
import { ENDPOINTS_V2 } from "./endpoints-v2.ts";

const CATALOGUE = new Catalogue(
  [ENDPOINTS_A_TO_H, ENDPOINTS_I_TO_Z, ENDPOINTS_LEGACY, ENDPOINTS_V2].join("\n"),
);

/**
 * What creates or hands out credentials, or lets somebody act outside the proxy, also where the catalogue does not
 * know the path. No policy can allow these: a vault key that could mint a key would be no vault key.
 */
const FORBIDDEN: readonly EndpointPattern[] = [
  "* /oauth/**",
  "POST /v1/accounts",
  "POST /v1/accounts/*/login_links",
  "POST /v1/account_links",
  "POST /v1/account_sessions",
  "* /v1/api_keys/**",
  "POST /v1/apps/installs",
  "* /v1/apps/secrets/**",
  "POST /v1/billing_portal/sessions",
  "POST /v1/customer_sessions",
  "* /v1/ephemeral_keys/**",
  "POST /v1/file_links",
  "POST /v1/file_links/*",
  "POST /v1/terminal/connection_tokens",
  "POST /v1/terminal/onboarding_links",
  "POST /v1/webhook_endpoints",
  "POST /v1/webhook_endpoints/*",
  "POST /v2/billing/meter_event_session",
  "POST /v2/core/account_links",
  "POST /v2/core/account_tokens",
  "POST /v2/core/accounts",
  "POST /v2/core/accounts/*/person_tokens",
  "* /v2/core/event_destinations/**",
  "* /v2/iam/**",
].flatMap((text) => {
  const pattern = parseEndpointPattern(text);
  if (typeof pattern === "string") throw new TypeError(pattern);
  return [pattern];
});

/** Every endpoint that this version knows, in the catalogue's order. */
export function listStripeEndpoints(): readonly Endpoint[] {
  return CATALOGUE.endpoints;
}

/** Finds the endpoint of a canonical path and the identifiers in it; null when the catalogue does not know it. */
export function findStripeEndpoint(method: Method, path: string): Found | null {
  const found = CATALOGUE.find(method, path);
  const isForbidden = FORBIDDEN.some((pattern) => matchesEndpoint(pattern, method, path));
  if (!isForbidden || found?.endpoint.forbidden) return found;
  return { endpoint: forbiddenEndpoint(method, path), parameters: new Map() };
}

function forbiddenEndpoint(method: Method, path: string): Endpoint {
  return {
    operation: "forbidden",
    method,
    template: parseTemplate(path),
    direction: null,
    accounted: true,
    forbidden: true,
    metadata: false,
    streams: false,
    quote: "none",
    settle: "none",
    options: new Map(),
  };
}
