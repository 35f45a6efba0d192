import { describe, expect, it } from "vitest";
import type { Method } from "../../../src/endpoint.ts";
import { isOperationName } from "../../../src/policy.ts";
import { Catalogue } from "../../../src/vendors/catalogue.ts";
import { findStripeEndpoint, listStripeEndpoints } from "../../../src/vendors/stripe/catalogue.ts";
import { ENDPOINTS_LEGACY } from "../../../src/vendors/stripe/endpoints-legacy.ts";
import { QUOTE_RULES } from "../../../src/vendors/stripe/quote.ts";
import { SETTLE_RULES } from "../../../src/vendors/stripe/read-outcome.ts";
import { UNPRICED_OPERATIONS } from "../../../src/vendors/stripe/unpriced.ts";
import { readStripeApi } from "../../endpoint-data.ts";
import { judge, policyOf, requestOf } from "../../stripe-requests.ts";

const API = readStripeApi();

const anonymous = (template: string) => template.replaceAll(/\{[^}]+\}/g, "{id}");
const example = (template: string) => template.replaceAll(/\{[^}]+\}/g, "xx_1");

it("has Stripe's list of endpoints to compare with, at least in CI", () => {
  expect(API === null && process.env["CI"] === "true").toBe(false);
});

describe.skipIf(API === null)("the catalogue beside Stripe's own list", () => {
  const rows = API ?? [];
  const reads = rows.filter(({ method }) => method === "GET");
  const writes = rows.filter(({ method }) => method !== "GET");

  it("compares with all 650 endpoints", () => {
    expect([reads.length, writes.length]).toEqual([290, 360]);
  });

  it("knows every one of them, under its own template", () => {
    const unknown = rows.filter(({ method, template }) => {
      const found = findStripeEndpoint(method, example(template))?.endpoint;
      return (
        !found || found.operation === "forbidden" || anonymous(found.template.text) !== anonymous(template)
      );
    });
    expect(unknown).toEqual([]);
  });

  it("takes every read for free and unaccounted", () => {
    const wrong = reads.filter(({ template }) => {
      const found = findStripeEndpoint("GET", example(template))?.endpoint;
      return !found || found.accounted || found.direction !== null || found.quote !== "none";
    });
    expect(wrong).toEqual([]);
  });

  it("never takes one endpoint for another: a path finds its own template or none", () => {
    const mistaken = rows.flatMap(({ method, template }) => {
      const endpoint = findStripeEndpoint(method, example(template))?.endpoint;
      if (!endpoint || endpoint.forbidden) return [];
      const found = anonymous(endpoint.template.text);
      return found === anonymous(template) ? [] : [`${method} ${template} → ${found}`];
    });
    expect(mistaken).toEqual([]);
  });

  it("names no endpoint that Stripe does not have", () => {
    const known = new Set(rows.map(({ method, template }) => `${method} ${anonymous(template)}`));
    const legacy = new Set(new Catalogue(ENDPOINTS_LEGACY).endpoints.map(({ operation }) => operation));
    const invented = listStripeEndpoints().filter(
      ({ operation, method, template }) =>
        !legacy.has(operation) && !known.has(`${method} ${anonymous(template.text)}`),
    );
    expect(invented).toEqual([]);
    expect(listStripeEndpoints().length - legacy.size).toBe(rows.length);
  });

  it("appends labels exactly where Stripe takes top-level metadata", () => {
    const wrong = writes.filter(({ method, template, takesMetadata }) => {
      const endpoint = findStripeEndpoint(method, example(template))?.endpoint;
      return endpoint && !endpoint.forbidden && endpoint.metadata !== takesMetadata;
    });
    expect(wrong).toEqual([]);
  });
});

describe("findStripeEndpoint", () => {
  it.each<[Method, string, string]>([
    ["POST", "/v1/payment_intents", "payment_intents.create"],
    ["POST", "/v1/payment_intents/pi_1", "payment_intents.update"],
    ["POST", "/v1/payment_intents/pi_1/capture", "payment_intents.capture"],
    ["GET", "/v1/payment_intents", "payment_intents.list"],
    ["GET", "/v1/payment_intents/pi_1", "payment_intents.retrieve"],
    ["HEAD", "/v1/payment_intents/pi_1", "payment_intents.retrieve"],
    ["DELETE", "/v1/customers/cus_1", "customers.delete"],
  ])("finds %s %s as `%s`", (method, path, operation) => {
    expect(findStripeEndpoint(method, path)?.endpoint.operation).toBe(operation);
  });

  it.each([
    ["/v1/charges/search", "/v1/charges/search"],
    ["/v1/customers/search", "/v1/customers/search"],
    ["/v1/payment_intents/search", "/v1/payment_intents/search"],
    ["/v1/charges/ch_1", "/v1/charges/{id}"],
  ])("prefers a literal segment to a parameter: %s is %s", (path, template) => {
    const found = findStripeEndpoint("GET", path)?.endpoint.template.text;
    expect(found && anonymous(found)).toBe(template);
  });

  it.each<[Method, string]>([
    ["PUT", "/v1/payment_intents"],
    ["PATCH", "/v1/customers/cus_1"],
    ["DELETE", "/v1/payment_intents/pi_1"],
    ["POST", "/v1/payment_intents/pi_1/confirm/x"],
    ["POST", "/v1/Payment_intents"],
    ["HEAD", "/v1/nonsense"],
    ["GET", "/v1/issuing/cards/ic_1/details"],
    ["GET", "/v1/issuing/cards/ic_1/pin"],
    ["GET", "/"],
    ["GET", "/v1"],
  ])("does not know %s %s, so policy refuses it as unpriced", (method, path) => {
    expect(findStripeEndpoint(method, path)).toBeNull();
    expect(judge(requestOf(method, path))).toBe("unpriced");
  });
});

