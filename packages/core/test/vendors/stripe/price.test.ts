import { describe, expect, it } from "vitest";
import type { Price, PriceLookup } from "../../../src/operation.ts";
import type { KnownExposure } from "../../../src/ports.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { Pricing, VendorAnswer } from "../../../src/vendors/vendor.ts";
import { DOLLARS, judge, operationOf, RATES, requestOf } from "../../stripe-requests.ts";

function answerOf(body: unknown, status = 200): VendorAnswer {
  return { status, header: () => null, body: typeof body === "string" ? body : JSON.stringify(body) };
}

function priceOf(path: string, form: string, pricing: Pricing = DOLLARS): Price {
  return operationOf(requestOf("POST", path, form), pricing).price;
}

function lookupOf(path: string, form = ""): PriceLookup {
  const price = priceOf(path, form);
  if (price.kind !== "lookup") throw new TypeError(`${path} is ${price.kind}`);
  return price.lookup;
}

describe("P1: a stated amount is priced by the vendor's own decimals, or refused", () => {
  it.each([
    ["usd", "500000", 5_000_000_000n],
    ["USD", "500000", 5_000_000_000n],
    ["eur", "500000", 5_500_000_000n],
    ["jpy", "500000", 5_000_000_000n],
    ["JPY", "500000", 5_000_000_000n],
    ["kwd", "500000", 1_500_000_000n],
    ["isk", "500000", 50_000_000n],
    ["ugx", "500000", 1_500_000n],
    ["mga", "500000", 100_000_000n],
  ])("P1: amount=500000&currency=%s", (currency, amount, micros) => {
    for (const path of ["/v1/payment_intents", "/v1/charges", "/v1/payouts", "/v1/transfers"]) {
      expect(priceOf(path, `amount=${amount}&currency=${currency}`, RATES)).toEqual({
        kind: "known",
        amount: BigInt(amount),
        currency: currency.toLowerCase(),
        micros,
      });
    }
  });

  it.each([
    ["no currency", "amount=100"],
    ["no amount", "currency=usd"],
    ["nothing", "description=x"],
    ["a currency without a rate", "amount=100&currency=chf"],
  ])("P1: refuses %s as unpriced", (_what, form) => {
    for (const path of ["/v1/payment_intents", "/v1/charges", "/v1/payouts", "/v1/transfers"]) {
      expect(judge(requestOf("POST", path, form))).toBe("unpriced");
    }
  });

  it.each([
    "currency=",
    "currency=us",
    "currency=usdd",
    "currency=u5d",
    "currency=%20usd",
    "currency=usd%0a",
    "currency=ＵＳＤ",
    "currency=US%E2%84%AA",
  ])("P1: refuses `%s`", (currency) => {
    expect(judge(requestOf("POST", "/v1/payment_intents", `amount=100&${currency}`))).toBe(
      "request_malformed",
    );
  });
});

