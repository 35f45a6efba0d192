import { describe, expect, it } from "vitest";
import { authorize, judgeOwner, type KeyFacts } from "../src/authorize.ts";
import type { DenialCode } from "../src/denial.ts";
import type { Operation, Price } from "../src/operation.ts";
import type { VendorName } from "../src/vendors/names.ts";
import { ANYTHING, NOW, operationOf, policyOf, requestOf } from "./stripe-requests.ts";

const CREATE = operationOf(requestOf("POST", "/v1/payment_intents", "amount=1000&currency=usd"));
const READ = operationOf(requestOf("GET", "/v1/customers/cus_1"));

function keyOf(more: Partial<KeyFacts> = {}): KeyFacts {
  return { status: "active", expiresAt: null, policy: ANYTHING, ...more };
}

function codeOf(key: KeyFacts, operation: Operation, now = NOW): DenialCode | "allow" {
  const decision = authorize(key, operation, now);
  if (decision.verdict === "allow") return "allow";
  // Whatever is refused says why, in the house's words.
  expect(decision.denial.reason).toMatch(/^[`a-z].*[^.]$/s);
  return decision.denial.code;
}

function under(document: Readonly<Record<string, unknown>>): KeyFacts {
  return keyOf({ policy: policyOf({ allowed_endpoints: ["* /**"], ...document }) });
}

describe("authorize: the key", () => {
  it("lets an active key pass that does not expire", () => {
    expect(codeOf(keyOf(), CREATE)).toBe("allow");
  });

  it.each<KeyFacts["status"]>(["revoked", "suspended"])(
    "refuses a %s key, and says which it is",
    (status) => {
      const decision = authorize(keyOf({ status }), CREATE, NOW);
      expect(decision).toMatchObject({
        verdict: "deny",
        denial: { code: "vault_key_revoked", reason: expect.stringContaining(status) },
      });
    },
  );

  it.each([
    ["a millisecond before", 1, "allow"],
    ["at", 0, "vault_key_expired"],
    ["a millisecond after", -1, "vault_key_expired"],
  ])("%s its expiry: %s ms left, %s", (_when, msLeft, code) => {
    expect(codeOf(keyOf({ expiresAt: new Date(NOW.getTime() + msLeft) }), CREATE)).toBe(code);
  });

  it("fails closed: a status that it does not know authorizes nothing", () => {
    expect(codeOf(keyOf({ status: "paused" as KeyFacts["status"] }), CREATE)).toBe("vault_key_revoked");
  });

  it.each([
    ["an expiry", new Date(Number.NaN), NOW],
    ["a clock", new Date("2027-01-01T00:00:00Z"), new Date(Number.NaN)],
  ])("fails closed: %s that cannot be read authorizes nothing", (_what, expiresAt, now) => {
    const decision = authorize(keyOf({ expiresAt }), CREATE, now);
    expect(decision.verdict).toBe("deny");
  });

  it("judges the key before anything else, so that a revoked key learns nothing of its policy", () => {
    const key = keyOf({ status: "revoked", policy: policyOf({}) });
    expect(codeOf(key, operationOf(requestOf("POST", "/v1/ephemeral_keys")))).toBe("vault_key_revoked");
  });
});

describe("authorize: the endpoint", () => {
  it.each<[string, readonly string[], Operation, DenialCode | "allow"]>([
    ["nothing listed", [], CREATE, "endpoint_not_allowed"],
    ["listed by pattern", ["POST /v1/payment_intents"], CREATE, "allow"],
    ["listed by name", ["payment_intents.create"], CREATE, "allow"],
    ["listed by any method", ["* /v1/payment_intents"], CREATE, "allow"],
    ["another method listed", ["GET /v1/payment_intents"], CREATE, "endpoint_not_allowed"],
    ["another name listed", ["payment_intents.confirm"], CREATE, "endpoint_not_allowed"],
    ["a name that does not exist", ["payment_intents.creat"], CREATE, "endpoint_not_allowed"],
    [
      "one of many listed",
      ["GET /v1/account", "payment_intents.create", "POST /v1/refunds"],
      CREATE,
      "allow",
    ],
    ["a read listed by its segment", ["GET /v1/customers/*"], READ, "allow"],
    ["a read listed by name", ["customers.retrieve"], READ, "allow"],
  ])("%s", (_what, allowed, operation, code) => {
    expect(codeOf(keyOf({ policy: policyOf({ allowed_endpoints: allowed }) }), operation)).toBe(code);
  });

  it("refuses another vendor's operation even under `* /**`", () => {
    const foreign: Operation = { ...READ, vendor: "twilio" as VendorName };
    expect(codeOf(keyOf(), foreign)).toBe("vendor_mismatch");
  });

  it("refuses a forbidden endpoint under any allowlist, and says so even when nothing is listed", () => {
    const mint = operationOf(requestOf("POST", "/v1/ephemeral_keys"));
    for (const allowed of [["* /**"], ["POST /v1/ephemeral_keys"], ["ephemeral_keys.create"], []]) {
      const key = keyOf({ policy: policyOf({ allowed_endpoints: allowed }) });
      expect(codeOf(key, mint)).toBe("endpoint_forbidden");
    }
  });

  it.each([
    ["an endpoint that the catalogue does not know", "POST", "/v1/nonsense"],
    ["a path that does not exist", "GET", "/v1/nonsense"],
    ["a method that the endpoint does not have", "PUT", "/v1/customers/cus_1"],
  ] as const)("refuses %s, although the allowlist covers it", (_what, method, path) => {
    expect(codeOf(keyOf(), operationOf(requestOf(method, path)))).toBe("unpriced");
    expect(codeOf(keyOf({ policy: policyOf({}) }), operationOf(requestOf(method, path)))).toBe(
      "endpoint_not_allowed",
    );
  });
});

function demanding(rule: string, ...ids: readonly string[]): Partial<Operation> {
  const code = rule === "stripe.account" ? "account_not_allowed" : "destination_not_allowed";
  return { demands: ids.map((id) => ({ rule, anyOf: [id], shown: id, ifAbsent: "deny", code })) };
}

it("authorize: says which call it refused, in the words that an allowlist uses", () => {
  const reasonOf = (key: KeyFacts, method: "GET" | "POST", path: string) => {
    const decision = authorize(key, operationOf(requestOf(method, path)), NOW);
    return decision.verdict === "deny" ? decision.denial.reason : "";
  };
  const narrow = keyOf({ policy: policyOf({ allowed_endpoints: ["POST /v1/refunds"] }) });
  expect(reasonOf(narrow, "GET", "/v1/balance")).toContain("`GET /v1/balance`");
  expect(reasonOf(keyOf(), "POST", "/v1/webhook_endpoints")).toContain("`POST /v1/webhook_endpoints`");
  expect(reasonOf(keyOf(), "GET", "/v1/nonsense")).toContain("`GET /v1/nonsense`");
});

describe("authorize: accounts and destinations", () => {
  const pinned = under({ stripe: { account: "acct_mine" } });

  it.each<[string, KeyFacts, Partial<Operation>, DenialCode | "allow"]>([
    ["no account, none pinned", keyOf(), {}, "allow"],
    ["no account, one pinned", pinned, {}, "allow"],
    ["an account, none pinned", keyOf(), demanding("stripe.account", "acct_mine"), "account_not_allowed"],
    ["the pinned account", pinned, demanding("stripe.account", "acct_mine"), "allow"],
    ["another account", pinned, demanding("stripe.account", "acct_other"), "account_not_allowed"],
    [
      "the pinned account in other letters",
      pinned,
      demanding("stripe.account", "ACCT_mine"),
      "account_not_allowed",
    ],
    ["an empty account", pinned, demanding("stripe.account", ""), "account_not_allowed"],
    [
      "the pinned account and a space",
      pinned,
      demanding("stripe.account", "acct_mine "),
      "account_not_allowed",
    ],
    [
      "a destination, none pinned",
      keyOf(),
      demanding("stripe.destinations", "acct_mine"),
      "destination_not_allowed",
    ],
    ["the pinned destination", pinned, demanding("stripe.destinations", "acct_mine"), "allow"],
    [
      "one stray destination among good ones",
      pinned,
      demanding("stripe.destinations", "acct_mine", "acct_x"),
      "destination_not_allowed",
    ],
  ])("%s", (_what, key, more, code) => {
    expect(codeOf(key, { ...CREATE, ...more })).toBe(code);
  });
});

describe("authorize: demands", () => {
  const demands = (ifAbsent: "allow" | "deny") =>
    [
      {
        rule: "stripe.destinations",
        anyOf: ["acct_a", "acct_b"],
        shown: "a destination",
        ifAbsent,
        code: "destination_not_allowed",
      },
    ] as const;
  const granting = (...destinations: string[]) => under({ stripe: { destinations } });

  it("are met by one of several values that would do", () => {
    expect(codeOf(granting("acct_b"), { ...CREATE, demands: demands("deny") })).toBe("allow");
    expect(codeOf(granting("acct_c"), { ...CREATE, demands: demands("deny") })).toBe(
      "destination_not_allowed",
    );
  });

  it("say themselves what a policy without the rule means, and a rule that is there always counts", () => {
    expect(codeOf(keyOf(), { ...CREATE, demands: demands("deny") })).toBe("destination_not_allowed");
    expect(codeOf(keyOf(), { ...CREATE, demands: demands("allow") })).toBe("allow");
    expect(codeOf(granting("acct_c"), { ...CREATE, demands: demands("allow") })).toBe(
      "destination_not_allowed",
    );
  });
});

describe("authorize: customers", () => {
  const bound = under({ customers: ["cus_1", "cus_2"] });
  const on = (named: readonly string[], isOpen: boolean) => ({
    ...CREATE,
    customers: { ...CREATE.customers, named, isOpen },
  });
  const reasonOf = (operation: Operation) => {
    const decision = authorize(bound, operation, NOW);
    return decision.verdict === "deny" ? decision.denial.reason : null;
  };

  it.each<[string, readonly string[], boolean, DenialCode | "allow"]>([
    ["its own customer", ["cus_1"], false, "allow"],
    ["two of its own", ["cus_1", "cus_2"], false, "allow"],
    ["somebody else's", ["cus_3"], false, "customer_not_allowed"],
    ["one of somebody else's among its own", ["cus_1", "cus_3"], false, "customer_not_allowed"],
    ["its own in other letters", ["CUS_1"], false, "customer_not_allowed"],
    ["nobody, and what can touch nobody", [], false, "allow"],
    ["nobody, and what could touch anybody", [], true, "customer_not_allowed"],
    ["its own, and what could touch more", ["cus_1"], true, "customer_not_allowed"],
  ])("a key bound to customers may not go beyond them: %s", (_what, named, isOpen, code) => {
    expect(codeOf(bound, on(named, isOpen))).toBe(code);
    // A key that is bound to nobody may touch anybody.
    expect(codeOf(under({}), on(named, isOpen))).toBe("allow");
  });

  it("tells an agent which customer it may not touch, or that it named none", () => {
    expect(reasonOf(on(["cus_1", "cus_3"], false))).toBe(
      "this vault key may not touch `cus_3`: it is bound to `customers`",
    );
    expect(reasonOf(on([], true))).toMatch(/names none of them: give it a `customer`/);
  });

  it.each<[string, string | null, RegExp | null]>([
    ["its own customer's", "cus_2", null],
    ["another customer's", "cus_3", /`pi_1`, which belongs to another customer/],
    ["nobody's", null, /`pi_1`, which belongs to no customer/],
  ])("judges an object by its owner: %s", (_what, owner, reason) => {
    const denial = judgeOwner(bound.policy, "pi_1", owner);
    if (reason === null) expect(denial).toBeNull();
    else
      expect(denial).toMatchObject({ code: "customer_not_allowed", reason: expect.stringMatching(reason) });
    expect(judgeOwner(ANYTHING, "pi_1", owner)).toBeNull();
  });
});

describe("authorize: the price", () => {
  const known = (micros: bigint, currency = "usd"): Price => ({
    kind: "known",
    amount: 1n,
    currency,
    micros,
  });

  it.each<[string, KeyFacts, Price, DenialCode | "allow"]>([
    ["free", under({ per_call_usd_cap: 0, currencies: [] }), { kind: "free" }, "allow"],
    ["unpriced", keyOf(), { kind: "unpriced", reason: "because" }, "unpriced"],
    [
      "unpriced, and allowed",
      under({ on_unpriced: "allow" }),
      { kind: "unpriced", reason: "because" },
      "allow",
    ],
    ["known, no limit", keyOf(), known(10n ** 18n), "allow"],
    ["at the limit", under({ per_call_usd_cap: "10" }), known(10_000_000n), "allow"],
    [
      "a micro over the limit",
      under({ per_call_usd_cap: "10" }),
      known(10_000_001n),
      "per_call_cap_exceeded",
    ],
    ["a limit of nothing", under({ per_call_usd_cap: 0 }), known(1n), "per_call_cap_exceeded"],
    ["a listed currency", under({ currencies: ["EUR"] }), known(1n, "eur"), "allow"],
    ["another currency", under({ currencies: ["EUR"] }), known(1n, "usd"), "currency_not_allowed"],
    ["no currency listed", under({ currencies: [] }), known(1n, "usd"), "currency_not_allowed"],
  ])("%s", (_what, key, price, code) => {
    expect(codeOf(key, { ...CREATE, price })).toBe(code);
  });

  it("lets a call pass whose price must be looked up, for the judgement that follows the look-up", () => {
    const confirm = operationOf(requestOf("POST", "/v1/payment_intents/pi_1/confirm"));
    expect(confirm.price.kind).toBe("lookup");
    const key = under({ per_call_usd_cap: "10" });
    expect(codeOf(key, confirm)).toBe("allow");
    expect(codeOf(key, { ...confirm, price: known(10_000_001n) })).toBe("per_call_cap_exceeded");
  });

  it("says both amounts in dollars", () => {
    const decision = authorize(under({ per_call_usd_cap: "9.99" }), CREATE, NOW);
    expect(decision).toMatchObject({
      denial: { reason: expect.stringMatching(/10\.00 is more than 9\.99/) },
    });
  });
});
