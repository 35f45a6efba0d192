import type Stripe from "stripe";
import type { Stage } from "../stage.ts";
import type { Currency } from "./dollars.ts";

/** A call that moves money, and what it takes for it to. */
export interface MoneyCall {
  readonly endpoint: string;
  readonly direction: "in" | "out";
  /** What it moves, in minor units. */
  readonly amount: number;
  /** Makes past Keybrake what the call needs. */
  readonly prepare: (stage: Stage, currency: Currency) => Promise<(stripe: Stripe) => Promise<unknown>>;
}

const ACCOUNT = "acct_1SandboxPartner";

async function payingCustomer({ direct }: Stage): Promise<string> {
  return (await direct.customers.create({ source: "tok_visa" })).id;
}

/** An open invoice of 5,000. */
async function openInvoice(stage: Stage, currency: Currency): Promise<string> {
  const customer = await payingCustomer(stage);
  const { id: invoice = "" } = await stage.direct.invoices.create({ customer, currency });
  await stage.direct.invoiceItems.create({ customer, invoice, amount: 5000, currency });
  await stage.direct.invoices.finalizeInvoice(invoice);
  return invoice;
}

const BILLING: readonly MoneyCall[] = [
  {
    endpoint: "POST /v1/checkout/sessions",
    direction: "in",
    amount: 6000,
    prepare: async (_stage, currency) => (stripe) =>
      stripe.checkout.sessions.create({
        mode: "payment",
        success_url: "https://example.com",
        line_items: [
          { price_data: { currency, unit_amount: 2000, product_data: { name: "Lamp" } }, quantity: 2 },
          { price_data: { currency, unit_amount: 2000, product_data: { name: "Chair" } }, quantity: 1 },
        ],
      }),
  },
  {
    endpoint: "POST /v1/quotes/{quote}/accept",
    direction: "in",
    amount: 4000,
    prepare: async (stage, currency) => {
      const customer = await payingCustomer(stage);
      const product = (await stage.direct.products.create({ name: "Lamp" })).id;
      const line_items = [{ price_data: { currency, product, unit_amount: 2000 }, quantity: 2 }];
      const { id } = await stage.direct.quotes.create({ customer, line_items });
      await stage.direct.quotes.finalizeQuote(id);
      return (stripe) => stripe.quotes.accept(id);
    },
  },
  {
    endpoint: "POST /v1/credit_notes",
    direction: "out",
    amount: 1200,
    prepare: async (stage, currency) => {
      const invoice = await openInvoice(stage, currency);
      await stage.direct.invoices.pay(invoice);
      return (stripe) => stripe.creditNotes.create({ invoice, amount: 1200, refund_amount: 1200 });
    },
  },
  {
    endpoint: "POST /v1/customers/{customer}/balance_transactions",
    direction: "out",
    amount: 700,
    prepare: async (stage, currency) => {
      const customer = await payingCustomer(stage);
      return (stripe) => stripe.customers.createBalanceTransaction(customer, { amount: -700, currency });
    },
  },
];

const REVERSALS: readonly MoneyCall[] = [
  {
    endpoint: "POST /v1/transfers/{transfer}/reversals",
    direction: "in",
    amount: 3000,
    prepare: async ({ direct }, currency) => {
      const { id } = await direct.transfers.create({ amount: 5000, currency, destination: ACCOUNT });
      await direct.transfers.createReversal(id, { amount: 2000 });
      return (stripe) => stripe.transfers.createReversal(id);
    },
  },
  {
    endpoint: "POST /v1/payouts/{payout}/reverse",
    direction: "in",
    amount: 2500,
    prepare: async ({ direct }, currency) => {
      const { id } = await direct.payouts.create({ amount: 2500, currency });
      return (stripe) => stripe.payouts.reverse(id);
    },
  },
  {
    endpoint: "POST /v1/application_fees/{fee}/refunds",
    direction: "out",
    amount: 800,
    prepare: async ({ direct, fake }, currency) => {
      const { id } = fake.seed("application_fee", { amount: 900, currency });
      await direct.applicationFees.createRefund(id, { amount: 100 });
      return (stripe) => stripe.applicationFees.createRefund(id);
    },
  },
  {
    endpoint: "POST /v1/disputes/{dispute}/close",
    direction: "out",
    amount: 4200,
    prepare: async ({ fake }, currency) => {
      const { id } = fake.seed("dispute", { amount: 4200, currency, charge: "ch_3SandboxDisputed" });
      return (stripe) => stripe.disputes.close(id);
    },
  },
];

const FLOWS: readonly MoneyCall[] = [
  {
    endpoint: "POST /v1/topups",
    direction: "in",
    amount: 9000,
    prepare: async (_stage, currency) => (stripe) => stripe.topups.create({ amount: 9000, currency }),
  },
  {
    endpoint: "POST /v1/treasury/outbound_payments",
    direction: "out",
    amount: 3300,
    prepare: async ({ fake }, currency) => {
      const balance = { cash: { [currency]: 100_000 }, inbound_pending: {}, outbound_pending: {} };
      const { id } = fake.seed("treasury.financial_account", { balance, supported_currencies: [currency] });
      return (stripe) =>
        stripe.treasury.outboundPayments.create({ amount: 3300, currency, financial_account: id });
    },
  },
  {
    endpoint: "POST /v2/money_management/outbound_payments",
    direction: "out",
    amount: 4400,
    prepare: async (_stage, currency) => (stripe) =>
      stripe.v2.moneyManagement.outboundPayments.create({
        amount: { value: 4400, currency },
        from: { financial_account: "fa_1", currency },
        to: { recipient: "recipient_1" },
      }),
  },
  {
    endpoint: "POST /v1/terminal/readers/{reader}/process_payment_intent",
    direction: "in",
    amount: 5500,
    prepare: async ({ direct }, currency) => {
      const reader = await direct.terminal.readers.create({ registration_code: "simulated-wpe" });
      const intent = await direct.paymentIntents.create({ amount: 5500, currency });
      return (stripe) =>
        stripe.terminal.readers.processPaymentIntent(reader.id, { payment_intent: intent.id });
    },
  },
];

/** Money-moving calls; every amount is a multiple of ten minor units. */
export const MONEY_CALLS: readonly MoneyCall[] = [...BILLING, ...REVERSALS, ...FLOWS];
