import { describe, expect, test } from "vitest";
import { RESEND_PRICES, TWILIO_PRICES, USD_ONLY, VENDORS } from "../../../src/index.ts";
import { VENDOR_RECORDS } from "../../../src/vendors/records.ts";

const PRICING = {
  rates: USD_ONLY,
  prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
  today: "2026-11-23",
};
const FROM = new Date("2026-11-22T00:00:00Z");
const SPAN = { from: FROM, until: new Date("2026-11-23T00:00:00Z"), accountId: null };
const CREATED = FROM.getTime() / 1_000 + 60;

const { stripe } = VENDOR_RECORDS;
const [EVENTS, BALANCE] = stripe.lists(SPAN);
if (EVENTS === undefined || BALANCE === undefined) throw new TypeError("there are two lists");

function answerOf(body: unknown, status = 200) {
  return { status, header: () => null, body: typeof body === "string" ? body : JSON.stringify(body) };
}

function event(type: string, object: object, more: object = {}) {
  const request = { id: "req_1", idempotency_key: "key_1" };
  return { id: `evt_${type}`, object: "event", created: CREATED, type, request, data: { object }, ...more };
}

function readEvents(...data: readonly unknown[]) {
  const page = stripe.readPage(EVENTS as never, answerOf({ data, has_more: false }), SPAN, PRICING);
  return page?.records ?? expect.fail("it is a page");
}

const INTENT = {
  id: "pi_1",
  object: "payment_intent",
  amount: 1500,
  amount_received: 900,
  currency: "usd",
  status: "succeeded",
};
const CHARGE = {
  id: "ch_1",
  object: "charge",
  amount: 1500,
  amount_captured: 900,
  captured: true,
  currency: "usd",
  payment_intent: "pi_1",
};

describe("Stripe's records", () => {
  test("are read from endpoints that the catalogue knows, free of charge", () => {
    for (const read of stripe.lists(SPAN)) {
      const operation = VENDORS.stripe.readOperation(
        {
          method: read.method,
          path: read.path,
          query: read.query,
          contentType: null,
          idempotencyKey: null,
          account: null,
          body: Buffer.alloc(0),
        },
        { ...PRICING, accountId: null, policy: null },
      );
      expect(operation).toMatchObject({ path: read.path, price: { kind: "free" } });
      expect(operation).toHaveProperty("endpoint.operation");
    }
    expect(EVENTS.query).toContain(
      `created[gte]=${CREATED - 60}&created[lt]=${CREATED - 60 + 86_400}&limit=100`,
    );
  });

  test("name the request and the key that caused them, and say what the vendor's own rule says", () => {
    expect(readEvents(event("payment_intent.succeeded", INTENT))).toMatchObject([
      {
        kind: "payment_intent",
        objectIds: ["pi_1"],
        requestId: "req_1",
        idempotencyKey: "key_1",
        isAutomatic: false,
        outcome: {
          kind: "settled",
          amount: 900n,
          exposure: { objectId: "pi_1", amount: 900n, isFinal: true },
        },
      },
    ]);
  });

  test("a charge is its intent's; a refund is not its charge's", () => {
    const refunded = event(
      "charge.refunded",
      { ...CHARGE, amount_refunded: 500 },
      {
        data: { object: { ...CHARGE, amount_refunded: 500 }, previous_attributes: { amount_refunded: 200 } },
      },
    );
    const [charge, refund] = readEvents(event("charge.succeeded", CHARGE), refunded);
    expect(charge?.objectIds).toEqual(["ch_1", "pi_1"]);
    expect(refund).toMatchObject({ objectIds: [], outcome: { amount: 300n } });
  });

  test("what Stripe did by itself says so; labels and other objects are left out", () => {
    const automatic = event(
      "payout.paid",
      { id: "po_1", object: "payout", amount: 5, currency: "usd" },
      { request: null },
    );
    expect(readEvents(automatic)).toMatchObject([{ isAutomatic: true, requestId: null }]);
    expect(
      readEvents(
        event("charge.updated", CHARGE),
        event("customer.created", { id: "cus_1", object: "customer" }),
      ),
    ).toEqual([]);
  });

  test("a request that is told by its id alone is one", () => {
    const [record] = readEvents(event("payment_intent.succeeded", INTENT, { request: "req_old" }));
    expect(record).toMatchObject({ requestId: "req_old", idempotencyKey: null, isAutomatic: false });
  });

  test("a declined charge moved nothing", () => {
    const [record] = readEvents(event("charge.failed", { ...CHARGE, captured: false, status: "failed" }));
    expect(record?.outcome).toMatchObject({ amount: 0n, exposure: { amount: 0n, isFinal: true } });
  });

  test("balance transactions state what moved, without a sign", () => {
    const data = [
      { id: "txn_1", created: CREATED, source: "re_1", amount: -500, currency: "usd", type: "refund" },
      { id: "txn_2", created: CREATED, source: null, amount: -5, currency: "usd", type: "stripe_fee" },
    ];
    const page = stripe.readPage(BALANCE, answerOf({ data, has_more: false }), SPAN, PRICING);
    expect(page?.records).toMatchObject([
      { objectIds: ["re_1"], isAutomatic: true, outcome: { amount: 500n } },
    ]);
  });

  test("go on behind the last entry, also when none of a page is about money", () => {
    const data = [event("customer.created", { id: "cus_1", object: "customer" })];
    const page = stripe.readPage(EVENTS, answerOf({ data, has_more: true }), SPAN, PRICING);
    expect(page?.next).toEqual({ ...EVENTS, query: `${EVENTS.query}&starting_after=evt_customer.created` });
  });

  test.each([
    ["an error", answerOf({ error: {} }, 403)],
    ["no JSON", answerOf("<html>")],
    ["no list", answerOf({ data: {} })],
    ["an entry without an id", answerOf({ data: [{ created: CREATED }] })],
    ["an entry without a time", answerOf({ data: [{ id: "evt_1" }] })],
  ])("%s is no page", (_name, answer) => {
    expect(stripe.readPage(EVENTS, answer, SPAN, PRICING)).toBeNull();
  });

  test("every endpoint that leaves a trace stands in the catalogue, as the audit log writes it", () => {
    const known = VENDORS.stripe.endpoints.filter(
      ({ method, template }) => stripe.traceOf(`${method} ${template.text}`) !== null,
    );
    expect(known.map(({ operation }) => operation).sort()).toMatchInlineSnapshot(`
      [
        "charges.capture",
        "charges.create",
        "charges.refund",
        "charges.refunds.create",
        "climate.orders.create",
        "credit_notes.create",
        "payment_intents.cancel",
        "payment_intents.capture",
        "payment_intents.confirm",
        "payment_intents.create",
        "payment_intents.increment_authorization",
        "payouts.cancel",
        "payouts.create",
        "refunds.create",
        "topups.create",
        "transfers.create",
        "treasury.inbound_transfers.create",
        "treasury.outbound_payments.create",
        "treasury.outbound_transfers.create",
      ]
    `);
  });
});
