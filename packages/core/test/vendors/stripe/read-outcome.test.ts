import { describe, expect, it } from "vitest";
import type { Operation } from "../../../src/operation.ts";
import type { Outcome } from "../../../src/outcome.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { VendorAnswer } from "../../../src/vendors/vendor.ts";
import { DOLLARS, operationOf, requestOf } from "../../stripe-requests.ts";

function answerOf(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): VendorAnswer {
  return {
    status,
    header: (name) => headers[name.toLowerCase()] ?? null,
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

const outcomeOf = (operation: Operation, answer: VendorAnswer) =>
  stripe.readOutcome(operation, answer, DOLLARS);

const CREATE = operationOf(requestOf("POST", "/v1/payment_intents", "amount=1000&currency=usd"));
const CONFIRM = operationOf(requestOf("POST", "/v1/payment_intents/pi_1/confirm"));
const CANCEL = operationOf(requestOf("POST", "/v1/payment_intents/pi_1/cancel"));
const CHARGE = operationOf(requestOf("POST", "/v1/charges", "amount=1000&currency=usd"));
const REFUND = operationOf(requestOf("POST", "/v1/refunds", "charge=ch_1&amount=300"));
const TRANSFER = operationOf(
  requestOf("POST", "/v1/transfers", "amount=1000&currency=usd&destination=acct_1"),
);
const PAYOUT = operationOf(requestOf("POST", "/v1/payouts", "amount=1000&currency=usd"));
const CANCEL_PAYOUT = operationOf(requestOf("POST", "/v1/payouts/po_1/cancel"));
const CUSTOMER = operationOf(requestOf("POST", "/v1/customers", "name=x"));

const INTENT = {
  id: "pi_1",
  object: "payment_intent",
  currency: "usd",
  amount: 1000,
  amount_received: 0,
  customer: null,
};

function settled(
  objectId: string | null,
  amount: bigint | null,
  exposure: { amount: bigint; isFinal: boolean } | null = null,
  currency: string | null = amount === null ? null : "usd",
  customerId: string | null = null,
): Outcome {
  const whole = exposure && { objectId: objectId ?? "", currency: currency ?? "", ...exposure };
  return { kind: "settled", amount, currency, exposure: whole, objectId, customerId };
}

describe("readStripeOutcome: a payment intent", () => {
  it.each([
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "processing",
    "a status of tomorrow",
  ])("counts whole while it is `%s`, because it can still be confirmed", (status) => {
    expect(outcomeOf(CREATE, answerOf({ ...INTENT, status }))).toEqual(
      settled("pi_1", 1000n, { amount: 1000n, isFinal: false }),
    );
  });

  it.each([
    ["succeeded", 1000],
    ["succeeded", 600],
    ["canceled", 0],
    ["canceled", 600],
  ])("counts what was received once it is `%s`: %i", (status, received) => {
    const answer = answerOf({ ...INTENT, status, amount_received: received });
    expect(outcomeOf(CONFIRM, answer)).toEqual(
      settled("pi_1", BigInt(received), { amount: BigInt(received), isFinal: true }),
    );
  });

  it("gives back a canceled intent", () => {
    expect(outcomeOf(CANCEL, answerOf({ ...INTENT, status: "canceled" }))).toEqual(
      settled("pi_1", 0n, { amount: 0n, isFinal: true }),
    );
  });

  it("does not count down an intent whose status is no text", () => {
    const outcome = outcomeOf(CREATE, answerOf({ ...INTENT, status: ["succeeded"] }));
    expect(outcome).toMatchObject({ amount: 1000n, exposure: { isFinal: false } });
  });
});

describe("readStripeOutcome: a charge", () => {
  const charge = {
    id: "ch_1",
    currency: "usd",
    amount: 1000,
    amount_captured: 1000,
    captured: true,
    customer: "cus_1",
  };

  it("counts what was captured", () => {
    expect(outcomeOf(CHARGE, answerOf({ ...charge, amount_captured: 600 }))).toEqual(
      settled("ch_1", 600n, { amount: 600n, isFinal: true }, "usd", "cus_1"),
    );
  });

  it.each([false, null, "true", 1, undefined])("counts whole while `captured` is %s", (captured) => {
    expect(outcomeOf(CHARGE, answerOf({ ...charge, captured, amount_captured: 0 }))).toMatchObject(
      settled("ch_1", 1000n, { amount: 1000n, isFinal: false }, "usd", "cus_1"),
    );
  });
});

describe("readStripeOutcome: refunds, transfers and payouts", () => {
  const object = { id: "xx_1", currency: "usd", amount: 300 };

  it.each(["succeeded", "pending", "requires_action", null])("counts a refund that is %s", (status) => {
    expect(outcomeOf(REFUND, answerOf({ ...object, status }))).toEqual(settled("xx_1", 300n));
  });

  it.each(["failed", "canceled"])("counts nothing for a refund that is %s", (status) => {
    expect(outcomeOf(REFUND, answerOf({ ...object, status }))).toEqual(settled("xx_1", 0n));
  });

  it("counts a transfer", () => {
    expect(outcomeOf(TRANSFER, answerOf(object))).toEqual(settled("xx_1", 300n));
  });

  it.each(["pending", "in_transit", "paid"])("counts a payout that is %s, which can still fail", (status) => {
    expect(outcomeOf(PAYOUT, answerOf({ ...object, status }))).toEqual(
      settled("xx_1", 300n, { amount: 300n, isFinal: false }),
    );
  });

  it.each(["failed", "canceled"])("gives back a payout that is %s", (status) => {
    expect(outcomeOf(CANCEL_PAYOUT, answerOf({ ...object, status }))).toEqual(
      settled("xx_1", 0n, { amount: 0n, isFinal: true }),
    );
  });
});

describe("readStripeOutcome: what moves no money", () => {
  it("settles to nothing and names the object", () => {
    expect(outcomeOf(CUSTOMER, answerOf({ id: "cus_1", amount: 500, currency: "usd" }))).toEqual(
      settled("cus_1", null),
    );
  });

  it("reads the id of an expanded customer", () => {
    const answer = answerOf({
      ...INTENT,
      status: "processing",
      customer: { id: "cus_9", object: "customer" },
    });
    expect(outcomeOf(CREATE, answer)).toMatchObject({ customerId: "cus_9" });
  });

  it("does not fall over an object nested 200,000 deep", () => {
    const body = `${'{"id":'.repeat(200_000)}1${"}".repeat(200_000)}`;
    expect(outcomeOf(CUSTOMER, answerOf(body)).kind).toBe("settled");
  });
});

describe("readStripeOutcome: a refusal releases, because nothing happened", () => {
  const error = { error: { type: "invalid_request_error", code: "parameter_missing", message: "x" } };

  it.each([400, 401, 402, 403, 404, 429])("status %i", (status) => {
    expect(outcomeOf(REFUND, answerOf(error, status))).toEqual({
      kind: "refused",
      vendorCode: "parameter_missing",
    });
  });

  it("a decline of a charge", () => {
    const declined = {
      error: { type: "card_error", code: "card_declined", decline_code: "generic", charge: "ch_1" },
    };
    expect(outcomeOf(CHARGE, answerOf(declined, 402))).toEqual({
      kind: "refused",
      vendorCode: "card_declined",
    });
  });

  it("an error without a code", () => {
    expect(outcomeOf(REFUND, answerOf({ error: { type: "api_error" } }, 400))).toEqual({
      kind: "refused",
      vendorCode: null,
    });
  });

  it("a lock conflict", () => {
    const locked = { error: { type: "invalid_request_error", code: "lock_timeout" } };
    expect(outcomeOf(REFUND, answerOf(locked, 409)).kind).toBe("refused");
    expect(outcomeOf(REFUND, answerOf(locked, 429)).kind).toBe("refused");
  });

  const left = { ...INTENT, status: "requires_payment_method", client_secret: "pi_1_secret_x" };

  it("a decline of a confirmation, after which the intent is what it was before", () => {
    const declined = { error: { type: "card_error", code: "card_declined", payment_intent: left } };
    expect(outcomeOf(CONFIRM, answerOf(declined, 402))).toEqual({
      kind: "refused",
      vendorCode: "card_declined",
    });
  });

  /** No money moved. The intent it leaves behind counts again as soon as somebody confirms it through the proxy. */
  it("also a declined creation that leaves an open intent behind", () => {
    const declined = { error: { type: "card_error", code: "card_declined", payment_intent: left } };
    expect(outcomeOf(CREATE, answerOf(declined, 402)).kind).toBe("refused");
  });
});

describe("readStripeOutcome: a conflict that proves nothing stays unknown", () => {
  it.each([
    ["a key in use", { type: "idempotency_error", code: "idempotency_key_in_use" }],
    [
      "a key in use, as older versions say it",
      { type: "idempotency_error", message: "another in-progress request" },
    ],
    ["no code", { type: "api_error" }],
    ["another code", { type: "invalid_request_error", code: "something_new" }],
    ["a code that is no text", { code: 409 }],
  ])("409 with %s", (_what, error) => {
    expect(outcomeOf(REFUND, answerOf({ error }, 409)).kind).toBe("unknown");
  });

  it.each([400, 429])("a key in use under status %i", (status) => {
    const answer = answerOf({ error: { code: "idempotency_key_in_use" } }, status);
    expect(outcomeOf(REFUND, answer).kind).toBe("unknown");
  });
});

describe("readStripeOutcome: anything that proves neither stays unknown, and charged", () => {
  const refund = { id: "re_1", currency: "usd", amount: 300, status: "succeeded" };

  it.each([500, 502, 503, 504, 520])("A9: status %i, whatever its body says", (status) => {
    expect(outcomeOf(REFUND, answerOf(refund, status)).kind).toBe("unknown");
    expect(outcomeOf(REFUND, answerOf({ error: { code: "api_error" } }, status)).kind).toBe("unknown");
  });

  it.each([0, 100, 101, 199, 300, 301, 302, 304, 307, 405, 406, 408, 410, 415, 422, 424, 451, 499])(
    "status %i, which is on no list",
    (status) => {
      expect(outcomeOf(REFUND, answerOf(refund, status)).kind).toBe("unknown");
      expect(outcomeOf(REFUND, answerOf({ error: { code: "x" } }, status)).kind).toBe("unknown");
    },
  );

  it.each([
    ["nothing", ""],
    ["a truncated answer", '{"id":"re_1","amount":300,"curr'],
    ["trailing data", '{"id":"re_1","amount":300,"currency":"usd"}{}'],
    ["HTML", "<html>Bad gateway</html>"],
    ["a list", '[{"id":"re_1"}]'],
    ["a text", '"re_1"'],
    ["null", "null"],
    ["a number", "300"],
    ["NaN", '{"id":"re_1","amount":NaN,"currency":"usd"}'],
  ])("A10: a body of %s, under success and refusal alike", (_what, body) => {
    for (const status of [200, 201, 400, 402, 404, 429]) {
      expect(outcomeOf(REFUND, answerOf(body, status)).kind).toBe("unknown");
    }
  });

  it.each([
    ["no amount", { amount: undefined }],
    ["an amount of null", { amount: null }],
    ["a fraction", { amount: 300.5 }],
    ["a negative amount", { amount: -300 }],
    ["an amount as text", { amount: "300" }],
    ["an amount in a list", { amount: [300] }],
    ["an amount beyond 2^53", { amount: 2 ** 53 }],
    ["no currency", { currency: undefined }],
    ["a currency that is no text", { currency: 840 }],
    ["no id", { id: undefined }],
    ["an id that is no text", { id: 1 }],
  ])("a success with %s", (_what, change) => {
    const operations = [CREATE, CHARGE, REFUND, TRANSFER, PAYOUT, CANCEL];
    const object = { ...refund, captured: true, amount_captured: 300, amount_received: 300, ...change };
    for (const operation of operations) {
      expect(outcomeOf(operation, answerOf(object)).kind).toBe("unknown");
    }
  });

  it.each([
    [
      "a succeeded intent without what was received",
      CONFIRM,
      { ...INTENT, status: "succeeded", amount_received: null },
    ],
    ["a captured charge without what was captured", CHARGE, { ...refund, captured: true }],
    ["an amount too large for JSON", REFUND, '{"id":"re_1","currency":"usd","amount":9007199254740993}'],
    ["an infinite amount", REFUND, '{"id":"re_1","currency":"usd","amount":1e400}'],
  ])("%s", (_what, operation, body) => {
    expect(outcomeOf(operation, answerOf(body)).kind).toBe("unknown");
  });

  it.each([
    ["no error", {}],
    ["an error of null", { error: null }],
    ["an error as text", { error: "invalid_grant" }],
    ["an error as a list", { error: [] }],
    ["the object that was asked for", refund],
  ])("a refusal with %s", (_what, body) => {
    expect(outcomeOf(REFUND, answerOf(body, 400)).kind).toBe("unknown");
  });

  it("a success that is an error", () => {
    expect(outcomeOf(REFUND, answerOf({ error: { code: "x" } })).kind).toBe("unknown");
  });

  it("but takes every 2xx for the success that it is", () => {
    for (const status of [200, 201, 202, 299]) {
      expect(outcomeOf(REFUND, answerOf(refund, status))).toMatchObject({
        kind: "settled",
        amount: 300n,
      });
    }
  });

  it("reads 1e2 and 100.0 as the whole numbers that they are", () => {
    for (const amount of ["1e2", "100.0", "100"]) {
      const body = `{"id":"re_1","currency":"usd","amount":${amount}}`;
      expect(outcomeOf(REFUND, answerOf(body))).toMatchObject({ kind: "settled", amount: 100n });
    }
  });
});
