import { describe, expect, it } from "vitest";
import { isOperationName, parseDuration, parsePolicy } from "../src/policy.ts";
import { policyOf } from "./stripe-requests.ts";

function problemsOf(document: unknown): readonly string[] {
  const parsed = parsePolicy(document);
  return "problems" in parsed ? parsed.problems : [];
}

describe("parsePolicy", () => {
  it("reads the contract's first example", () => {
    const policy = policyOf({
      daily_usd_cap: 10_000,
      allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
      expires_in: "24h",
    });
    expect(policy).toEqual({
      vendor: "stripe",
      allowedPatterns: [
        { text: "POST /v1/payment_intents", method: "POST", segments: ["v1", "payment_intents"] },
        { text: "GET /v1/customers/*", method: "GET", segments: ["v1", "customers", "*"] },
      ],
      allowedOperations: new Set(),
      perCallLimitMicros: null,
      budgets: [{ window: "daily", unit: "usd", limit: 10_000_000_000n }],
      requestsPerMinute: null,
      currencies: null,
      customers: null,
      duplicateSeconds: null,
      onUnpriced: "deny",
      grants: new Map(),
      callSecondsMax: null,
      expiresInSeconds: 86_400,
      expiresAt: null,
    });
  });

  it("reads every field that it enforces", () => {
    const policy = policyOf({
      daily_usd_cap: "1.5",
      monthly_usd_cap: "20",
      total_usd_cap: 300,
      per_call_usd_cap: "0.000001",
      daily_call_cap: 4,
      total_call_cap: 50,
      requests_per_minute: 6,
      allowed_endpoints: ["refunds.create"],
      currencies: ["USD", "eur"],
      stripe: { account: "acct_1AbC" },
      on_unpriced: "deny",
      expires_at: "2026-12-01T00:00:00+01:00",
    });
    expect(policy.budgets).toEqual([
      { window: "daily", unit: "usd", limit: 1_500_000n },
      { window: "monthly", unit: "usd", limit: 20_000_000n },
      { window: "total", unit: "usd", limit: 300_000_000n },
      { window: "daily", unit: "calls", limit: 4n },
      { window: "total", unit: "calls", limit: 50n },
    ]);
    expect(policy).toMatchObject({
      allowedPatterns: [],
      allowedOperations: new Set(["refunds.create"]),
      perCallLimitMicros: 1n,
      requestsPerMinute: 6,
      currencies: new Set(["usd", "eur"]),
      grants: new Map([
        ["stripe.account", new Set(["acct_1AbC"])],
        ["stripe.destinations", new Set(["acct_1AbC"])],
      ]),
      expiresInSeconds: null,
      expiresAt: new Date("2026-11-30T23:00:00Z"),
    });
  });

  it("allows nothing that is not listed: the smallest policy allows nothing at all", () => {
    const policy = policyOf({});
    expect([policy.allowedPatterns, policy.allowedOperations.size, policy.budgets]).toEqual([[], 0, []]);
  });

  it("takes a cap of 0 for a cap and not for none", () => {
    expect(policyOf({ daily_usd_cap: 0 }).budgets).toEqual([{ window: "daily", unit: "usd", limit: 0n }]);
    expect(policyOf({ per_call_usd_cap: "0" }).perCallLimitMicros).toBe(0n);
  });

  it("takes an empty list of currencies for none, and not for all", () => {
    expect(policyOf({ currencies: [] }).currencies).toEqual(new Set());
  });

  it("gives back a document that reads to the same policy, so that what is stored is what is enforced", () => {
    const document = {
      vendor: "stripe",
      daily_usd_cap: "10.50",
      allowed_endpoints: ["POST /v1/refunds", "refunds.create"],
      expires_in: "8h",
      currencies: ["USD"],
    };
    const first = parsePolicy(document);
    if ("problems" in first) throw new TypeError(first.problems.join());
    expect(first.document).toEqual(document);
    expect(parsePolicy(JSON.parse(JSON.stringify(first.document)))).toEqual(first);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "stripe"],
    ["a list", []],
    ["a number", 1],
    ["no vendor", {}],
    ["an unknown vendor", { vendor: "paypal" }],
    ["an upper-case vendor", { vendor: "Stripe" }],
    ["a misspelled field", { vendor: "stripe", daily_usd_caps: 1 }],
    ["a field of the prototype", JSON.parse('{"vendor":"stripe","__proto__":{"daily_usd_cap":1}}')],
    ["a vendor hidden in the prototype", JSON.parse('{"__proto__":{"vendor":"stripe"}}')],
    ["a constructor", JSON.parse('{"vendor":"stripe","constructor":{}}')],
    ["a negative cap", { vendor: "stripe", daily_usd_cap: -1 }],
    ["a cap with seven decimals", { vendor: "stripe", daily_usd_cap: "0.0000001" }],
    ["a cap as `1e3`", { vendor: "stripe", daily_usd_cap: "1e3" }],
    ["a cap that is not a number", { vendor: "stripe", daily_usd_cap: Number.NaN }],
    ["an infinite cap", { vendor: "stripe", daily_usd_cap: Number.POSITIVE_INFINITY }],
    ["an empty cap", { vendor: "stripe", daily_usd_cap: "" }],
    ["a cap of null", { vendor: "stripe", daily_usd_cap: null }],
    ["a cap beyond a trillion", { vendor: "stripe", total_usd_cap: "1000000000000.01" }],
    ["a cap as a list", { vendor: "stripe", monthly_usd_cap: ["1"] }],
    ["no calls a day", { vendor: "stripe", daily_call_cap: 0 }],
    ["half a call", { vendor: "stripe", total_call_cap: 1.5 }],
    ["calls as text", { vendor: "stripe", daily_call_cap: "5" }],
    ["no requests a minute", { vendor: "stripe", requests_per_minute: 0 }],
    ["more requests than can be counted", { vendor: "stripe", requests_per_minute: 1_000_000_001 }],
    ["one endpoint outside a list", { vendor: "stripe", allowed_endpoints: "POST /v1/refunds" }],
    ["an endpoint without a method", { vendor: "stripe", allowed_endpoints: ["/v1/refunds"] }],
    ["an endpoint with `**` in the middle", { vendor: "stripe", allowed_endpoints: ["GET /**/x"] }],
    ["an empty endpoint", { vendor: "stripe", allowed_endpoints: [""] }],
    ["an endpoint of 513 characters", { vendor: "stripe", allowed_endpoints: [`GET /${"a".repeat(508)}`] }],
    [
      "501 endpoints",
      { vendor: "stripe", allowed_endpoints: Array.from({ length: 501 }, () => "GET /v1/account") },
    ],
    ["a duration without a unit", { vendor: "stripe", expires_in: "24" }],
    ["a duration as a number", { vendor: "stripe", expires_in: 24 }],
    ["an instant without a zone", { vendor: "stripe", expires_at: "2026-12-01T00:00:00" }],
    ["a day that does not exist", { vendor: "stripe", expires_at: "2026-02-30T00:00:00Z" }],
    ["a date only", { vendor: "stripe", expires_at: "2026-12-01" }],
    ["an instant as a number", { vendor: "stripe", expires_at: 1_790_000_000 }],
    ["two expiries", { vendor: "stripe", expires_in: "1h", expires_at: "2026-12-01T00:00:00Z" }],
    ["a currency of two letters", { vendor: "stripe", currencies: ["us"] }],
    ["a currency with a space", { vendor: "stripe", currencies: ["usd "] }],
    ["a currency beyond ASCII", { vendor: "stripe", currencies: ["ＵＳＤ"] }],
    ["an account that is none", { vendor: "stripe", stripe: { account: "cus_1" } }],
    ["an account with a wildcard", { vendor: "stripe", stripe: { account: "acct_*" } }],
    ["an account with a line end", { vendor: "stripe", stripe: { account: "acct_1\n" } }],
    ["an unknown field for Stripe", { vendor: "stripe", stripe: { accounts: ["acct_1"] } }],
  ])("refuses %s", (_what, document) => {
    expect(problemsOf(document).length).toBeGreaterThan(0);
  });

  it("reads the rules that hold for Stripe alone, and who it is bound to", () => {
    const policy = policyOf({
      customers: ["cus_1", "cus_2"],
      duplicate_window: "10m",
      on_unpriced: "allow",
      stripe: { destinations: ["acct_1"], auto_advance: true },
    });
    expect(policy).toMatchObject({
      customers: new Set(["cus_1", "cus_2"]),
      duplicateSeconds: 600,
      onUnpriced: "allow",
      grants: new Map([
        ["stripe.destinations", new Set(["acct_1"])],
        ["stripe.auto_advance", new Set(["true"])],
      ]),
    });
  });

  it("takes an empty list of customers for nobody, and not for everybody", () => {
    expect(policyOf({ customers: [] }).customers).toEqual(new Set());
  });

  it.each<[string, unknown]>([
    ["twilio", { allowed_countries: ["US"] }],
    ["resend", { from: ["a@example.com"] }],
  ])("refuses `%s`, which says nothing to a key for Stripe", (name, value) => {
    expect(problemsOf({ vendor: "stripe", [name]: value })).toEqual([
      `\`${name}\`: says nothing to a key for stripe: remove it`,
    ]);
  });

  it("refuses customers for a vendor that has none", () => {
    expect(problemsOf({ vendor: "twilio", customers: ["cus_1"] })).toEqual([
      "`customers`: only Stripe has customers: remove it from a key for twilio",
    ]);
  });

  it("names every problem at once, each with its field", () => {
    const problems = problemsOf({
      vendor: "stripe",
      daily_usd_cap: -1,
      allowed_endpoints: ["POST /v1/refunds", "nonsense"],
      expires_in: "soon",
      customers: ["nobody"],
    });
    expect(problems).toHaveLength(4);
    const all = problems.join("\n");
    for (const field of ["`customers.0`", "`daily_usd_cap`", "`allowed_endpoints.1`", "`expires_in`"]) {
      expect(all).toContain(field);
    }
  });
});

