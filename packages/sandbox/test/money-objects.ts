import type { Stripe } from "stripe";
import type { SeedableKind, SeedFields } from "../src/stripe/seeds.ts";

/** A server, with what has no call of its own. */
export interface Stage {
  readonly stripe: Stripe;
  /** The id of an object that was seeded; any id at a server that keeps nothing. */
  readonly seed: (kind: SeedableKind, fields?: SeedFields) => string;
}

const PRICE_DATA = { currency: "usd", unit_amount: 500, product_data: { name: "Widget" } } as const;

/** A customer with a card that pays. */
export async function customerWithCard({ stripe }: Stage): Promise<string> {
  return (await stripe.customers.create({ email: "ada@example.com", source: "tok_visa" })).id;
}

/** A monthly price of 500. */
export async function monthlyPrice({ stripe }: Stage): Promise<string> {
  return (await stripe.prices.create({ ...PRICE_DATA, recurring: { interval: "month" } })).id;
}

/** An open invoice of 1,000. */
export async function openInvoice(stage: Stage): Promise<string> {
  const { stripe } = stage;
  const customer = await customerWithCard(stage);
  const invoice = await stripe.invoices.create({ customer, currency: "usd" });
  await stripe.invoiceItems.create({ customer, invoice: invoice.id ?? "", amount: 1_000, currency: "usd" });
  return (await stripe.invoices.finalizeInvoice(invoice.id ?? "")).id ?? "";
}

const V2_ORDER = {
  amount: { value: 600, currency: "usd" },
  from: { financial_account: "fa_1", currency: "usd" },
  to: { recipient: "acct_1" },
} as const;

const FLOW = { amount: 700, currency: "usd" } as const;

