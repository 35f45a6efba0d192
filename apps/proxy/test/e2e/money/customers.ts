import type Stripe from "stripe";
import { beforeAll, describe, expect, test } from "vitest";
import { errorOf, expectRefusal } from "../slice/refusals.ts";
import type { Agent, Stage } from "../stage.ts";
import { onlyLookedUp } from "./look-ups.ts";

/** A customer and what belongs to it at the vendor. */
interface Belongings {
  readonly customer: string;
  /** Paid, and its charge and the dispute of that. */
  readonly paid: string;
  readonly charge: string;
  readonly dispute: string;
  /** Not confirmed yet. */
  readonly intent: string;
  readonly method: string;
  /** Open, with one line. */
  readonly invoice: string;
  readonly draft: string;
  readonly price: string;
}

async function createBelongings({ direct, fake }: Stage): Promise<Belongings> {
  const customer = (await direct.customers.create({ source: "tok_visa" })).id;
  const attached = await direct.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  const method = (await direct.paymentMethods.attach(attached.id, { customer })).id;
  const order = { amount: 1500, currency: "usd", customer, payment_method: method } as const;
  const paid = await direct.paymentIntents.create({ ...order, confirm: true });
  const intent = (await direct.paymentIntents.create(order)).id;
  const charge = paid.latest_charge as string;
  const { id: invoice = "" } = await direct.invoices.create({ customer, currency: "usd" });
  await direct.invoiceItems.create({ customer, invoice, amount: 700, currency: "usd" });
  await direct.invoices.finalizeInvoice(invoice);
  const { id: draft = "" } = await direct.invoices.create({ customer, currency: "usd" });
  const product = (await direct.products.create({ name: "Lamp" })).id;
  const price = await direct.prices.create({
    currency: "usd",
    unit_amount: 500,
    product,
    recurring: { interval: "month" },
  });
  const dispute = fake.seed("dispute", { amount: 1500, charge }).id;
  return { customer, paid: paid.id, charge, dispute, intent, method, invoice, draft, price: price.id };
}

type BoundCall = (stripe: Stripe, of: Belongings) => Promise<unknown>;

const CARD = { payment_method: "pm_card_visa" } as const;

/** Whatever names a customer, or an object of one, by body, by query or by path. */
const BOUND_CALLS: Readonly<Record<string, BoundCall>> = {
  "refund by charge": (stripe, { charge }) => stripe.refunds.create({ charge }),
  "refund of a stated amount": (stripe, { charge }) => stripe.refunds.create({ charge, amount: 100 }),
  "refund by payment_intent": (stripe, { paid }) => stripe.refunds.create({ payment_intent: paid }),
  "payment for the customer": (stripe, { customer }) =>
    stripe.paymentIntents.create({ ...CARD, amount: 900, currency: "usd", customer, confirm: true }),
  "payment by the method of the customer": (stripe, { customer, method }) =>
    stripe.paymentIntents.create({ amount: 900, currency: "usd", customer, payment_method: method }),
  confirm: (stripe, { intent }) => stripe.paymentIntents.confirm(intent),
  "update of an intent": (stripe, { intent }) => stripe.paymentIntents.update(intent, { amount: 1600 }),
  "cancellation of an intent": (stripe, { intent }) => stripe.paymentIntents.cancel(intent),
  invoice: (stripe, { customer }) => stripe.invoices.create({ customer, currency: "usd" }),
  "invoice item for the customer": (stripe, { customer }) =>
    stripe.invoiceItems.create({ customer, amount: 100, currency: "usd" }),
  "invoice item in the invoice": (stripe, { customer, draft }) =>
    stripe.invoiceItems.create({ customer, invoice: draft, amount: 100, currency: "usd" }),
  "lines of an invoice": (stripe, { draft }) =>
    stripe.invoices.addLines(draft, { lines: [{ amount: 100, description: "work" }] }),
  finalization: (stripe, { draft }) => stripe.invoices.finalizeInvoice(draft),
  "payment of an invoice": (stripe, { invoice }) => stripe.invoices.pay(invoice),
  "credit note": (stripe, { invoice }) => stripe.creditNotes.create({ invoice, amount: 100 }),
  charge: (stripe, { customer }) => stripe.charges.create({ amount: 900, currency: "usd", customer }),
  checkout: (stripe, { customer }) =>
    stripe.checkout.sessions.create({
      mode: "payment",
      customer,
      success_url: "https://example.com",
      line_items: [
        { price_data: { currency: "usd", unit_amount: 500, product_data: { name: "Lamp" } }, quantity: 1 },
      ],
    }),
  "setup intent": (stripe, { customer, method }) =>
    stripe.setupIntents.create({ customer, payment_method: method }),
  "detachment of a method": (stripe, { method }) => stripe.paymentMethods.detach(method),
  subscription: (stripe, { customer, price }) =>
    stripe.subscriptions.create({ customer, items: [{ price }] }),
  credit: (stripe, { customer }) =>
    stripe.customers.createBalanceTransaction(customer, { amount: -100, currency: "usd" }),
  "change of the customer": (stripe, { customer }) => stripe.customers.update(customer, { name: "Eve" }),
  "deletion of the customer": (stripe, { customer }) => stripe.customers.del(customer),
  "closing of a dispute": (stripe, { dispute }) => stripe.disputes.close(dispute),
  "read of the customer": (stripe, { customer }) => stripe.customers.retrieve(customer),
  "read of a charge": (stripe, { charge }) => stripe.charges.retrieve(charge),
  "read of an intent": (stripe, { paid }) => stripe.paymentIntents.retrieve(paid),
  "read of an invoice": (stripe, { invoice }) => stripe.invoices.retrieve(invoice),
  "list of charges": (stripe, { customer }) => stripe.charges.list({ customer }),
  "list of charges of an intent": (stripe, { paid }) => stripe.charges.list({ payment_intent: paid }),
  "list of intents": (stripe, { customer }) => stripe.paymentIntents.list({ customer }),
  "list of methods": (stripe, { customer }) => stripe.customers.listPaymentMethods(customer),
  "list of invoices": (stripe, { customer }) => stripe.invoices.list({ customer }),
  "list of refunds": (stripe, { charge }) => stripe.refunds.list({ charge }),
};

