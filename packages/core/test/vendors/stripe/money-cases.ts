/** One call that moves money: what is asked, what the reads answer, what it must be held for, and what it settles. */
export interface MoneyCase {
  /** Method and path. */
  readonly call: string;
  /** A form with its names as they are, or JSON for v2. */
  readonly body: string;
  /** The answers to the look-up's reads; none = the request says it all. */
  readonly reads?: readonly object[];
  /** In minor units, as every amount here. */
  readonly price: bigint;
  /** The one currency of a call that knows no other; absent = any. */
  readonly currency?: string;
  readonly exposureId?: string;
  readonly answer: object;
  readonly settled: bigint;
  readonly exposure?: readonly [objectId: string, amount: bigint, isFinal: boolean];
}

/** Quote rules that never state a price: what they stand for is free, or refused because it cannot be priced. */
export const PRICELESS_RULES: ReadonlySet<string> = new Set([
  "none",
  "unpriced",
  "customer",
  "invoice_create",
]);

/** A case with its currency. */
export function inCurrency(one: MoneyCase, currency: string): MoneyCase & { readonly currency: string } {
  const own = one.currency ?? currency;
  const fill = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(CUR, own)) as T;
  const { body, reads = [], answer, ...rest } = one;
  return {
    ...rest,
    body: body.replaceAll(CUR, own),
    reads: fill(reads),
    answer: fill(answer),
    currency: own,
  };
}

/** Stands for the currency, until the test sets it. */
const CUR = "CUR";
const intent = { id: "pi_1", object: "payment_intent", amount: 1000, amount_received: 0, currency: CUR };
const charge = {
  id: "ch_1",
  object: "charge",
  amount: 1000,
  amount_captured: 1000,
  amount_refunded: 300,
  captured: true,
  currency: CUR,
};
const invoice = { id: "in_1", object: "invoice", amount_due: 700, total: 800, amount_paid: 0, currency: CUR };
const price = { id: "price_1", object: "price", billing_scheme: "per_unit", unit_amount: 250, currency: CUR };
const plain = (id: string, amount: number, more: object = {}) => ({ id, amount, currency: CUR, ...more });
const v2 = (id: string, value: number, more: object = {}) => ({
  id,
  amount: { value, currency: CUR },
  ...more,
});
const V2_BODY = JSON.stringify({
  amount: { value: 900, currency: CUR },
  from: { financial_account: "fa_1" },
});
const whole = { reads: [intent], price: 1000n, exposureId: "pi_1" };
const running = { ...intent, status: "processing" };
const held = ["pi_1", 1000n, false] as const;
const preview = { ...invoice, id: "upcoming_in_1" };

