import { describe, expect, it } from "vitest";
import { isMethod } from "../../../src/endpoint.ts";
import type { Operation } from "../../../src/operation.ts";
import { findStripeEndpoint, listStripeEndpoints } from "../../../src/vendors/stripe/catalogue.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { VendorAnswer, VendorRequest } from "../../../src/vendors/vendor.ts";
import { judge, operationOf, policyOf, RATES, requestOf } from "../../stripe-requests.ts";
import { inCurrency, MONEY_CASES, PRICELESS_RULES } from "./money-cases.ts";

/** Micro-dollars of one minor unit under the test's rates. */
const MICROS: Readonly<Record<string, bigint>> = { usd: 10_000n, jpy: 10_000n, kwd: 3_000n };

function answerOf(object: unknown): VendorAnswer {
  return { status: 200, header: () => null, body: JSON.stringify(object) };
}

function ask(call: string, body: string): VendorRequest {
  const [method = "", path = ""] = call.split(" ");
  if (!isMethod(method)) throw new TypeError(method);
  if (method === "DELETE") return requestOf(method, path, "", { query: body });
  if (path.startsWith("/v2/")) return requestOf(method, path, body, { contentType: "application/json" });
  return requestOf(method, path, body);
}

/** The operation with its price, as the pipeline finds it, and the reads that this took. */
function priced(call: string, body: string, reads: readonly object[]): Operation {
  const operation = operationOf(ask(call, body), RATES);
  if (operation.price.kind !== "lookup") return operation;
  const { lookup } = operation.price;
  expect(lookup.reads).toHaveLength(reads.length);
  for (const read of lookup.reads) {
    const endpoint = findStripeEndpoint(read.method, read.path)?.endpoint;
    expect(endpoint?.quote, `${read.path} must be a known read without a cost`).toBe("none");
  }
  return { ...operation, price: stripe.priceFromAnswers(operation, lookup, reads.map(answerOf), RATES) };
}

describe.each(["usd", "jpy", "kwd"])("what a call is held for and settles, in %s", (chosen) => {
  it.each(MONEY_CASES.map((one) => [one.call, inCurrency(one, chosen)] as const))("%s", (call, one) => {
    const { currency } = one;
    const operation = priced(call, one.body, one.reads ?? []);
    const micros = one.price * (MICROS[currency] ?? 0n);
    expect(operation.price).toEqual({ kind: "known", amount: one.price, currency, micros });
    expect(operation.exposureId).toBe(one.exposureId ?? null);
    const outcome = stripe.readOutcome(operation, answerOf(one.answer), RATES);
    const [objectId, amount, isFinal] = one.exposure ?? [];
    expect(outcome).toMatchObject({
      kind: "settled",
      amount: one.settled,
      currency,
      exposure: one.exposure === undefined ? null : { objectId, amount, currency, isFinal },
    });
  });
});

it("has a case for every endpoint with a price", () => {
  const covered = new Set(
    MONEY_CASES.map(({ call }) => {
      const [method = "", path = ""] = call.split(" ");
      return isMethod(method) ? findStripeEndpoint(method, path)?.endpoint.operation : null;
    }),
  );
  const missing = listStripeEndpoints().filter(
    ({ operation, quote }) => !PRICELESS_RULES.has(quote) && !covered.has(operation),
  );
  expect(missing.map(({ operation }) => operation)).toEqual([]);
});

describe("final states give back what was counted", () => {
  it.each<[string, object, string]>([
    ["POST /v1/payment_intents/pi_1/cancel", { amount: 9, amount_received: 0, status: "canceled" }, "pi_1"],
    ["POST /v1/payouts/po_1/cancel", { amount: 9, status: "canceled" }, "po_1"],
    ["POST /v1/topups/tu_1/cancel", { amount: 9, status: "canceled" }, "tu_1"],
    ["POST /v1/invoices/in_1/void", { amount_due: 9, amount_paid: 0, status: "void" }, "in_1"],
    ["POST /v1/checkout/sessions/cs_1/expire", { amount_total: 9, status: "expired" }, "cs_1"],
    ["POST /v1/climate/orders/co_1/cancel", { amount_total: 9, status: "canceled" }, "co_1"],
    ["POST /v1/treasury/outbound_payments/obp_1/cancel", { amount: 9, status: "canceled" }, "obp_1"],
    ["POST /v1/treasury/inbound_transfers/ibt_1/cancel", { amount: 9, status: "canceled" }, "ibt_1"],
  ])("%s", (call, object, id) => {
    const operation = operationOf(ask(call, ""), RATES);
    expect([operation.price.kind, operation.exposureId]).toEqual(["free", id]);
    expect(stripe.readOutcome(operation, answerOf({ id, currency: "usd", ...object }), RATES)).toMatchObject({
      kind: "settled",
      amount: 0n,
      exposure: { objectId: id, amount: 0n, isFinal: true },
    });
  });

  it.each(["failed", "returned", "canceled"])("a v2 payment that is %s", (status) => {
    const operation = operationOf(ask("POST /v2/money_management/payout_intents/pint_1/cancel", "{}"), RATES);
    const answer = answerOf({ id: "pint_1", amount: { value: "900", currency: "usd" }, status });
    expect(stripe.readOutcome(operation, answer, RATES)).toMatchObject({
      exposure: { objectId: "pint_1", amount: 0n, isFinal: true },
    });
  });
});