describe("parseDuration", () => {
  it.each([
    ["1s", 1],
    ["45s", 45],
    ["30m", 1_800],
    ["8h", 28_800],
    ["24h", 86_400],
    ["7d", 604_800],
    ["3660d", 316_224_000],
    ["316224000s", 316_224_000],
  ])("reads `%s` to %i seconds", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each([
    "",
    "0s",
    "0d",
    "01h",
    "-1h",
    "+1h",
    "1.5h",
    "1",
    "h",
    "1 h",
    " 1h",
    "1h ",
    "1h\n",
    "1H",
    "1w",
    "1y",
    "1ms",
    "1h30m",
    "1e3s",
    "3661d",
    "316224001s",
    "999999999d",
    "9999999999s",
    "١h",
  ])("refuses `%s`", (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe("isOperationName", () => {
  it.each([
    ["payment_intents.create", true],
    ["checkout.sessions.list", true],
    ["v2.core.accounts.list", true],
    ["forbidden", false],
    ["payment_intents", false],
    ["payment_intents.", false],
    [".create", false],
    ["Payment_intents.create", false],
    ["payment_intents.create ", false],
    ["payment_intents.*", false],
    ["POST /v1/refunds", false],
    ["", false],
  ])("takes `%s` for an operation's name: %s", (text, isName) => {
    expect(isOperationName(text)).toBe(isName);
  });
});
