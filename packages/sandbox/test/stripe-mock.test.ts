import type { Stripe } from "stripe";
import { beforeAll, describe, expect, it } from "vitest";
import { openFakeStripe } from "../src/index.ts";
import { sdkFor } from "./sdk.ts";
import { membersOf } from "./stripe-types.ts";

/**
 * The same SDK calls on the sandbox and on stripe-mock, Stripe's own stateless mock server. Guarantee: wherever both
 * have a field it has the same JSON type, and the sandbox has every field that stripe-node's types require, without exception.
 */
const MOCK_URL = process.env["KEYBRAKE_STRIPE_MOCK_URL"];

/** Objects that the calls below work on, made through the same calls on each server. */
interface Stage {
  readonly open: string;
  readonly held: string;
  readonly paid: string;
  readonly charge: string;
  readonly heldCharge: string;
  readonly refund: string;
  readonly waitingRefund: string;
  readonly transfer: string;
  readonly payout: string;
  readonly customer: string;
  readonly transaction: string;
  readonly event: string;
}

const HOLD = { amount: 1_000, currency: "usd", capture_method: "manual", confirm: true } as const;

async function setStage(stripe: Stripe): Promise<Stage> {
  const customer = await stripe.customers.create({ email: "ada@example.com", name: "Ada" });
  const open = await stripe.paymentIntents.create({ amount: 1_000, currency: "usd" });
  const held = await stripe.paymentIntents.create({ ...HOLD, payment_method: "pm_card_visa" });
  const paid = await stripe.paymentIntents.create({
    amount: 1_000,
    currency: "usd",
    confirm: true,
    payment_method: "pm_card_visa",
  });
  const charge = await stripe.charges.create({ amount: 1_000, currency: "usd", source: "tok_visa" });
  const heldCharge = await stripe.charges.create({
    amount: 1_000,
    currency: "usd",
    source: "tok_visa",
    capture: false,
  });
  const refund = await stripe.refunds.create({ charge: charge.id, amount: 100 });
  const waitingRefund = await stripe.refunds.create({
    origin: "customer_balance",
    customer: customer.id,
    amount: 100,
    currency: "usd",
  });
  const transfer = await stripe.transfers.create({ amount: 100, currency: "usd", destination: "acct_1" });
  const payout = await stripe.payouts.create({ amount: 100, currency: "usd" });
  const [transaction] = (await stripe.balanceTransactions.list()).data;
  const [event] = (await stripe.events.list()).data;
  return {
    open: open.id,
    held: held.id,
    paid: paid.id,
    charge: charge.id,
    heldCharge: heldCharge.id,
    refund: refund.id,
    waitingRefund: waitingRefund.id,
    transfer: transfer.id,
    payout: payout.id,
    customer: customer.id,
    transaction: transaction?.id ?? "",
    event: event?.id ?? "",
  };
}

type Call = (stripe: Stripe, stage: Stage) => Promise<unknown>;