describe("what cannot be bounded is unpriced, never free", () => {
  it.each([
    ["POST /v1/payment_links", "line_items[0][price]=price_1"],
    ["POST /v1/payment_links/plink_1", "active=true"],
    ["POST /v1/checkout/sessions", "mode=payment"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&automatic_tax[enabled]=true"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&optional_items[0][price]=p_2"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&line_items[0][tax_rates][0]=txr_1"],
    ["POST /v1/checkout/sessions", "line_items[][price]=p_1"],
    ["POST /v1/checkout/sessions", "line_items[00][price]=p_1"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&line_items[0][quantity]=1e9"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&shipping_options[0][shipping_rate]=shr_1"],
    [
      "POST /v1/checkout/sessions",
      "line_items[0][amount]=1&line_items[0][quantity]=999&line_items[0][currency]=usd",
    ],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&shipping_rates[0]=shr_1"],
    ["POST /v1/checkout/sessions", "line_items[0][price]=p_1&subscription_data[items][0][plan]=gold"],
    ["POST /v1/subscriptions", "customer=cus_1&plan=gold&quantity=9"],
    ["POST /v1/subscriptions", "customer=cus_1&items[0][price]=p_1&billing_schedules[0][x]=1"],
    ["POST /v1/customers/cus_1/subscriptions", "plan=gold"],
    ["POST /v1/subscriptions/sub_1", "plan=gold"],
    ["POST /v1/subscriptions", "customer=cus_1&items[0][dearer]=1"],
    ["POST /v1/subscriptions", "customer=cus_1&items[][price]=p_1"],
    ["POST /v1/issuing/cards", "currency=usd&type=virtual"],
    ["POST /v1/issuing/cards/ic_1", "status=active"],
    ["POST /v1/subscription_schedules", "customer=cus_1"],
    ["POST /v1/subscription_items/si_1", "quantity=100"],
    ["DELETE /v1/subscription_items/si_1", ""],
    ["POST /v1/billing/meter_events", "event_name=x&payload[value]=1"],
    ["POST /v1/balance_settings", "payments[payouts][schedule][interval]=daily"],
    ["POST /v1/treasury/financial_accounts/fa_1/close", ""],
    ["POST /v1/climate/orders", "product=x&metric_tons=3"],
    ["POST /v1/customers", "balance=-5"],
    ["POST /v1/credit_notes", "amount=5"],
    ["POST /v1/transfers/tr_1/reversals", "refund_application_fee=true"],
    ["POST /v1/invoiceitems", "customer=cus_1"],
    ["POST /v1/invoiceitems/ii_1", "quantity=9"],
    ["POST /v2/money_management/outbound_payments", "{}"],
  ])("%s with `%s`", (call, body) => {
    const { price } = operationOf(ask(call, body), RATES);
    expect(price.kind).toBe("unpriced");
    if (price.kind === "unpriced") expect(price.reason.length).toBeGreaterThan(20);
  });

  it.each([
    ["metered", { recurring: { usage_type: "metered" } }],
    ["tiered", { billing_scheme: "tiered", unit_amount: null }],
    ["chosen by the customer", { custom_unit_amount: { minimum: 1 }, unit_amount: null }],
    ["for a package", { transform_quantity: { divide_by: 10, round: "up" } }],
    ["in another currency", { currency: "jpy" }],
    ["without an amount", { unit_amount: null }],
  ])("a price that is %s", (_what, change) => {
    const price = { id: "price_1", billing_scheme: "per_unit", unit_amount: 250, currency: "usd", ...change };
    const body = "mode=payment&currency=usd&line_items[0][price]=price_1";
    expect(priced("POST /v1/checkout/sessions", body, [price]).price.kind).toBe("unpriced");
  });

  it.each([
    ["POST /v1/payment_links/plink_1", "metadata[a]=b"],
    ["POST /v1/issuing/cards/ic_1", "metadata[a]=b"],
    ["POST /v1/subscriptions/sub_1", "metadata[a]=b&cancel_at_period_end=true"],
    ["DELETE /v1/subscriptions/sub_1", ""],
    ["POST /v1/invoices", "customer=cus_1"],
    ["POST /v1/invoices/in_1/pay", "paid_out_of_band=true"],
    ["POST /v1/invoices/in_1", "description=x"],
    ["POST /v1/checkout/sessions", "mode=setup"],
    ["POST /v1/test_helpers/test_clocks", "frozen_time=1"],
  ])("but %s with `%s` moves nothing and is free", (call, body) => {
    expect(operationOf(ask(call, body), RATES).price).toEqual({ kind: "free" });
  });
});

describe("an invoice that advances by itself needs its own permission", () => {
  const granted = policyOf({ allowed_endpoints: ["* /**"], stripe: { auto_advance: true } });

  it.each([
    "auto_advance=true",
    "auto_advance=True",
    "auto_advance=1",
    "automatically_finalizes_at=1790000000",
  ])("`%s`", (form) => {
    expect(judge(requestOf("POST", "/v1/invoices", form))).toBe("endpoint_not_allowed");
    expect(judge(requestOf("POST", "/v1/invoices", form), granted)).toBe("allow");
    expect(judge(requestOf("POST", "/v1/invoices/in_1", form))).toBe("endpoint_not_allowed");
    expect(judge(requestOf("POST", "/v1/invoices", `${form}&subscription=sub_1`), granted)).toBe("unpriced");
  });

  it("and counts as soon as its answer states an amount", () => {
    const operation = operationOf(ask("POST /v1/invoices", "auto_advance=true&customer=cus_1"), RATES);
    const draft = { id: "in_1", auto_advance: true, amount_due: 50, currency: "usd", status: "draft" };
    expect(stripe.readOutcome(operation, answerOf(draft), RATES)).toMatchObject({
      exposure: { objectId: "in_1", amount: 50n },
    });
    expect(stripe.readOutcome(operation, answerOf({ ...draft, auto_advance: false }), RATES)).toMatchObject({
      amount: null,
    });
  });
});

it("previews a subscription without its trial and discounts, which only put off what is charged", () => {
  const body =
    "customer=cus_1&items[0][price]=price_1&items[0][quantity]=2&trial_period_days=30&discounts[0][coupon]=c&add_invoice_items[0][price]=price_2&metadata[a]=b";
  const { price } = operationOf(ask("POST /v1/subscriptions", body), RATES);
  expect(price).toMatchObject({
    kind: "lookup",
    lookup: {
      reads: [
        {
          method: "POST",
          path: "/v1/invoices/create_preview",
          body: "customer=cus_1&subscription_details[items][0][price]=price_1&subscription_details[items][0][quantity]=2&invoice_items[0][price]=price_2",
        },
      ],
    },
  });
});

it("takes an update's preview without what only puts off the charge, and without discounts", () => {
  const body =
    "items[0][id]=si_1&items[0][price]=price_1&trial_end=1900000000&cancel_at_period_end=true&proration_behavior=none";
  const operation = operationOf(ask("POST /v1/subscriptions/sub_1", body), RATES);
  if (operation.price.kind !== "lookup") throw new TypeError(operation.price.kind);
  expect(operation.price.lookup.reads[0]?.body).toBe(
    "subscription=sub_1&subscription_details[items][0][id]=si_1&subscription_details[items][0][price]=price_1&subscription_details[proration_behavior]=none",
  );
  const discounted = { amount_due: 0, total: 0, subtotal: 5000, currency: "usd" };
  expect(
    stripe.priceFromAnswers(operation, operation.price.lookup, [answerOf(discounted)], RATES),
  ).toMatchObject({ kind: "known", amount: 5000n });
});

it("lets no name of a free map become a field of the preview", () => {
  const body = "customer=cus_1&items[0][price_data][metadata][a%26customer%3Dcus_2]=x";
  const operation = operationOf(ask("POST /v1/subscriptions", body), RATES);
  if (operation.price.kind !== "lookup") throw new TypeError(operation.price.kind);
  const sent = new URLSearchParams(operation.price.lookup.reads[0]?.body ?? "");
  expect(sent.getAll("customer")).toEqual(["cus_1"]);
});

it("counts an invoice once: lines, finalization and payment raise one exposure to its total", () => {
  const ids = [
    ["POST /v1/invoiceitems", "customer=cus_1&invoice=in_1&amount=50&currency=usd"],
    ["POST /v1/invoices/in_1/add_lines", "lines[0][amount]=50"],
    ["POST /v1/invoices/in_1/finalize", ""],
    ["POST /v1/invoices/in_1/pay", ""],
  ].map(([call = "", body = ""]) => operationOf(ask(call, body), RATES).exposureId);
  expect(ids).toEqual(["in_1", "in_1", "in_1", "in_1"]);
});