/** Reads that show more than one customer, whoever asks. */
const OPEN_CALLS: Readonly<Record<string, BoundCall>> = {
  "list of customers": (stripe) => stripe.customers.list(),
  "search of customers": (stripe) => stripe.customers.search({ query: "email:'ada@example.com'" }),
  "list of all charges": (stripe) => stripe.charges.list(),
  "search of charges": (stripe, { customer }) => stripe.charges.search({ query: `customer:'${customer}'` }),
  "list of all intents": (stripe) => stripe.paymentIntents.list(),
  "search of intents": (stripe) => stripe.paymentIntents.search({ query: "amount>1" }),
  "list of all invoices": (stripe) => stripe.invoices.list(),
};

/** What is half A's: an object of B in a call for A. */
const MIXED_CALLS: Readonly<
  Record<string, (stripe: Stripe, a: Belongings, b: Belongings) => Promise<unknown>>
> = {
  "payment for A by the method of B": (stripe, a, b) =>
    stripe.paymentIntents.create({
      amount: 900,
      currency: "usd",
      customer: a.customer,
      payment_method: b.method,
      confirm: true,
    }),
  "invoice item for A in an invoice of B": (stripe, a, b) =>
    stripe.invoiceItems.create({ customer: a.customer, invoice: b.draft, amount: 100, currency: "usd" }),
  "confirmation of A's intent by the method of B": (stripe, a, b) =>
    stripe.paymentIntents.confirm(a.intent, { payment_method: b.method }),
  "payment of A's invoice by the method of B": (stripe, a, b) =>
    stripe.invoices.pay(a.invoice, { payment_method: b.method }),
  "subscription of A by the method of B": (stripe, a, b) =>
    stripe.subscriptions.create({
      customer: a.customer,
      items: [{ price: a.price }],
      default_payment_method: b.method,
    }),
  "refund of B's charge, with A in its metadata": (stripe, a, b) =>
    stripe.refunds.create({ charge: b.charge, metadata: { customer: a.customer } }),
  "list of A's charges behind one of B": (stripe, a, b) =>
    stripe.charges.list({ customer: a.customer, starting_after: b.charge }),
  "read of A with B beside it": (stripe, a, b) =>
    stripe.customers.retrieve(a.customer, { customer: b.customer } as never),
};

function boundAgent(stage: Stage, { customer }: Belongings): Promise<Agent> {
  return stage.agent({ policy: { customers: [customer] } });
}

/** A key with `customers` touches theirs and nobody else's. */
export function describeCustomers(open: () => Stage): void {
  describe("a key that is bound to one customer", () => {
    // Nothing ever happens to these, so that they serve every test.
    let theirs: Belongings;
    beforeAll(async () => {
      theirs = await createBelongings(open());
    });

    test.each(Object.entries(BOUND_CALLS))(
      "%s: refused for another, made for its own",
      async (_name, call) => {
        const stage = open();
        const mine = await createBelongings(stage);
        const agent = await boundAgent(stage, mine);
        await expectNotTheirs(stage, agent, () => call(agent.stripe, theirs));
        await expect(call(agent.once, mine)).resolves.toBeTruthy();
      },
    );

    test.each(Object.entries(OPEN_CALLS))("%s: refused, whoever it is for", async (_name, call) => {
      const stage = open();
      const agent = await boundAgent(stage, theirs);
      await expectNotTheirs(stage, agent, () => call(agent.stripe, theirs));
    });

    test.each(Object.entries(MIXED_CALLS))("%s: refused", async (_name, call) => {
      const stage = open();
      const mine = await createBelongings(stage);
      const agent = await boundAgent(stage, mine);
      await expectNotTheirs(stage, agent, () => call(agent.stripe, mine, theirs));
    });
  });
}

/** Refused with its code, held for nothing, and at most looked up under the eyes of the audit. */
async function expectNotTheirs(stage: Stage, agent: Agent, call: () => Promise<unknown>): Promise<void> {
  const sent = stage.watch();
  expectRefusal(await errorOf(call()), "StripePermissionError", "customer_not_allowed");
  await onlyLookedUp(agent, sent());
  const refused = (await agent.rows()).filter(({ state }) => state === "denied");
  expect(refused).toMatchObject([{ denial_code: "customer_not_allowed", reserved_usd: "0.00" }]);
  expect(await agent.used()).toBe("0.00");
}
