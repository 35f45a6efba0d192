import { type KeyFacts, parsePolicy } from "@keybrake/core";
import { describe, expect, it } from "vitest";
import { type ProbedBudget, probePolicy } from "../src/policy-test.ts";

const NOW = new Date("2026-03-01T12:00:00Z");

function keyOf(document: object, facts: Partial<KeyFacts> = {}): KeyFacts {
  const parsed = parsePolicy({ vendor: "stripe", ...document });
  if ("problems" in parsed) throw new Error(parsed.problems.join());
  return { status: "active", expiresAt: null, policy: parsed.policy, ...facts };
}
const request = (target: string, body = "", method: "GET" | "POST" = "POST") => ({
  method,
  target,
  body,
  contentType: "application/x-www-form-urlencoded",
  account: null,
  accountId: null,
});
const refunds = keyOf({
  allowed_endpoints: ["POST /v1/refunds", "POST /v1/payment_intents", "GET /v1/customers/*"],
});
const budget = (more: Partial<ProbedBudget>): ProbedBudget => ({
  scope: "agent_id",
  window: "daily",
  unit: "usd",
  remaining: "10.00",
  ...more,
});
const payment = request("/v1/payment_intents", "amount=1000&currency=usd");

describe("a policy test", () => {
  it("allows what the server's engine would allow, and says what it costs", () => {
    expect(probePolicy(refunds, [], payment, NOW)).toMatchObject({
      verdict: "allow",
      code: null,
      price: "10.00 USD",
    });
    expect(probePolicy(refunds, [], request("/stripe/v1/customers/cus_1", "", "GET"), NOW)).toMatchObject({
      verdict: "allow",
      price: "free",
    });
  });

  it("says that a price is only known to the server", () => {
    const result = probePolicy(refunds, [], request("/v1/refunds", "charge=ch_1"), NOW);
    expect(result).toMatchObject({ verdict: "allow", price: "known after a look-up" });
    expect(result.notes[0]).toContain("`/v1/charges/ch_1`");
  });

  it.each([
    [[budget({ remaining: "9.999999" })], "daily_cap_exceeded"],
    [[budget({ window: "monthly", remaining: "0.00" })], "monthly_cap_exceeded"],
    [[budget({ window: "total", unit: "calls", remaining: "0" })], "total_call_cap_exceeded"],
    [[budget({}), budget({ unit: "requests", window: "monthly", remaining: "0" })], "monthly_request_limit"],
  ])("refuses what any budget has too little left for", (budgets, code) => {
    expect(probePolicy(refunds, budgets, payment, NOW)).toMatchObject({ verdict: "deny", code });
  });

  it("allows what exactly fits", () => {
    expect(
      probePolicy(refunds, [budget({}), budget({ unit: "calls", remaining: "1" })], payment, NOW).verdict,
    ).toBe("allow");
  });

  it.each([
    [request("/v1/payouts", "amount=1&currency=usd"), "endpoint_not_allowed"],
    [request("/twilio/v1/refunds"), "vendor_mismatch"],
    [request("/v1//refunds"), "request_malformed"],
    [request("/v1/payment_intents", "amount=1000&amount=1&currency=usd"), "request_ambiguous"],
    [request("/v1/payment_intents", "amount=1000&currency=eur"), "unpriced"],
  ])("refuses what the server would refuse", (asked, code) => {
    expect(probePolicy(refunds, [], asked, NOW)).toMatchObject({ verdict: "deny", code });
  });

  it("judges the key's own state", () => {
    const document = { allowed_endpoints: ["POST /v1/payment_intents"] };
    const judged = (facts: Partial<KeyFacts>) => probePolicy(keyOf(document, facts), [], payment, NOW).code;
    expect(judged({ status: "revoked" })).toBe("vault_key_revoked");
    expect(judged({ expiresAt: NOW })).toBe("vault_key_expired");
    expect(judged({ expiresAt: new Date(NOW.getTime() + 1) })).toBeNull();
  });
});
