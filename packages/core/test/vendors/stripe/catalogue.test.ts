import { describe, expect, it } from "vitest";
import type { Method } from "../../../src/endpoint.ts";
import { isOperationName } from "../../../src/policy.ts";
import { findStripeEndpoint, listStripeEndpoints } from "../../../src/vendors/stripe/catalogue.ts";
import { readStripeApi } from "../../endpoint-data.ts";
import { judge, policyOf, requestOf } from "../../stripe-requests.ts";

const API = readStripeApi();

/** Reads that the catalogue leaves out, and why. */
const EXCLUDED_READS: Readonly<Record<string, string>> = {
  "/v1/quotes/{id}/pdf": "another host serves it",
  "/v1/apps/secrets": "returns secrets",
  "/v1/apps/secrets/find": "returns secrets",
  "/v2/core/event_destinations": "returns signing secrets",
  "/v2/core/event_destinations/{id}": "returns signing secrets",
};

/** Every write that this version can price; all others are refused. */
const WRITES = [
  "POST /v1/payment_intents",
  "POST /v1/payment_intents/{id}",
  "POST /v1/payment_intents/{id}/confirm",
  "POST /v1/payment_intents/{id}/capture",
  "POST /v1/payment_intents/{id}/increment_authorization",
  "POST /v1/payment_intents/{id}/cancel",
  "POST /v1/charges",
  "POST /v1/charges/{id}",
  "POST /v1/charges/{id}/capture",
  "POST /v1/refunds",
  "POST /v1/refunds/{id}",
  "POST /v1/refunds/{id}/cancel",
  "POST /v1/transfers",
  "POST /v1/transfers/{id}",
  "POST /v1/payouts",
  "POST /v1/payouts/{id}",
  "POST /v1/payouts/{id}/cancel",
  "POST /v1/customers",
  "POST /v1/customers/{id}",
  "DELETE /v1/customers/{id}",
];

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

  it("finds every read but the documented exclusions, and takes it for free and unaccounted", () => {
    const notFound = reads.filter(({ template }) => {
      const found = findStripeEndpoint("GET", example(template))?.endpoint;
      return (
        !found || found.forbidden || found.accounted || found.direction !== null || found.price !== "none"
      );
    });
    expect(notFound.map(({ template }) => template).sort()).toEqual(Object.keys(EXCLUDED_READS).sort());
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

  it("knows the writes that it can price and no other; every other one is refused under `* /**`", () => {
    const known = writes.filter(({ method, template }) => {
      const endpoint = findStripeEndpoint(method, example(template))?.endpoint;
      return endpoint && !endpoint.forbidden;
    });
    expect(known.map(({ method, template }) => `${method} ${anonymous(template)}`).sort()).toEqual(
      [...WRITES].sort(),
    );
    const unknown = writes.filter((row) => !known.includes(row));
    const passed = unknown.filter(
      ({ method, template }) => judge(requestOf(method, example(template))) === "allow",
    );
    expect(passed).toEqual([]);
  });

  it("names no endpoint that Stripe does not have", () => {
    const known = new Set(rows.map(({ method, template }) => `${method} ${anonymous(template)}`));
    const invented = listStripeEndpoints().filter(
      ({ method, template }) => !known.has(`${method} ${anonymous(template.text)}`),
    );
    expect(invented).toEqual([]);
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
    ["POST", "/v1/charges/ch_1/refund"],
    ["POST", "/v1/charges/ch_1/refunds"],
    ["POST", "/v1/customers/cus_1/subscriptions"],
    ["POST", "/v1/payment_intents/pi_1/apply_customer_balance"],
    ["POST", "/v1/customers/cus_1/balance_transactions"],
    ["POST", "/v1/payouts/po_1/reverse"],
    ["POST", "/v1/transfers/tr_1/reversals"],
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

  it("books each write as money that comes in, goes out, or does not move", () => {
    const booked = (direction: string | null) =>
      listStripeEndpoints()
        .filter((endpoint) => endpoint.accounted && endpoint.direction === direction)
        .map(({ operation }) => operation);
    expect(booked("in")).toEqual([
      "payment_intents.create",
      "payment_intents.update",
      "payment_intents.confirm",
      "payment_intents.capture",
      "payment_intents.increment_authorization",
      "payment_intents.cancel",
      "charges.create",
      "charges.capture",
    ]);
    expect(booked("out")).toEqual(["refunds.create", "transfers.create", "payouts.create", "payouts.cancel"]);
    expect(booked("fee")).toEqual([]);
  });

  it("gives a direction to whatever has a price, and settles it by the answer", () => {
    const wrong = listStripeEndpoints().filter(
      ({ price, settle, direction }) => price !== "none" && (settle === "none" || direction === null),
    );
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