describe("the price of each endpoint", () => {
  const free: Price = { kind: "free" };
  const usd = (amount: bigint): Price => ({
    kind: "known",
    amount,
    currency: "usd",
    micros: amount * 10_000n,
  });
  const lookup = (
    path: string,
    objectId: string | null,
    basis: string,
    amount: bigint | null = null,
    currency: string | null = null,
    query: string | null = null,
  ): Price => ({
    kind: "lookup",
    lookup: { reads: [{ method: "GET", path, query, body: null }], objectId, amount, currency, basis },
  });
  const intent = "/v1/payment_intents/pi_1";
  const charge = "/v1/charges/ch_1";

  it.each<[path: string, form: string, Price, exposureId: string | null]>([
    ["/v1/payment_intents", "amount=100&currency=usd&confirm=true", usd(100n), null],
    ["/v1/payment_intents/pi_1", "amount=100&currency=usd", usd(100n), "pi_1"],
    ["/v1/payment_intents/pi_1", "amount=100", lookup(intent, "pi_1", "amount", 100n), "pi_1"],
    ["/v1/payment_intents/pi_1", "currency=JPY", lookup(intent, "pi_1", "amount", null, "jpy"), "pi_1"],
    ["/v1/payment_intents/pi_1", "description=x", free, "pi_1"],
    ["/v1/payment_intents/pi_1/confirm", "", lookup(intent, "pi_1", "amount"), "pi_1"],
    ["/v1/payment_intents/pi_1/confirm", "amount_to_confirm=7", lookup(intent, "pi_1", "amount", 7n), "pi_1"],
    ["/v1/payment_intents/pi_1/capture", "", lookup(intent, "pi_1", "capturable"), "pi_1"],
    [
      "/v1/payment_intents/pi_1/increment_authorization",
      "amount=900",
      lookup(intent, "pi_1", "amount", 900n),
      "pi_1",
    ],
    ["/v1/payment_intents/pi_1/cancel", "", free, "pi_1"],
    ["/v1/charges", "amount=100&currency=usd&source=tok_1", usd(100n), null],
    ["/v1/charges/ch_1", "description=x", free, null],
    ["/v1/charges/ch_1/capture", "", lookup(charge, "ch_1", "capturable"), "ch_1"],
    ["/v1/charges/ch_1/capture", "amount=60", lookup(charge, "ch_1", "capturable", 60n), "ch_1"],
    ["/v1/refunds", "charge=ch_1", lookup(charge, null, "refundable"), null],
    ["/v1/refunds", "charge=ch_1&amount=30", lookup(charge, "ch_1", "refundable", 30n), null],
    [
      "/v1/refunds",
      "payment_intent=pi_1",
      lookup(intent, null, "refundable", null, null, "expand[]=latest_charge"),
      null,
    ],
    ["/v1/refunds", "origin=customer_balance&customer=cus_1&amount=30&currency=usd", usd(30n), null],
    ["/v1/refunds/re_1", "metadata[a]=b", free, null],
    ["/v1/refunds/re_1/cancel", "", free, null],
    ["/v1/transfers", "amount=100&currency=usd&destination=acct_1", usd(100n), null],
    ["/v1/transfers/tr_1", "description=x", free, null],
    ["/v1/payouts", "amount=100&currency=usd", usd(100n), null],
    ["/v1/payouts/po_1", "metadata[a]=b", free, null],
    ["/v1/payouts/po_1/cancel", "", free, "po_1"],
    ["/v1/customers", "email=a@example.com", free, null],
    ["/v1/customers/cus_1", "name=x", free, null],
  ])("POST %s with `%s`", (path, form, price, exposureId) => {
    expect(operationOf(requestOf("POST", path, form))).toMatchObject({ price, exposureId });
  });

  it("DELETE /v1/customers/cus_1 is free", () => {
    expect(operationOf(requestOf("DELETE", "/v1/customers/cus_1")).price).toEqual(free);
  });
});

describe("a refund is refused when it does not say in one way what it gives back", () => {
  it.each([
    ["no object", ""],
    ["an amount alone", "amount=100"],
    ["an amount and a currency, without an origin", "amount=100&currency=usd"],
    ["two objects", "charge=ch_1&payment_intent=pi_1"],
    ["an object that is a path", "charge=ch_1%2F..%2F..%2Fpayouts"],
    ["an object that is a query", "charge=ch_1%3Fexpand[]=x"],
    ["an object behind a path", "charge=..%2Fpayouts%2Fch_1"],
    ["an object behind a space", "charge=x%20ch_1"],
    ["an object without a prefix", "charge=search"],
    ["an empty object", "charge="],
    ["an object with a space", "charge=ch_1%20"],
    ["a balance without an amount", "origin=customer_balance&customer=cus_1&currency=usd"],
    ["a balance without a currency", "origin=customer_balance&customer=cus_1&amount=30"],
    ["the application fee too", "charge=ch_1&refund_application_fee=true"],
    ["the application fee too, as older Python writes it", "charge=ch_1&refund_application_fee=True"],
    ["the application fee too, as a number", "charge=ch_1&refund_application_fee=1"],
    // The charge decides the currency, the balance lets the request state one: 10,000 shillings or 100 dollars?
    ["a charge beside a customer's balance", "charge=ch_1&origin=customer_balance&amount=10000&currency=usd"],
    [
      "a payment intent beside a balance",
      "payment_intent=pi_1&origin=customer_balance&amount=10000&currency=usd",
    ],
  ])("%s: `%s`", (_what, form) => {
    expect(judge(requestOf("POST", "/v1/refunds", form))).not.toBe("allow");
  });

  it("a balance in the query beside a charge in the body", () => {
    const request = requestOf("POST", "/v1/refunds", "charge=ch_1&amount=10000", {
      query: "origin=customer_balance",
    });
    expect(judge(request)).not.toBe("allow");
  });

  it("lets an application fee be that explicitly stays", () => {
    expect(priceOf("/v1/refunds", "charge=ch_1&refund_application_fee=false").kind).toBe("lookup");
  });
});

