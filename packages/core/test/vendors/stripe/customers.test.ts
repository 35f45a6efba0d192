import { describe, expect, it } from "vitest";
import { judgeOwner } from "../../../src/authorize.ts";
import type { Method } from "../../../src/endpoint.ts";
import type { CustomerScope } from "../../../src/operation.ts";
import { findStripeEndpoint } from "../../../src/vendors/stripe/catalogue.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { VendorAnswer } from "../../../src/vendors/vendor.ts";
import { judge, operationOf, policyOf, requestOf } from "../../stripe-requests.ts";

const BOUND = policyOf({
  allowed_endpoints: ["* /**"],
  customers: ["cus_mine"],
  on_unpriced: "allow",
  stripe: { auto_advance: true },
});
const BODY = "amount=100&currency=usd";

function scopeOf(method: Method, path: string, parameters = ""): CustomerScope {
  const isQuery = method !== "POST";
  const request = isQuery
    ? requestOf(method, path, "", { query: parameters === "" ? null : parameters })
    : requestOf(method, path, parameters);
  return operationOf(request).customers;
}

function answerOf(object: unknown, status = 200): VendorAnswer {
  return { status, header: () => null, body: JSON.stringify(object) };
}

describe("a customer is named wherever it stands", () => {
  it.each<[string, Method, string, string]>([
    ["in the path", "GET", "/v1/customers/cus_other", ""],
    ["in the path, without a prefix", "GET", "/v1/customers/other", ""],
    ["deep in the path", "GET", "/v1/customers/cus_other/sources/card_1", ""],
    ["in a filter", "GET", "/v1/charges", "customer=cus_other"],
    [
      "in a filter, with one's own beside it",
      "GET",
      "/v1/invoices",
      "customer=cus_mine&subscription=cus_other",
    ],
    ["in a list", "GET", "/v1/charges", "x[]=cus_other"],
    ["in a search", "GET", "/v1/charges/search", "query=customer%3A%22cus_other%22"],
    ["in a body", "POST", "/v1/payment_intents", `${BODY}&customer=cus_other`],
    ["in a body, without a prefix", "POST", "/v1/payment_intents", `${BODY}&customer=other`],
    ["as an account of v2", "POST", "/v1/payment_intents", `${BODY}&customer_account=acct_other`],
    ["in a nested field", "POST", "/v1/tax_ids", "type=eu_vat&value=x&owner[customer]=cus_other"],
    ["in a name", "POST", "/v1/setup_intents", "x[cus_other]=1"],
    ["in a label", "POST", "/v1/payment_intents", `${BODY}&metadata[a]=cus_other`],
    ["behind a space", "POST", "/v1/payment_intents", `${BODY}&description=%20cus_other`],
    ["in a list of objects", "POST", "/v1/setup_intents", "a[0][b]=cus_other"],
  ])("%s: %s %s?%s", (_what, method, path, parameters) => {
    expect(scopeOf(method, path, parameters).named.some((id) => id.includes("other"))).toBe(true);
    const request =
      method === "GET"
        ? requestOf(method, path, "", { query: parameters === "" ? null : parameters })
        : requestOf(method, path, parameters);
    expect(judge(request, BOUND)).toBe("customer_not_allowed");
  });

  it("also in JSON, at any depth", () => {
    const body = '{"amount":{"value":1,"currency":"usd"},"a":[{"b":["cus_other"]}],"c":{"cus_more":1}}';
    const request = requestOf("POST", "/v2/money_management/outbound_payments", body, {
      contentType: "application/json",
    });
    expect(operationOf(request).customers.named).toEqual(["cus_other", "cus_more"]);
  });

  it.each(["customer[]=cus_mine", "Customer=cus_mine", "customer[0]=cus_mine", "customer[id]=cus_mine"])(
    "refuses `%s`, which two readers could take for different things",
    (form) => {
      expect(judge(requestOf("POST", "/v1/payment_intents", `${BODY}&${form}`), BOUND)).not.toBe("allow");
    },
  );
});

