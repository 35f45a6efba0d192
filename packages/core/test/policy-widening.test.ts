import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authorize, type KeyFacts } from "../src/authorize.ts";
import { boundPolicy } from "../src/bounded-policy.ts";
import { type Policy, parsePolicy } from "../src/policy.ts";
import { findWidening } from "../src/policy-widening.ts";
import { listStripeEndpoints } from "../src/vendors/stripe/catalogue.ts";
import { FUZZ_TENTH, FUZZ_TIMEOUT_MS } from "./fuzz.ts";
import { NOW, operationOf, policyOf, requestOf } from "./stripe-requests.ts";

type Document = Readonly<Record<string, unknown>>;

function read(document: Document): Policy {
  const parsed = parsePolicy({ vendor: "stripe", ...document });
  if ("problems" in parsed) throw new TypeError(parsed.problems.join("; "));
  return parsed.policy;
}

function fieldsOf(parent: Document, child: Document, ends: { parent?: Date; child?: Date } = {}): string[] {
  const wider = findWidening(
    { policy: read(parent), expiresAt: ends.parent ?? null },
    { policy: read(child), expiresAt: ends.child ?? null },
  );
  return wider.map(({ field }) => field);
}

describe("what makes a child wider than its parent", () => {
  it.each<[string, Document, Document, Document]>([
    ["daily_usd_cap", { daily_usd_cap: 10 }, { daily_usd_cap: 10 }, { daily_usd_cap: "10.000001" }],
    ["monthly_usd_cap", { monthly_usd_cap: 10 }, { monthly_usd_cap: 1 }, { monthly_usd_cap: 11 }],
    ["total_usd_cap", { total_usd_cap: 0 }, { total_usd_cap: 0 }, { total_usd_cap: 1 }],
    ["daily_call_cap", { daily_call_cap: 5 }, { daily_call_cap: 5 }, { daily_call_cap: 6 }],
    ["total_call_cap", { total_call_cap: 5 }, { total_call_cap: 1 }, { total_call_cap: 6 }],
    ["per_call_usd_cap", { per_call_usd_cap: 5 }, { per_call_usd_cap: 5 }, { per_call_usd_cap: 6 }],
    [
      "requests_per_minute",
      { requests_per_minute: 5 },
      { requests_per_minute: 5 },
      { requests_per_minute: 6 },
    ],
    ["duplicate_window", { duplicate_window: "10m" }, { duplicate_window: "1h" }, { duplicate_window: "9m" }],
    ["currencies", { currencies: ["usd", "eur"] }, { currencies: ["USD"] }, { currencies: ["usd", "chf"] }],
    ["customers", { customers: ["cus_1", "cus_2"] }, { customers: ["cus_2"] }, { customers: ["cus_3"] }],
    ["on_unpriced", {}, { on_unpriced: "deny" }, { on_unpriced: "allow" }],
    [
      "stripe.account",
      { stripe: { account: "acct_1" } },
      { stripe: { account: "acct_1" } },
      { stripe: { account: "acct_2" } },
    ],
    [
      "stripe.destinations",
      { stripe: { destinations: ["acct_1"] } },
      { stripe: {} },
      { stripe: { destinations: ["acct_2"] } },
    ],
    ["stripe.auto_advance", {}, { stripe: { auto_advance: false } }, { stripe: { auto_advance: true } }],
    [
      "twilio.allowed_countries",
      twilio({ allowed_countries: ["US", "CA"] }),
      twilio({ allowed_countries: ["US"] }),
      twilio({ allowed_countries: ["GB"] }),
    ],
    ["twilio.from", twilio({ from: ["+14155550100"] }), twilio({}), twilio({ from: ["+14155550101"] })],
    ["twilio.callback_hosts", twilio({}), twilio({}), twilio({ callback_hosts: ["hooks.example.com"] })],
    [
      "twilio.max_call_seconds",
      twilio({ max_call_seconds: 60 }),
      twilio({ max_call_seconds: 60 }),
      twilio({ max_call_seconds: 61 }),
    ],
    [
      "resend.from",
      resend({ from: ["@example.com"] }),
      resend({ from: ["billing@example.com"] }),
      resend({ from: ["a@example.org"] }),
    ],
    [
      "resend.recipient_domains",
      resend({ recipient_domains: ["example.com"] }),
      resend({}),
      resend({ recipient_domains: ["example.org"] }),
    ],
    ["resend.broadcasts", resend({}), resend({ broadcasts: false }), resend({ broadcasts: true })],
  ])("%s", (field, parent, narrower, wider) => {
    expect(fieldsOf(parent, narrower)).toEqual([]);
    // A pinned account is a destination, too.
    expect(
      fieldsOf(parent, wider).filter((name) => name !== "stripe.destinations" || field === name),
    ).toEqual([field]);
    // What a child leaves out is its parent's.
    expect(fieldsOf(parent, { vendor: parent["vendor"] ?? "stripe" })).toEqual([]);
  });

  it("a limit that its parent has not is no widening", () => {
    const limits = {
      daily_usd_cap: 5,
      per_call_usd_cap: 1,
      currencies: ["usd"],
      customers: ["cus_1"],
      requests_per_minute: 1,
    };
    expect(fieldsOf({}, { ...limits, duplicate_window: "1m" })).toEqual([]);
    expect(
      fieldsOf(twilio({}), twilio({ allowed_countries: ["US"], from: ["x"], max_call_seconds: 5 })),
    ).toEqual([]);
    expect(fieldsOf({ on_unpriced: "allow" }, { on_unpriced: "allow" })).toEqual([]);
  });

  it("an end after its parent's", () => {
    const [early, late] = [NOW, new Date(NOW.getTime() + 1)];
    expect(fieldsOf({}, {}, { parent: early, child: late })).toEqual(["expires_at"]);
    expect(fieldsOf({}, {}, { parent: late, child: early })).toEqual([]);
    expect(fieldsOf({}, {}, { parent: early })).toEqual([]);
    expect(fieldsOf({}, {}, { child: late })).toEqual([]);
  });

  it.each<[string, string[], string[]]>([
    ["GET /v1/customers/*", ["GET /v1/customers/*"], []],
    ["GET /v1/customers/cus_1", ["GET /v1/customers/*"], []],
    ["GET /v1/customers/cus_1", ["customers.retrieve"], []],
    ["customers.retrieve", ["GET /v1/customers/*"], ["customers.retrieve"]],
    ["customers.retrieve", ["* /v1/customers/*"], []],
    ["POST /v1/refunds", ["refunds.create"], []],
    ["refunds.create", ["POST /v1/refunds"], []],
    ["refunds.create", ["POST /v1/charges"], ["refunds.create"]],
    ["GET /v1/customers/**", ["GET /v1/customers/*"], ["GET /v1/customers/**"]],
    ["GET /v1/customers/*", ["GET /v1/customers/**"], []],
    ["* /v1/refunds", ["POST /v1/refunds"], ["* /v1/refunds"]],
    ["POST /v1/*", ["POST /v1/refunds"], ["POST /v1/*"]],
    ["POST /v1/refunds/*", ["POST /v1/refunds/re_1"], ["POST /v1/refunds/*"]],
    ["no.such_operation", ["* /**"], ["no.such_operation"]],
    ["POST /v1/nowhere", ["POST /v1/refunds"], ["POST /v1/nowhere"]],
    ["* /**", ["* /**"], []],
  ])("the endpoint %s below %j: %j", (entry, above, expected) => {
    const wider = findWidening(
      { policy: read({ allowed_endpoints: above }), expiresAt: null },
      { policy: read({ allowed_endpoints: [entry] }), expiresAt: null },
    );
    expect(wider.map(({ message }) => /^`([^`]+)`/.exec(message)?.[1])).toEqual(expected);
  });

  const endpoints = listStripeEndpoints().filter(({ method, forbidden }) => !forbidden && method !== "HEAD");
  const entries = fc.constantFrom(
    ...[
      "* /**",
      "GET /v1/**",
      "POST /v1/*",
      "POST /v1/customers/*",
      "* /v1/customers/*",
      "GET /v1/customers/*",
    ],
    ...[
      "POST /v1/payment_intents/**",
      "DELETE /v1/customers/cus_1",
      "GET /v1/refunds/*",
      "HEAD /v1/refunds/*",
    ],
    ...[
      "customers.retrieve",
      "customers.update",
      "refunds.create",
      "refunds.retrieve",
      "payment_intents.confirm",
    ],
  );

  it(
    "no endpoint, when nothing is named: whatever a child may call its parent may call",
    () => {
      const lists = fc.tuple(fc.array(entries, { maxLength: 5 }), fc.array(entries, { maxLength: 3 }));
      fc.assert(
        fc.property(
          lists,
          fc.constantFrom(...endpoints),
          fc.boolean(),
          ([above, below], endpoint, isHead) => {
            const [parent, child] = [read({ allowed_endpoints: above }), read({ allowed_endpoints: below })];
            const wider = findWidening(
              { policy: parent, expiresAt: null },
              { policy: child, expiresAt: null },
            );
            const path = endpoint.template.text
              .replaceAll(/\{customer\}/g, "cus_1")
              .replaceAll(/\{[^}]+\}/g, "xx_1");
            const method = isHead && endpoint.method === "GET" ? "HEAD" : endpoint.method;
            const base = operationOf(requestOf("GET", "/v1/customers/cus_1"));
            const asked = { ...base, method, path, endpoint, price: { kind: "free" } as const };
            const allows = (policy: Policy) =>
              authorize({ status: "active", expiresAt: null, policy }, asked, NOW).verdict === "allow";
            if (allows(child) && !allows(parent)) expect(wider).not.toEqual([]);
          },
        ),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe("a child's call", () => {
  const charge = operationOf(requestOf("POST", "/v1/payment_intents", "amount=1000&currency=usd"));
  const factsOf = (
    document: Document,
    parent: KeyFacts | null = null,
    more: Partial<KeyFacts> = {},
  ): KeyFacts => ({
    ...{ status: "active", expiresAt: null, policy: policyOf(document), parent },
    ...more,
  });
  const WIDE = { allowed_endpoints: ["* /**"] };
  const codeOf = (key: KeyFacts) => {
    const decision = authorize(key, charge, NOW);
    return decision.verdict === "deny" ? decision.denial.code : "allow";
  };

  it("must be allowed by every policy above it", () => {
    const narrow = factsOf({ allowed_endpoints: ["POST /v1/refunds"] });
    expect(codeOf(factsOf(WIDE, factsOf(WIDE, factsOf(WIDE))))).toBe("allow");
    expect(codeOf(factsOf(WIDE, factsOf(WIDE, narrow)))).toBe("endpoint_not_allowed");
    expect(codeOf(factsOf(WIDE, factsOf({ ...WIDE, currencies: ["eur"] })))).toBe("currency_not_allowed");
    expect(codeOf(factsOf(WIDE, factsOf({ ...WIDE, per_call_usd_cap: 9 })))).toBe("per_call_cap_exceeded");
    const decision = authorize(factsOf(WIDE, narrow), charge, NOW);
    expect(decision.verdict === "deny" && decision.denial.reason).toMatch(/^its parent refuses: /);
  });

  it("needs every key above it to act", () => {
    expect(codeOf(factsOf(WIDE, factsOf(WIDE, null, { status: "revoked" })))).toBe("vault_key_revoked");
    expect(codeOf(factsOf(WIDE, factsOf(WIDE, null, { status: "suspended" })))).toBe("vault_key_revoked");
    expect(codeOf(factsOf(WIDE, factsOf(WIDE, null, { expiresAt: NOW })))).toBe("vault_key_expired");
  });

  it("is bounded by the narrowest limits of its line", () => {
    const own = read({ per_call_usd_cap: 5, customers: ["cus_1", "cus_2"], on_unpriced: "allow" });
    const above = [
      read({ duplicate_window: "10m", customers: ["cus_2", "cus_3"], on_unpriced: "allow" }),
      read({ per_call_usd_cap: 3, duplicate_window: "1h" }),
    ];
    expect(boundPolicy(own, above)).toMatchObject({
      perCallLimitMicros: 3_000_000n,
      duplicateSeconds: 3_600,
      customers: new Set(["cus_2"]),
      onUnpriced: "deny",
      callSecondsMax: null,
    });
    expect(boundPolicy(own, [])).toBe(own);
    expect(boundPolicy(own, above.slice(0, 1))).toMatchObject({
      perCallLimitMicros: 5_000_000n,
      onUnpriced: "allow",
    });
    const calls = [60, 30, 90].map((max_call_seconds) => read(twilio({ max_call_seconds })));
    expect(boundPolicy(read(twilio({})), calls).callSecondsMax).toBe(30);
  });
});

function twilio(rules: Document): Document {
  return { vendor: "twilio", twilio: rules };
}

function resend(rules: Document): Document {
  return { vendor: "resend", resend: rules };
}