describe("an amount or currency that the endpoint does not take never sets its price", () => {
  /** Refused, or priced by the field that Stripe goes by. */
  function amountOf(path: string, form: string): bigint | "refused" | null {
    const request = requestOf("POST", path, form);
    if (judge(request, undefined, RATES) !== "allow") return "refused";
    const { price } = operationOf(request, RATES);
    if (price.kind === "known") return price.amount;
    return price.kind === "lookup" ? price.lookup.amount : null;
  }

  it.each([
    ["update goes by `amount`", "/v1/payment_intents/pi_1", "amount=99999&amount_to_capture=1", 99_999n],
    ["update goes by `amount`", "/v1/payment_intents/pi_1", "amount=99999&amount_to_confirm=1", 99_999n],
    [
      "increment goes by `amount`",
      "/v1/payment_intents/pi_1/increment_authorization",
      "amount=99999&amount_to_capture=1",
      99_999n,
    ],
    [
      "increment goes by `amount`",
      "/v1/payment_intents/pi_1/increment_authorization",
      "amount=99999&amount_to_confirm=1",
      99_999n,
    ],
    [
      "a charge's capture goes by `amount`",
      "/v1/charges/ch_1/capture",
      "amount=99999&amount_to_capture=1",
      99_999n,
    ],
    ["capture goes by all that can be captured", "/v1/payment_intents/pi_1/capture", "amount=1", null],
    [
      "capture goes by all that can be captured",
      "/v1/payment_intents/pi_1/capture",
      "amount_to_confirm=1",
      null,
    ],
    ["confirm goes by the whole amount", "/v1/payment_intents/pi_1/confirm", "amount_to_capture=1", null],
    ["confirm goes by the whole amount", "/v1/payment_intents/pi_1/confirm", "amount=1", null],
    [
      "confirm goes by `amount_to_confirm`",
      "/v1/payment_intents/pi_1/confirm",
      "amount_to_confirm=99999&amount_to_capture=1",
      99_999n,
    ],
    [
      "create goes by `amount`",
      "/v1/payment_intents",
      "amount=99999&amount_to_capture=1&currency=usd",
      99_999n,
    ],
  ])("%s: POST %s with `%s`", (_what, path, form, amount) => {
    expect(["refused", amount]).toContain(amountOf(path, form));
  });

  it.each([
    ["/v1/payment_intents/pi_1/capture", "amount_to_capture=99999"],
    ["/v1/payment_intents/pi_1/confirm", "amount_to_confirm=99999"],
    ["/v1/payment_intents/pi_1/increment_authorization", "amount=99999"],
    ["/v1/charges/ch_1/capture", "amount=99999"],
    ["/v1/refunds", "charge=ch_1&amount=99999"],
  ])("the currency of POST %s is the object's, not one that the request claims", (path, form) => {
    const request = requestOf("POST", path, `${form}&currency=ugx`);
    if (judge(request, undefined, RATES) !== "allow") return;
    expect(operationOf(request, RATES).price).toMatchObject({ kind: "lookup", lookup: { currency: null } });
  });
});

describe("a customer's credit is money", () => {
  it.each(["balance=-100000", "balance=100000", "balance=0"])(
    "POST /v1/customers with `%s` is not free",
    (form) => {
      for (const path of ["/v1/customers", "/v1/customers/cus_1"]) {
        expect(judge(requestOf("POST", path, form))).not.toBe("allow");
        expect(judge(requestOf("POST", path, "", { query: form }))).not.toBe("allow");
      }
    },
  );
});

const INTENT = {
  id: "pi_1",
  object: "payment_intent",
  currency: "usd",
  amount: 1000,
  amount_capturable: 400,
};
const CHARGE = {
  id: "ch_1",
  object: "charge",
  currency: "usd",
  amount: 1000,
  amount_captured: 900,
  amount_refunded: 250,
};