describe("an object of somebody's is looked up before a bound key may touch it", () => {
  it.each<[Method, string, string, path: string, query: string | null]>([
    ["GET", "/v1/charges/ch_1", "", "/v1/charges/ch_1", null],
    ["POST", "/v1/charges/py_1/capture", "", "/v1/charges/py_1", null],
    ["GET", "/v1/charges/old_id", "", "/v1/charges/old_id", null],
    ["POST", "/v1/payment_intents/pi_1/confirm", "", "/v1/payment_intents/pi_1", null],
    ["GET", "/v1/refunds/re_1", "", "/v1/refunds/re_1", "expand[]=charge&expand[]=payment_intent"],
    ["POST", "/v1/refunds", "charge=ch_1", "/v1/charges/ch_1", null],
    ["POST", "/v1/refunds", "payment_intent=pi_1", "/v1/payment_intents/pi_1", null],
    ["POST", "/v1/charges/ch_1/refund", "", "/v1/charges/ch_1", null],
    ["GET", "/v1/charges", "payment_intent=pi_1", "/v1/payment_intents/pi_1", null],
    ["POST", "/v1/invoices/in_1/pay", "", "/v1/invoices/in_1", null],
    ["GET", "/v1/invoices/in_1/lines", "", "/v1/invoices/in_1", null],
    ["POST", "/v1/invoices", "subscription=sub_1", "/v1/subscriptions/sub_1", null],
    ["DELETE", "/v1/subscriptions/sub_1", "", "/v1/subscriptions/sub_1", null],
    ["GET", "/v1/subscription_items/si_1", "", "/v1/subscription_items/si_1", null],
    ["GET", "/v1/checkout/sessions/cs_test_a1", "", "/v1/checkout/sessions/cs_test_a1", null],
    ["POST", "/v1/payment_methods/pm_1/detach", "", "/v1/payment_methods/pm_1", null],
    ["POST", "/v1/setup_intents/seti_1/confirm", "", "/v1/setup_intents/seti_1", null],
    ["POST", "/v1/quotes/qt_1/accept", "", "/v1/quotes/qt_1", null],
    ["POST", "/v1/credit_notes", "invoice=in_1", "/v1/invoices/in_1", null],
    ["DELETE", "/v1/invoiceitems/ii_1", "", "/v1/invoiceitems/ii_1", null],
    ["POST", "/v1/disputes/du_1/close", "", "/v1/disputes/du_1", "expand[]=charge"],
    ["GET", "/v1/balance_transactions/txn_1", "", "/v1/balance_transactions/txn_1", "expand[]=source"],
    ["GET", "/v1/subscription_schedules/sub_sched_1", "", "/v1/subscription_schedules/sub_sched_1", null],
    [
      "POST",
      "/v1/payment_intents",
      `${BODY}&payment_method=pm_1&customer=cus_mine`,
      "/v1/payment_methods/pm_1",
      null,
    ],
    [
      "POST",
      "/v1/payment_intents",
      `${BODY}&payment_method=pm_other&customer=cus_mine`,
      "/v1/payment_methods/pm_other",
      null,
    ],
    ["POST", "/v1/charges", `${BODY}&source=card_1&customer=cus_mine`, "/v1/payment_methods/card_1", null],
    ["POST", "/v1/charges", `${BODY}&customer=cus_mine&metadata[a]=see+ch_9`, "/v1/charges/ch_9", null],
    ["POST", "/v1/payment_intents", `${BODY}&customer=cus_mine&a[b][c]=in_7`, "/v1/invoices/in_7", null],
    ["POST", "/v1/setup_intents", "customer=cus_mine&x=pi_1_secret_abc", "/v1/payment_intents/pi_1", null],
  ])("%s %s with `%s` reads %s", (method, path, parameters, readPath, query) => {
    const scope = scopeOf(method, path, parameters);
    expect(scope.isOpen).toBe(false);
    expect(scope.owned.map(({ read }) => read)).toContainEqual({
      method: "GET",
      path: readPath,
      query,
      body: null,
    });
    expect(findStripeEndpoint("GET", readPath)?.endpoint.accounted).toBe(false);
  });

  it.each<[string, string]>([
    ["the vocabulary of parameters", "payment_method_types[]=card_present&automatic_tax[enabled]=false"],
    ["a text", "description=paid in_full by card_holder"],
    ["a payment method for tests", "payment_method=pm_card_visa"],
  ])("takes %s for no object", (_what, form) => {
    expect(scopeOf("POST", "/v1/payment_intents", `${BODY}&customer=cus_mine&${form}`).owned).toEqual([]);
  });

  it("leaves what stands inside of an object to Stripe, which looks it up there", () => {
    expect(scopeOf("POST", "/v1/subscriptions/sub_1", "items[0][id]=si_1").owned).toHaveLength(1);
    expect(scopeOf("GET", "/v1/customers/cus_mine/sources/card_1").owned).toEqual([]);
  });

  it("is open when there are more objects than may be read", () => {
    const form = Array.from({ length: 21 }, (_, index) => `x[${index}]=ch_${index}`).join("&");
    expect(scopeOf("POST", "/v1/payment_intents", `${BODY}&customer=cus_mine&${form}`).isOpen).toBe(true);
  });
});