/** Calls by the type of stripe-node that their answer has to satisfy. */
export const MONEY_CALLS: readonly (readonly [
  file: string,
  type: string,
  call: (stage: Stage) => Promise<unknown>,
])[] = [
  ["Products", "Product", ({ stripe }) => stripe.products.create({ name: "Widget" })],
  ["Prices", "Price", ({ stripe }) => stripe.prices.create(PRICE_DATA)],
  [
    "Checkout/Sessions",
    "Session",
    ({ stripe }) =>
      stripe.checkout.sessions.create({
        mode: "payment",
        success_url: "https://example.com",
        line_items: [{ price_data: PRICE_DATA, quantity: 2 }],
      }),
  ],
  [
    "PaymentLinks",
    "PaymentLink",
    async (stage) => {
      const price = (await stage.stripe.prices.create(PRICE_DATA)).id;
      return stage.stripe.paymentLinks.create({ line_items: [{ price, quantity: 1 }] });
    },
  ],
  [
    "InvoiceItems",
    "InvoiceItem",
    async (stage) =>
      stage.stripe.invoiceItems.create({
        customer: await customerWithCard(stage),
        amount: 100,
        currency: "usd",
      }),
  ],
  ["Invoices", "Invoice", async (stage) => stage.stripe.invoices.retrieve(await openInvoice(stage))],
  [
    "InvoiceLineItems",
    "InvoiceLineItem",
    async (stage) => stage.stripe.invoices.listLineItems(await openInvoice(stage)),
  ],
  [
    "CreditNotes",
    "CreditNote",
    async (stage) => stage.stripe.creditNotes.create({ invoice: await openInvoice(stage), amount: 400 }),
  ],
  [
    "Subscriptions",
    "Subscription",
    async (stage) =>
      stage.stripe.subscriptions.create({
        customer: await customerWithCard(stage),
        items: [{ price: await monthlyPrice(stage) }],
      }),
  ],
  [
    "SubscriptionItems",
    "SubscriptionItem",
    async (stage) => {
      const price = await monthlyPrice(stage);
      const { id } = await stage.stripe.subscriptions.create({
        customer: await customerWithCard(stage),
        items: [{ price }],
      });
      return stage.stripe.subscriptionItems.create({ subscription: id, price });
    },
  ],
  [
    "Quotes",
    "Quote",
    async ({ stripe }) => {
      const product = (await stripe.products.create({ name: "Widget" })).id;
      const price_data = { currency: "usd", product, unit_amount: 500 };
      return stripe.quotes.create({ line_items: [{ price_data, quantity: 2 }] });
    },
  ],
  [
    "SetupIntents",
    "SetupIntent",
    ({ stripe }) => stripe.setupIntents.create({ payment_method: "pm_card_visa" }),
  ],
  [
    "PaymentMethods",
    "PaymentMethod",
    ({ stripe }) => stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } }),
  ],
  [
    "TransferReversals",
    "TransferReversal",
    async ({ stripe }) => {
      const { id } = await stripe.transfers.create({ ...FLOW, destination: "acct_1" });
      return stripe.transfers.createReversal(id, { amount: 100 });
    },
  ],
  ["Payouts", "Payout", async ({ stripe }) => stripe.payouts.reverse((await stripe.payouts.create(FLOW)).id)],
  ["Topups", "Topup", ({ stripe }) => stripe.topups.create(FLOW)],
  [
    "ApplicationFees",
    "ApplicationFee",
    ({ stripe, seed }) => stripe.applicationFees.retrieve(seed("application_fee", { amount: 500 })),
  ],
  [
    "FeeRefunds",
    "FeeRefund",
    ({ stripe, seed }) => stripe.applicationFees.createRefund(seed("application_fee", { amount: 500 })),
  ],
  [
    "CustomerBalanceTransactions",
    "CustomerBalanceTransaction",
    async (stage) =>
      stage.stripe.customers.createBalanceTransaction(await customerWithCard(stage), {
        amount: -300,
        currency: "usd",
      }),
  ],
  [
    "Disputes",
    "Dispute",
    ({ stripe, seed }) => stripe.disputes.close(seed("dispute", { amount: 500, charge: "ch_1" })),
  ],
  [
    "Issuing/Cards",
    "Card",
    ({ stripe }) => stripe.issuing.cards.create({ currency: "usd", type: "virtual", cardholder: "ich_1" }),
  ],
  [
    "Issuing/Authorizations",
    "Authorization",
    async ({ stripe, seed }) => {
      const card = await stripe.issuing.cards.create({
        currency: "usd",
        type: "virtual",
        cardholder: "ich_1",
      });
      return stripe.issuing.authorizations.approve(
        seed("issuing.authorization", { amount: 900, card: JSON.parse(JSON.stringify(card)) }),
      );
    },
  ],
  [
    "Treasury/FinancialAccounts",
    "FinancialAccount",
    ({ stripe, seed }) => stripe.treasury.financialAccounts.retrieve(seed("treasury.financial_account")),
  ],
  [
    "Treasury/OutboundPayments",
    "OutboundPayment",
    ({ stripe, seed }) =>
      stripe.treasury.outboundPayments.create({
        ...FLOW,
        financial_account: seed("treasury.financial_account"),
      }),
  ],
  [
    "Treasury/OutboundTransfers",
    "OutboundTransfer",
    ({ stripe, seed }) =>
      stripe.treasury.outboundTransfers.create({
        ...FLOW,
        financial_account: seed("treasury.financial_account"),
      }),
  ],
  [
    "Treasury/InboundTransfers",
    "InboundTransfer",
    ({ stripe, seed }) =>
      stripe.treasury.inboundTransfers.create({
        ...FLOW,
        financial_account: seed("treasury.financial_account"),
        origin_payment_method: "pm_1",
      }),
  ],
  [
    "Climate/Products",
    "Product",
    ({ stripe, seed }) => stripe.climate.products.retrieve(seed("climate.product")),
  ],
  [
    "Climate/Orders",
    "Order",
    ({ stripe, seed }) =>
      stripe.climate.orders.create({ product: seed("climate.product"), metric_tons: "1.5" as never }),
  ],
  [
    "Files",
    "File",
    ({ stripe }) =>
      stripe.files.create({
        purpose: "dispute_evidence",
        file: { data: Buffer.from([0, 255, 13, 10]), name: "proof.png", type: "image/png" },
      }),
  ],
  [
    "Terminal/Readers",
    "Reader",
    ({ stripe }) => stripe.terminal.readers.create({ registration_code: "simulated-wpe" }),
  ],
  [
    "V2/MoneyManagement/OutboundPayments",
    "OutboundPayment",
    ({ stripe }) => stripe.v2.moneyManagement.outboundPayments.create(V2_ORDER),
  ],
  [
    "V2/MoneyManagement/PayoutIntents",
    "PayoutIntent",
    ({ stripe }) => stripe.v2.moneyManagement.payoutIntents.create(V2_ORDER),
  ],
  [
    "V2/MoneyManagement/InboundTransfers",
    "InboundTransfer",
    ({ stripe }) =>
      stripe.v2.moneyManagement.inboundTransfers.create({
        amount: V2_ORDER.amount,
        from: { payment_method: "usba_1", currency: "usd" },
        to: { financial_account: "fa_1", currency: "usd" },
      }),
  ],
];
