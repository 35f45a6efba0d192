import { describe, expect, it } from "vitest";
import { judge, policyOf, requestOf } from "../../stripe-requests.ts";

/** A payment intent that asks for one expansion. */
function create(expansion: string) {
  return requestOf("POST", "/v1/payment_intents", `amount=100&currency=usd&expand[]=${expansion}`);
}

describe("P5: expand", () => {
  const read = (query: string) => judge(requestOf("GET", "/v1/issuing/cards", "", { query }));

  it.each([
    ["card numbers", "expand[]=number"],
    ["card numbers in a list", "expand[]=data.number"],
    ["check digits", "expand[]=data.cvc"],
    ["card numbers by index", "expand[0]=number"],
    ["card numbers without brackets", "expand=number"],
    ["card numbers among others", "expand[]=data.number&expand[]=data.cardholder"],
  ])("P5: refuses %s: `%s`", (_what, query) => {
    expect(read(query)).toBe("endpoint_forbidden");
  });

  it.each([
    [
      "bank account numbers",
      "/v1/treasury/financial_accounts/fa_1",
      "expand[]=financial_addresses.aba.account_number",
    ],
    ["identity numbers", "/v1/identity/verification_sessions/vs_1", "expand[]=verified_outputs.id_number"],
  ])("P5: refuses %s", (_what, path, query) => {
    expect(judge(requestOf("GET", path, "", { query }))).not.toBe("allow");
  });

  it.each([
    ["a depth of 5", "expand[]=a.b.c.d.e"],
    ["an upper-case letter", "expand[]=data.Number"],
    ["an empty path", "expand[]="],
    ["a wildcard", "expand[]=*"],
    ["a trailing dot", "expand[]=data."],
    ["a bracket", "expand[]=data%5Bnumber%5D"],
    ["a line end", "expand[]=data%0anumber"],
    ["eleven at once", Array.from({ length: 11 }, (_, index) => `expand[${index}]=customer`).join("&")],
  ])("P5: refuses %s", (_what, query) => {
    expect(read(query)).toBe("request_malformed");
  });

  it("P5: refuses an expansion that nobody listed, because it opens objects that the key may not read", () => {
    const chargesOnly = policyOf({ allowed_endpoints: ["GET /v1/charges"] });
    const request = requestOf("GET", "/v1/charges", "", { query: "expand[]=data.customer" });
    expect(judge(request, chargesOnly)).not.toBe("allow");
  });

  it("P5: looks at a write's body too", () => {
    expect(judge(create("number"))).toBe("endpoint_forbidden");
    expect(judge(create("a.b.c.d.e"))).toBe("request_malformed");
    expect(judge(create("latest_charge"))).toBe("allow");
  });

  it("lets ten at once pass", () => {
    const query = Array.from({ length: 10 }, (_, index) => `expand[${index}]=latest_charge`).join("&");
    expect(judge(requestOf("GET", "/v1/payment_intents", "", { query }))).toBe("allow");
  });
});