describe("a call is open when it could touch or show anybody", () => {
  it.each<[Method, string, string]>([
    ["GET", "/v1/charges", ""],
    ["GET", "/v1/charges", "starting_after=ch_1"],
    ["GET", "/v1/charges", "created[gte]=1"],
    ["GET", "/v1/charges", "customer="],
    ["GET", "/v1/customers", "email=a@example.com"],
    ["GET", "/v1/customers/search", "query=x"],
    ["GET", "/v1/events", ""],
    ["GET", "/v1/events/evt_1", ""],
    ["GET", "/v1/events", "customer=cus_mine"],
    ["GET", "/v1/balance_transactions", ""],
    ["GET", "/v1/balance", ""],
    ["GET", "/v1/payouts", ""],
    ["GET", "/v1/transfers/tr_1", ""],
    ["GET", "/v1/files", ""],
    ["GET", "/v1/promotion_codes/promo_1", ""],
    ["GET", "/v2/core/events", ""],
    ["GET", "/v1/nonsense", "customer=cus_mine"],
    ["POST", "/v1/customers", "name=x"],
    ["POST", "/v1/payment_intents", BODY],
    ["POST", "/v1/payment_intents", `${BODY}&metadata[customer]=cus_mine`],
    ["POST", "/v1/reporting/report_runs", "report_type=x"],
    ["POST", "/v1/products", "name=x"],
    ["POST", "/v1/payouts", BODY],
    ["POST", "/v1/transfers", `${BODY}&source_transaction=ch_1`],
    ["POST", "/v1/refunds", "origin=customer_balance&amount=1&currency=usd"],
    ["POST", "/v1/checkout/sessions", "line_items[0][price]=price_1"],
  ])("%s %s with `%s`", (method, path, parameters) => {
    expect(scopeOf(method, path, parameters).isOpen).toBe(true);
    const request =
      method === "GET"
        ? requestOf(method, path, "", { query: parameters === "" ? null : parameters })
        : requestOf(method, path, parameters);
    expect(judge(request, BOUND)).not.toBe("allow");
  });

  it.each<[Method, string, string]>([
    ["GET", "/v1/charges", "customer=cus_mine&limit=3"],
    ["GET", "/v1/customers/cus_mine", ""],
    ["GET", "/v1/customers/cus_mine/balance_transactions", ""],
    ["GET", "/v1/products", ""],
    ["GET", "/v1/prices/price_1", ""],
    ["GET", "/v1/coupons/anything", ""],
    ["GET", "/v1/tax_rates", ""],
    ["POST", "/v1/payment_intents", `${BODY}&customer=cus_mine`],
    ["POST", "/v1/invoices", "customer=cus_mine"],
    ["POST", "/v1/customers/cus_mine", "name=x"],
    ["POST", "/v1/tax_ids", "type=eu_vat&value=x&owner[customer]=cus_mine"],
  ])("but not %s %s with `%s`", (method, path, parameters) => {
    expect(scopeOf(method, path, parameters)).toMatchObject({ isOpen: false, owned: [] });
    const request =
      method === "GET"
        ? requestOf(method, path, "", { query: parameters === "" ? null : parameters })
        : requestOf(method, path, parameters);
    expect(judge(request, BOUND)).toBe("allow");
  });
});

describe("readOwner", () => {
  const object = { objectId: "xx_1", read: { method: "GET", path: "/", query: null, body: null } } as const;

  it.each<[string, unknown, number, string | null]>([
    ["its customer", { customer: "cus_1" }, 200, "cus_1"],
    ["its expanded customer", { customer: { id: "cus_1" } }, 200, "cus_1"],
    ["its account of v2", { customer: null, customer_account: "acct_1" }, 200, "acct_1"],
    ["its charge's customer", { charge: { customer: "cus_1" } }, 200, "cus_1"],
    ["its intent's customer", { charge: null, payment_intent: { customer: "cus_1" } }, 200, "cus_1"],
    ["its source's customer", { source: { customer: "cus_1" } }, 200, "cus_1"],
    ["nobody, with a charge that was not expanded", { charge: "ch_1" }, 200, null],
    ["nobody", { customer: null }, 200, null],
    ["nobody, when it is not there", { error: {} }, 404, null],
    ["nobody, by an answer that is no object", [], 200, null],
    ["nobody, by a customer that is no id", { customer: 1 }, 200, null],
  ])("finds %s", (_what, body, status, owner) => {
    expect(stripe.readOwner(object, answerOf(body, status))).toBe(owner);
    const isAllowed = judgeOwner(policyOf({ customers: ["cus_1"] }), "xx_1", owner) === null;
    expect(isAllowed).toBe(owner === "cus_1");
  });
});