export const MONEY_CASES: readonly MoneyCase[] = [
  {
    call: "POST /v1/payment_intents",
    body: "amount=1000&currency=CUR",
    price: 1000n,
    answer: running,
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/payment_intents/pi_1",
    body: "amount=1000",
    ...whole,
    answer: running,
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/payment_intents/pi_1/confirm",
    body: "",
    ...whole,
    answer: running,
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/payment_intents/pi_1/capture",
    body: "",
    ...whole,
    answer: { ...intent, status: "succeeded", amount_received: 800 },
    settled: 800n,
    exposure: ["pi_1", 800n, true],
  },
  {
    call: "POST /v1/payment_intents/pi_1/increment_authorization",
    body: "amount=1500",
    ...whole,
    price: 1500n,
    answer: { ...running, amount: 1500 },
    settled: 1500n,
    exposure: ["pi_1", 1500n, false],
  },
  {
    call: "POST /v1/payment_intents/pi_1/apply_customer_balance",
    body: "amount=5",
    ...whole,
    answer: running,
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/payment_intents/pi_1/verify_microdeposits",
    body: "amounts[]=32&amounts[]=45",
    ...whole,
    answer: running,
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/charges",
    body: "amount=1000&currency=CUR",
    price: 1000n,
    answer: charge,
    settled: 1000n,
    exposure: ["ch_1", 1000n, true],
  },
  {
    call: "POST /v1/charges/ch_1/capture",
    body: "amount=600",
    reads: [charge],
    price: 600n,
    exposureId: "ch_1",
    answer: { ...charge, amount_captured: 600 },
    settled: 600n,
    exposure: ["ch_1", 600n, true],
  },
  {
    call: "POST /v1/refunds",
    body: "charge=ch_1",
    reads: [charge],
    price: 700n,
    answer: plain("re_1", 700),
    settled: 700n,
  },
  {
    call: "POST /v1/charges/ch_1/refunds",
    body: "amount=20",
    reads: [charge],
    price: 20n,
    answer: plain("re_1", 20),
    settled: 20n,
  },
  {
    call: "POST /v1/charges/ch_1/refund",
    body: "",
    reads: [charge],
    price: 700n,
    answer: charge,
    settled: 700n,
  },
  {
    call: "POST /v1/terminal/readers/tmr_1/refund_payment",
    body: "payment_intent=pi_1",
    reads: [{ ...intent, latest_charge: charge }],
    price: 700n,
    answer: { id: "tmr_1" },
    settled: 700n,
  },
  {
    call: "POST /v1/terminal/readers/tmr_1/process_payment_intent",
    body: "payment_intent=pi_1",
    ...whole,
    answer: { id: "tmr_1" },
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/terminal/readers/tmr_1/confirm_payment_intent",
    body: "payment_intent=pi_1",
    ...whole,
    answer: { id: "tmr_1" },
    settled: 1000n,
    exposure: held,
  },
  {
    call: "POST /v1/transfers",
    body: "amount=40&currency=CUR&destination=acct_1",
    price: 40n,
    answer: plain("tr_1", 40),
    settled: 40n,
  },
  {
    call: "POST /v1/transfers/tr_1/reversals",
    body: "",
    reads: [plain("tr_1", 400, { object: "transfer", amount_reversed: 150 })],
    price: 250n,
    answer: plain("trr_1", 250),
    settled: 250n,
  },
  {
    call: "POST /v1/application_fees/fee_1/refunds",
    body: "amount=5",
    reads: [plain("fee_1", 40, { object: "application_fee", amount_refunded: 10 })],
    price: 5n,
    answer: plain("fr_1", 5),
    settled: 5n,
  },
  {
    call: "POST /v1/application_fees/fee_1/refund",
    body: "",
    reads: [plain("fee_1", 40, { object: "application_fee", amount_refunded: 10 })],
    price: 30n,
    answer: plain("fee_1", 40),
    settled: 30n,
  },
  ...[
    "payouts",
    "topups",
    "treasury/outbound_payments",
    "treasury/outbound_transfers",
    "treasury/inbound_transfers",
  ].map(
    (name): MoneyCase => ({
      call: `POST /v1/${name}`,
      body: "amount=90&currency=CUR",
      price: 90n,
      answer: plain("xx_1", 90, { status: "pending" }),
      settled: 90n,
      exposure: ["xx_1", 90n, false],
    }),
  ),
  {
    call: "POST /v1/payouts/po_1/reverse",
    body: "",
    reads: [plain("po_1", 90)],
    price: 90n,
    answer: plain("po_2", -90),
    settled: 90n,
  },
  {
    call: "POST /v1/disputes/du_1/close",
    body: "",
    reads: [plain("du_1", 60)],
    price: 60n,
    answer: plain("du_1", 60, { status: "lost" }),
    settled: 60n,
  },
  {
    call: "POST /v1/charges/ch_1/dispute/close",
    body: "",
    reads: [{ ...charge, dispute: plain("du_1", 60) }],
    price: 60n,
    answer: plain("du_1", 60),
    settled: 60n,
  },
  {
    call: "POST /v1/treasury/credit_reversals",
    body: "received_credit=rc_1",
    reads: [plain("rc_1", 70)],
    price: 70n,
    answer: plain("credrev_1", 70),
    settled: 70n,
  },
  {
    call: "POST /v1/treasury/debit_reversals",
    body: "received_debit=rd_1",
    reads: [plain("rd_1", 70)],
    price: 70n,
    answer: plain("debrev_1", 70),
    settled: 70n,
  },
  {
    call: "POST /v1/customers/cus_1/balance_transactions",
    body: "amount=-500&currency=CUR",
    price: 500n,
    answer: plain("cbtxn_1", -500),
    settled: 500n,
  },
  {
    call: "POST /v1/invoices/in_1",
    body: "auto_advance=true",
    reads: [invoice],
    price: 800n,
    exposureId: "in_1",
    answer: { ...invoice, status: "draft" },
    settled: 700n,
    exposure: ["in_1", 700n, false],
  },
  ...["finalize", "send"].map(
    (verb): MoneyCase => ({
      call: `POST /v1/invoices/in_1/${verb}`,
      body: "",
      reads: [invoice],
      price: 800n,
      exposureId: "in_1",
      answer: { ...invoice, status: "open" },
      settled: 700n,
      exposure: ["in_1", 700n, false],
    }),
  ),
  {
    call: "POST /v1/invoices/in_1/pay",
    body: "",
    reads: [invoice],
    price: 800n,
    exposureId: "in_1",
    answer: { ...invoice, status: "paid", amount_paid: 700 },
    settled: 700n,
    exposure: ["in_1", 700n, true],
  },
  {
    call: "POST /v1/invoices/in_1/add_lines",
    body: "lines[0][amount]=50&lines[1][pricing][price]=price_1&lines[1][quantity]=2",
    reads: [invoice, price],
    price: 1350n,
    exposureId: "in_1",
    answer: { ...invoice, amount_due: 1250, status: "draft" },
    settled: 1250n,
    exposure: ["in_1", 1250n, false],
  },
  {
    call: "POST /v1/invoices/in_1/update_lines",
    body: "lines[0][id]=il_1&lines[0][amount]=50",
    reads: [invoice],
    price: 850n,
    exposureId: "in_1",
    answer: { ...invoice, amount_due: 710, status: "draft" },
    settled: 710n,
    exposure: ["in_1", 710n, false],
  },
  {
    call: "POST /v1/invoices/in_1/lines/il_1",
    body: "amount=50",
    reads: [invoice],
    price: 850n,
    exposureId: "in_1",
    answer: plain("il_1", 50),
    settled: 850n,
    exposure: ["in_1", 850n, false],
  },
  {
    call: "POST /v1/invoiceitems",
    body: "customer=cus_1&unit_amount_decimal=12.5&quantity=3&currency=CUR",
    price: 38n,
    answer: plain("ii_1", 38),
    settled: 38n,
    exposure: ["ii_1", 38n, false],
  },
  {
    call: "POST /v1/invoiceitems/ii_1",
    body: "amount=90",
    reads: [plain("ii_1", 38)],
    price: 90n,
    exposureId: "ii_1",
    answer: plain("ii_1", 90),
    settled: 90n,
    exposure: ["ii_1", 90n, false],
  },
  ...[
    ["POST /v1/subscriptions", "customer=cus_1&items[0][price]=price_1"],
    ["POST /v1/customers/cus_1/subscriptions", "items[0][price]=price_1"],
    ["POST /v1/subscriptions/sub_1", "items[0][price]=price_1"],
    ["POST /v1/customers/cus_1/subscriptions/sub_1", "items[0][price]=price_1"],
    ["POST /v1/subscriptions/sub_1/resume", ""],
    ["POST /v1/subscription_items", "subscription=sub_1&price=price_1"],
    ["DELETE /v1/subscriptions/sub_1", "invoice_now=true"],
    ["DELETE /v1/customers/cus_1/subscriptions/sub_1", "prorate=true"],
  ].map(
    ([call = "", body = ""]): MoneyCase => ({
      call,
      body,
      reads: [preview],
      price: 800n,
      answer: { id: "sub_1", object: "subscription" },
      settled: 800n,
    }),
  ),
  {
    call: "POST /v1/checkout/sessions",
    body: "mode=payment&line_items[0][price_data][currency]=CUR&line_items[0][price_data][unit_amount]=30&line_items[0][quantity]=2&line_items[1][price]=price_1",
    reads: [price],
    price: 310n,
    answer: { id: "cs_1", mode: "payment", status: "open", amount_total: 310, currency: CUR },
    settled: 310n,
    exposure: ["cs_1", 310n, false],
  },
  {
    call: "POST /v1/payment_links",
    body: "line_items[0][price]=price_1&line_items[0][quantity]=2&restrictions[completed_sessions][limit]=3",
    reads: [price],
    price: 1500n,
    answer: { id: "plink_1" },
    settled: 1500n,
  },
  {
    call: "POST /v1/quotes/qt_1/accept",
    body: "",
    reads: [{ id: "qt_1", amount_total: 600, currency: CUR, computed: { upfront: { amount_total: 650 } } }],
    price: 650n,
    answer: { id: "qt_1", amount_total: 600, currency: CUR },
    settled: 600n,
  },
  {
    call: "POST /v1/credit_notes",
    body: "invoice=in_1&lines[0][type]=invoice_line_item&lines[0][invoice_line_item]=il_1&lines[0][quantity]=1",
    reads: [plain("cn_0", 90, { out_of_band_amount: 20 })],
    price: 70n,
    answer: plain("cn_1", 90, { out_of_band_amount: 20 }),
    settled: 70n,
  },
  {
    call: "POST /v1/billing/credit_grants",
    body: "amount[type]=monetary&amount[monetary][value]=55&amount[monetary][currency]=CUR&customer=cus_1",
    price: 55n,
    answer: { id: "credgr_1" },
    settled: 55n,
  },
  {
    call: "POST /v1/issuing/authorizations/iauth_1/approve",
    body: "",
    reads: [plain("iauth_1", 0, { pending_request: { amount: 33 } })],
    price: 33n,
    exposureId: "iauth_1",
    answer: plain("iauth_1", 0),
    settled: 33n,
    exposure: ["iauth_1", 33n, false],
  },
  {
    call: "POST /v1/climate/orders",
    body: "product=climsku_1&amount=77&currency=CUR",
    price: 77n,
    answer: { id: "climorder_1", amount_total: 77, currency: CUR, status: "open" },
    settled: 77n,
    exposure: ["climorder_1", 77n, false],
  },
  ...["outbound_payments", "payout_intents", "inbound_transfers"].map(
    (name): MoneyCase => ({
      call: `POST /v2/money_management/${name}`,
      body: V2_BODY,
      price: 900n,
      answer: v2("xx_1", 900, { status: "processing" }),
      settled: 900n,
      exposure: ["xx_1", 900n, false],
    }),
  ),
  ...["", "/confirm", "/refresh_fx_quote"].map(
    (verb): MoneyCase => ({
      call: `POST /v2/money_management/payout_intents/pint_1${verb}`,
      body: verb === "" ? '{"to":{"payout_method":"pm_1"}}' : "{}",
      reads: [v2("pint_1", 900)],
      price: 900n,
      exposureId: "pint_1",
      answer: v2("pint_1", 900, { status: "processing" }),
      settled: 900n,
      exposure: ["pint_1", 900n, false],
    }),
  ),
  {
    // Stripe chooses the size of two deposits, each less than a dollar.
    call: "POST /v2/core/vault/us_bank_accounts/usba_1/send_microdeposits",
    body: "{}",
    price: 200n,
    currency: "usd",
    answer: { id: "usba_1" },
    settled: 200n,
  },
];