/** The type of stripe-node that an answer must satisfy (file and interface), and the calls that answer with it. */
const CALLS: readonly (readonly [file: string, type: string, calls: Readonly<Record<string, Call>>])[] = [
  [
    "PaymentIntents",
    "PaymentIntent",
    {
      "paymentIntents.create": (stripe) =>
        stripe.paymentIntents.create({
          amount: 1_000,
          currency: "usd",
          automatic_payment_methods: { enabled: true },
          metadata: { a: "1" },
          description: "d",
        }),
      "paymentIntents.retrieve": (stripe, { paid }) => stripe.paymentIntents.retrieve(paid),
      "paymentIntents.retrieve, expanded": (stripe, { paid }) =>
        stripe.paymentIntents.retrieve(paid, { expand: ["latest_charge"] }),
      "paymentIntents.list": (stripe) => stripe.paymentIntents.list({ limit: 1 }),
      "paymentIntents.search": (stripe) => stripe.paymentIntents.search({ query: "currency:'usd'" }),
      "paymentIntents.update": (stripe, { open }) => stripe.paymentIntents.update(open, { amount: 900 }),
      "paymentIntents.confirm": (stripe, { open }) =>
        stripe.paymentIntents.confirm(open, { payment_method: "pm_card_visa" }),
      "paymentIntents.incrementAuthorization": (stripe, { held }) =>
        stripe.paymentIntents.incrementAuthorization(held, { amount: 2_000 }),
      "paymentIntents.capture": (stripe, { held }) =>
        stripe.paymentIntents.capture(held, { amount_to_capture: 500 }),
      "paymentIntents.cancel": async (stripe) => {
        const { id } = await stripe.paymentIntents.create({ amount: 1_000, currency: "usd" });
        return stripe.paymentIntents.cancel(id, { cancellation_reason: "duplicate" });
      },
    },
  ],
  [
    "Charges",
    "Charge",
    {
      "charges.create": (stripe) =>
        stripe.charges.create({ amount: 900, currency: "usd", source: "tok_visa" }),
      "charges.retrieve": (stripe, { charge }) => stripe.charges.retrieve(charge),
      "charges.list": (stripe) => stripe.charges.list({ limit: 1 }),
      "charges.search": (stripe) => stripe.charges.search({ query: "currency:'usd'" }),
      "charges.update": (stripe, { charge }) => stripe.charges.update(charge, { description: "d" }),
      "charges.capture": (stripe, { heldCharge }) => stripe.charges.capture(heldCharge, { amount: 500 }),
    },
  ],
  [
    "Refunds",
    "Refund",
    {
      "refunds.create, by charge": (stripe, { charge }) => stripe.refunds.create({ charge, amount: 100 }),
      "refunds.create, by payment intent": (stripe, { paid }) =>
        stripe.refunds.create({ payment_intent: paid }),
      "refunds.retrieve": (stripe, { refund }) => stripe.refunds.retrieve(refund),
      "refunds.list": (stripe) => stripe.refunds.list({ limit: 1 }),
      "refunds.update": (stripe, { refund }) => stripe.refunds.update(refund, { metadata: { a: "1" } }),
      "refunds.cancel": (stripe, { waitingRefund }) => stripe.refunds.cancel(waitingRefund),
    },
  ],
  [
    "Transfers",
    "Transfer",
    {
      "transfers.create": (stripe) =>
        stripe.transfers.create({ amount: 100, currency: "usd", destination: "acct_1" }),
      "transfers.retrieve": (stripe, { transfer }) => stripe.transfers.retrieve(transfer),
      "transfers.list": (stripe) => stripe.transfers.list({ limit: 1 }),
      "transfers.update": (stripe, { transfer }) => stripe.transfers.update(transfer, { description: "d" }),
    },
  ],
  [
    "Payouts",
    "Payout",
    {
      "payouts.create": (stripe) => stripe.payouts.create({ amount: 100, currency: "usd" }),
      "payouts.retrieve": (stripe, { payout }) => stripe.payouts.retrieve(payout),
      "payouts.list": (stripe) => stripe.payouts.list({ limit: 1 }),
      "payouts.update": (stripe, { payout }) => stripe.payouts.update(payout, { metadata: { a: "1" } }),
      "payouts.cancel": (stripe, { payout }) => stripe.payouts.cancel(payout),
    },
  ],
  [
    "Customers",
    "Customer",
    {
      "customers.create": (stripe) =>
        stripe.customers.create({ email: "a@example.com", metadata: { a: "1" } }),
      "customers.retrieve": (stripe, { customer }) => stripe.customers.retrieve(customer),
      "customers.list": (stripe) => stripe.customers.list({ limit: 1 }),
      "customers.search": (stripe) => stripe.customers.search({ query: "email:'ada@example.com'" }),
      "customers.update": (stripe, { customer }) => stripe.customers.update(customer, { name: "Ada" }),
    },
  ],
  [
    "Customers",
    "DeletedCustomer",
    {
      "customers.del": async (stripe) =>
        stripe.customers.del((await stripe.customers.create({ name: "x" })).id),
    },
  ],
  ["Balance", "Balance", { "balance.retrieve": (stripe) => stripe.balance.retrieve() }],
  [
    "BalanceTransactions",
    "BalanceTransaction",
    {
      "balanceTransactions.retrieve": (stripe, { transaction }) =>
        stripe.balanceTransactions.retrieve(transaction),
      "balanceTransactions.list": (stripe) => stripe.balanceTransactions.list({ limit: 1 }),
    },
  ],
  [
    "Events",
    "EventBase",
    {
      "events.retrieve": (stripe, { event }) => stripe.events.retrieve(event),
      "events.list": (stripe) => stripe.events.list({ limit: 1 }),
    },
  ],
];

