import { describe, expect, it } from "vitest";
import type { Method } from "../../../src/endpoint.ts";
import { judge, operationOf, policyOf, requestOf } from "../../stripe-requests.ts";

const PINNED = policyOf({ allowed_endpoints: ["* /**"], stripe: { account: "acct_mine" } });
const BODY = "amount=100&currency=usd";

describe("P3: money goes to another account only when the policy pins that account", () => {
  const CASES: readonly (readonly [path: string, form: string])[] = [
    ["/v1/payment_intents", `${BODY}&transfer_data[destination]=ACCOUNT`],
    ["/v1/payment_intents", `${BODY}&transfer_data%5Bdestination%5D=ACCOUNT`],
    ["/v1/payment_intents", `${BODY}&transfer_data[amount]=1&transfer_data[destination]=ACCOUNT`],
    ["/v1/payment_intents", `${BODY}&on_behalf_of=ACCOUNT`],
    ["/v1/payment_intents", `${BODY}&on%5Fbehalf_of=ACCOUNT`],
    ["/v1/payment_intents/pi_1", "transfer_data[destination]=ACCOUNT"],
    ["/v1/charges", `${BODY}&destination=ACCOUNT`],
    ["/v1/charges", `${BODY}&destination[account]=ACCOUNT`],
    ["/v1/charges", `${BODY}&on_behalf_of=ACCOUNT`],
    ["/v1/charges", `${BODY}&transfer_data[destination]=ACCOUNT`],
    ["/v1/transfers", `${BODY}&destination=ACCOUNT`],
    ["/v1/charges", `${BODY}&source=ACCOUNT`],
    ["/v1/invoices", "transfer_data[destination]=ACCOUNT"],
    ["/v1/invoices", "issuer[account]=ACCOUNT&issuer[type]=account"],
    ["/v1/invoices", "on_behalf_of=ACCOUNT"],
    ["/v1/setup_intents", "on_behalf_of=ACCOUNT"],
    [
      "/v1/subscriptions/sub_1",
      "transfer_data[destination]=ACCOUNT&metadata[a]=b&default_source=x&off_session=true",
    ],
    ["/v1/checkout/sessions", "mode=setup&payment_intent_data[transfer_data][destination]=ACCOUNT"],
    ["/v1/checkout/sessions", "mode=setup&payment_intent_data[on_behalf_of]=ACCOUNT"],
    ["/v1/quotes", "transfer_data[destination]=ACCOUNT"],
  ];

  it.each(CASES)("P3: POST %s with `%s`", (path, form) => {
    const attempt = (account: string, policy?: typeof PINNED) =>
      judge(requestOf("POST", path, form.replace("ACCOUNT", account)), policy);
    expect(attempt("acct_other")).toBe("destination_not_allowed");
    expect(attempt("acct_other", PINNED)).toBe("destination_not_allowed");
    expect(attempt("acct_mine", PINNED)).toBe("allow");
  });

  it.each([
    ["a list", `${BODY}&transfer_data[destination][]=acct_other`],
    ["a list of objects", `${BODY}&transfer_data[][destination]=acct_other`],
    ["an index", `${BODY}&transfer_data[0][destination]=acct_other`],
    ["another case", `${BODY}&transfer_data[Destination]=acct_other`],
    ["an object within", `${BODY}&transfer_data[destination][account]=acct_other`],
    ["a plain value", `${BODY}&transfer_data=acct_other`],
    ["two, one of them pinned", `${BODY}&transfer_data[destination]=acct_mine&on_behalf_of=acct_other`],
    ["a list of accounts", `${BODY}&on_behalf_of[]=acct_other`],
  ])("P3: refuses a destination spelled as %s", (_what, form) => {
    expect(judge(requestOf("POST", "/v1/payment_intents", form), PINNED)).not.toBe("allow");
  });

  it.each(["metadata[account]=acct_other", "customer_account=acct_other"])(
    "takes `%s` for no destination",
    (form) => {
      expect(operationOf(requestOf("POST", "/v1/payment_intents", `${BODY}&${form}`)).demands).toEqual([]);
    },
  );

  it("lets a payout pass to a bank account, which is the account's own", () => {
    expect(judge(requestOf("POST", "/v1/payouts", `${BODY}&destination=ba_1`))).toBe("allow");
  });

  it("takes a part of an amount for no destination", () => {
    const form = `${BODY}&transfer_data[amount]=50&transfer_data[destination]=acct_mine`;
    expect(operationOf(requestOf("POST", "/v1/payment_intents", form)).demands).toMatchObject([
      { rule: "stripe.destinations", anyOf: ["acct_mine"] },
    ]);
  });

  it("takes an emptied field for no destination", () => {
    expect(judge(requestOf("POST", "/v1/payment_intents/pi_1", "on_behalf_of="))).toBe("allow");
  });
});

describe("P3: another account in the path is refused unless it is pinned", () => {
  it.each<[Method, string]>([
    ["GET", "/v1/accounts/acct_other"],
    ["HEAD", "/v1/accounts/acct_other"],
    ["GET", "/v1/accounts/acct_other/capabilities"],
    ["GET", "/v1/accounts/acct_other/external_accounts/ba_1"],
    ["GET", "/v1/accounts/acct_other/persons"],
    ["GET", "/v1/accounts/acct_other/persons/person_1"],
    ["GET", "/v2/core/accounts/acct_other"],
    ["GET", "/v2/core/accounts/acct_other/persons"],
  ])("P3: %s %s", (method, path) => {
    expect(judge(requestOf(method, path))).not.toBe("allow");
    expect(judge(requestOf(method, path), PINNED)).not.toBe("allow");
    expect(judge(requestOf(method, path.replace("acct_other", "acct_mine")), PINNED)).toBe("allow");
  });
});

describe("F12: the account that a header names", () => {
  it.each([
    ["none", null, undefined, "allow"],
    ["one that nobody pinned", "acct_other", undefined, "account_not_allowed"],
    ["another than the pinned one", "acct_other", PINNED, "account_not_allowed"],
    ["the pinned one", "acct_mine", PINNED, "allow"],
    ["an empty one", "", PINNED, "account_not_allowed"],
    ["two joined", "acct_mine, acct_other", PINNED, "account_not_allowed"],
  ])("F12: %s", (_what, account, policy, verdict) => {
    expect(judge(requestOf("POST", "/v1/payment_intents", BODY, { account }), policy)).toBe(verdict);
    expect(judge(requestOf("GET", "/v1/balance", "", { account }), policy)).toBe(verdict);
  });
});