/** The price of a call whose one read is answered so. */
function priceAfter(path: string, form: string, answer: VendorAnswer, pricing: Pricing = RATES): Price {
  const operation = operationOf(requestOf("POST", path, form), pricing);
  if (operation.price.kind !== "lookup") throw new TypeError(operation.price.kind);
  return stripe.priceFromAnswers(operation, operation.price.lookup, [answer], pricing);
}

describe("priceFromAnswers", () => {
  it.each<[path: string, form: string, object: unknown, amount: bigint, currency: string]>([
    ["/v1/payment_intents/pi_1/confirm", "", INTENT, 1000n, "usd"],
    ["/v1/payment_intents/pi_1/confirm", "amount_to_confirm=7", INTENT, 7n, "usd"],
    ["/v1/payment_intents/pi_1", "amount=2000", INTENT, 2000n, "usd"],
    ["/v1/payment_intents/pi_1", "currency=eur", INTENT, 1000n, "eur"],
    ["/v1/payment_intents/pi_1/capture", "", INTENT, 400n, "usd"],
    ["/v1/payment_intents/pi_1/capture", "", { ...INTENT, amount_received: 100 }, 500n, "usd"],
    ["/v1/charges/ch_1/capture", "amount=60", CHARGE, 60n, "usd"],
    ["/v1/refunds", "charge=ch_1", CHARGE, 650n, "usd"],
    ["/v1/refunds", "charge=ch_1&amount=30", CHARGE, 30n, "usd"],
    ["/v1/refunds", "payment_intent=pi_1", { ...INTENT, latest_charge: CHARGE }, 650n, "usd"],
  ])("of POST %s with `%s`", (path, form, object, amount, currency) => {
    expect(priceAfter(path, form, answerOf(object))).toMatchObject({ kind: "known", amount, currency });
  });

  it.each([
    ["a charge that is refunded whole", "charge=ch_1", { ...CHARGE, amount_refunded: 900 }],
    ["a charge that is refunded over", "charge=ch_1", { ...CHARGE, amount_refunded: 901 }],
    ["an intent whose charge was not shown", "payment_intent=pi_1", { ...INTENT, latest_charge: "ch_1" }],
    ["an intent without a charge", "payment_intent=pi_1", { ...INTENT, latest_charge: null }],
  ])("refuses to refund %s, where nothing is known to be left", (_what, form, object) => {
    expect(priceAfter("/v1/refunds", form, answerOf(object)).kind).toBe("unpriced");
  });

  it.each<[string, unknown, number]>([
    ["a missing object", { error: { message: "No such payment_intent" } }, 404],
    ["an object under another status", INTENT, 201],
    ["a broken answer", '{"id":"pi_1"', 200],
    ["no JSON", "<html>", 200],
    ["a list", [INTENT], 200],
    ["no currency", { ...INTENT, currency: null }, 200],
    ["no amount", { ...INTENT, amount: undefined }, 200],
    ["a fraction", { ...INTENT, amount: 10.5 }, 200],
    ["a negative amount", { ...INTENT, amount: -1000 }, 200],
    ["an amount as text", { ...INTENT, amount: "1000" }, 200],
    ["an amount beyond 2^53", '{"currency":"usd","amount":9007199254740993}', 200],
    ["a currency without a rate", { ...INTENT, currency: "chf" }, 200],
  ])("gives no price for %s", (_what, body, status) => {
    expect(priceAfter("/v1/payment_intents/pi_1/confirm", "", answerOf(body, status)).kind).toBe("unpriced");
  });
});

describe("priceFromMemory", () => {
  const known = { amount: 1000n, currency: "usd" } as KnownExposure;

  it("prices a confirmation by what was counted for the intent", () => {
    const lookup = lookupOf("/v1/payment_intents/pi_1/confirm");
    expect(stripe.priceFromMemory(lookup, known, DOLLARS)).toMatchObject({ kind: "known", amount: 1000n });
  });

  it("never says what is left to refund", () => {
    const lookup = lookupOf("/v1/refunds", "charge=ch_1");
    expect(lookup.objectId).toBeNull();
    expect(stripe.priceFromMemory(lookup, known, DOLLARS)).toBeNull();
  });
});