type Fields = Readonly<Record<string, unknown>>;

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** The object itself, or the first of a page. */
function subject(answer: Fields): Fields {
  return Array.isArray(answer["data"]) ? (answer["data"][0] as Fields) : answer;
}

/** `pi_` of `pi_3abc`. */
function prefix(id: unknown): string {
  return String(id).replace(/_.*/, "_");
}

/** Where two objects disagree in type; null stands for every type where the types allow it. */
function disagreements(ours: Fields, theirs: Fields, isNullable: (name: string) => boolean): string[] {
  return Object.keys(theirs).flatMap((name) => {
    if (!(name in ours)) return [];
    const types = [jsonType(ours[name]), jsonType(theirs[name])];
    const isAlike = types[0] === types[1] || (types.includes("null") && isNullable(name));
    return isAlike ? [] : [`${name}: ${types[0]} here, ${types[1]} at stripe-mock`];
  });
}

if (MOCK_URL === undefined || MOCK_URL === "") {
  it("answers have the shape of stripe-mock's", ({ skip }) => {
    const reason = "KEYBRAKE_STRIPE_MOCK_URL is not set: no stripe-mock to compare with";
    if (process.env["CI"] === "true") throw new Error(reason);
    process.stderr.write(`skipped: ${reason}\n`);
    skip(reason);
  });
} else {
  describe.each(CALLS)("of %s, the %s", (file, type, calls) => {
    let here: { stripe: Stripe; stage: Stage };
    let there: { stripe: Stripe; stage: Stage };

    beforeAll(async () => {
      const sandbox = await openFakeStripe();
      const [ours, theirs] = [sdkFor(sandbox.url), sdkFor(MOCK_URL)];
      here = { stripe: ours, stage: await setStage(ours) };
      there = { stripe: theirs, stage: await setStage(theirs) };
      return () => sandbox.close();
    });

    it.each(Object.entries(calls))("that %s answers with has the shape of stripe-mock's", async (_, call) => {
      const ours = (await call(here.stripe, here.stage)) as Fields;
      const theirs = (await call(there.stripe, there.stage)) as Fields;
      expect(ours["object"]).toBe(theirs["object"]);
      if (Array.isArray(theirs["data"])) expect(disagreements(ours, theirs, () => false)).toEqual([]);
      const members = membersOf(file, type);
      const isNullable = (name: string): boolean => {
        const member = members.get(name);
        return member === undefined || member.isNullable || member.isOptional;
      };
      const [one, other] = [subject(ours), subject(theirs)];
      expect(disagreements(one, other, isNullable)).toEqual([]);
      expect(one["object"]).toBe(other["object"]);
      if ("id" in other) expect(prefix(one["id"])).toBe(prefix(other["id"]));
      const required = [...members].filter(([, member]) => !member.isOptional).map(([name]) => name);
      const absent = required.filter((name) => !(name in one));
      expect(absent).toEqual([]);
    });
  });
}