describe("listStripeEndpoints", () => {
  it("gives every endpoint a name of its own that may stand in an allowlist", () => {
    const names = listStripeEndpoints().map(({ operation }) => operation);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !isOperationName(name))).toEqual([]);
  });

  it("accounts every write and no read", () => {
    const wrong = listStripeEndpoints().filter(({ method, accounted }) => accounted === (method === "GET"));
    expect(wrong).toEqual([]);
  });

  it("names only rules that exist", () => {
    const wrong = listStripeEndpoints().filter(
      ({ quote, settle }) => !QUOTE_RULES.has(quote) || !SETTLE_RULES.has(settle),
    );
    expect(wrong).toEqual([]);
  });

  it("gives a direction to whatever has a price, and no price to what has no direction", () => {
    const wrong = listStripeEndpoints().filter(
      ({ quote, settle, direction }) => (quote !== "none" || settle !== "none") !== (direction !== null),
    );
    expect(wrong).toEqual([]);
  });

  it("settles whatever has a price by the answer or by the price", () => {
    const unsettled = listStripeEndpoints().filter(
      ({ quote, settle }) => settle === "none" && !["none", "unpriced", "customer"].includes(quote),
    );
    expect(unsettled).toEqual([]);
  });

  it("gives every endpoint without a price a reason of its own", () => {
    const silent = listStripeEndpoints().filter(({ quote }) => quote === "unpriced");
    expect(silent.map(({ operation }) => operation).sort()).toEqual([...UNPRICED_OPERATIONS].sort());
  });

  it("flags as forbidden exactly what no policy can allow", () => {
    const wrong = listStripeEndpoints().filter(({ method, template, forbidden }) => {
      return findStripeEndpoint(method, example(template.text))?.endpoint.forbidden !== forbidden;
    });
    expect(wrong).toEqual([]);
  });
});

describe("P4: what mints credentials is refused under every allowlist", () => {
  const ATTEMPTS: readonly (readonly [Method, string])[] = [
    ["POST", "/oauth/token"],
    ["POST", "/oauth/deauthorize"],
    ["GET", "/oauth/authorize"],
    ["POST", "/v1/accounts"],
    ["POST", "/v1/accounts/acct_1/login_links"],
    ["POST", "/v1/account_links"],
    ["POST", "/v1/account_sessions"],
    ["POST", "/v1/api_keys"],
    ["GET", "/v1/api_keys"],
    ["POST", "/v1/api_keys/key_1/expire"],
    ["POST", "/v1/apps/secrets"],
    ["POST", "/v1/apps/secrets/delete"],
    ["GET", "/v1/apps/secrets"],
    ["HEAD", "/v1/apps/secrets"],
    ["GET", "/v1/apps/secrets/find"],
    ["POST", "/v1/billing_portal/sessions"],
    ["POST", "/v1/customer_sessions"],
    ["POST", "/v1/ephemeral_keys"],
    ["DELETE", "/v1/ephemeral_keys/ephkey_1"],
    ["POST", "/v1/file_links"],
    ["POST", "/v1/file_links/link_1"],
    ["POST", "/v1/terminal/connection_tokens"],
    ["POST", "/v1/webhook_endpoints"],
    ["POST", "/v1/webhook_endpoints/we_1"],
    ["POST", "/v2/billing/meter_event_session"],
    ["POST", "/v2/core/account_links"],
    ["POST", "/v2/core/account_tokens"],
    ["POST", "/v2/core/event_destinations"],
    ["GET", "/v2/core/event_destinations/ed_1"],
    ["POST", "/v2/core/event_destinations/ed_1/enable"],
    ["GET", "/v2/iam/api_keys"],
    ["POST", "/v2/iam/api_keys"],
    ["POST", "/v2/iam/api_keys/key_1/rotate"],
  ];

  it.each(ATTEMPTS)("P4: %s %s", (method, path) => {
    for (const entry of ["* /**", `* ${path}`, `${method} ${path}`, `${method} /v1/**`, `${method} /v2/**`]) {
      expect(judge(requestOf(method, path), policyOf({ allowed_endpoints: [entry] }))).toBe(
        "endpoint_forbidden",
      );
    }
  });

  it.each(ATTEMPTS)("P4: %s %s in another spelling is no way around", (method, path) => {
    for (const other of [
      path.toUpperCase(),
      `${path}.json`,
      `${path}.`,
      path.replace(/^\/v?[^/]*/, "/v1/v1"),
    ]) {
      expect(judge(requestOf(method, other))).not.toBe("allow");
    }
  });
});
