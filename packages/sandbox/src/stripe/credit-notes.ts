import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { findCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { pageOf } from "./inner-list.ts";
import { linesOf } from "./invoice-lines.ts";
import { INVOICES } from "./invoices.ts";
import type { StripeObject } from "./objects.ts";
import { integer, missing, type Params, text } from "./parameters.ts";
import { listOf } from "./pricing.ts";
import { amountIn, amountOf, hashesIn, NO_LIST, nulls, Resource } from "./resource.ts";

/** Stripe's CreditNote. */
export const CREDIT_NOTES = new Resource({
  kind: "credit_note",
  prefix: "cn",
  url: "/v1/credit_notes",
  equal: ["customer", "invoice"],
  blank: {
    ...nulls(
      "customer_account customer_balance_transaction effective_at memo out_of_band_amount reason " +
        "shipping_cost subtotal_excluding_tax total_excluding_tax total_taxes voided_at",
    ),
    amount: 0,
    amount_shipping: 0,
    currency: "",
    customer: "",
    discount_amount: 0,
    discount_amounts: [],
    invoice: "",
    lines: NO_LIST,
    number: "",
    pdf: "",
    post_payment_amount: 0,
    pre_payment_amount: 0,
    pretax_credit_amounts: [],
    refunds: [],
    status: "issued",
    subtotal: 0,
    total: 0,
    type: "mixed",
  },
});

/** The endpoints below `/v1/credit_notes`. */
export const CREDIT_NOTE_OPERATIONS = {
  "credit_notes.create": createNote,
  "credit_notes.preview": (call: StripeCall) => newNote(call),
  "credit_notes.retrieve": (call: StripeCall) => CREDIT_NOTES.require(call),
  "credit_notes.update": (call: StripeCall) => CREDIT_NOTES.update(call),
  "credit_notes.void": voidNote,
  "credit_notes.list": (call: StripeCall) => CREDIT_NOTES.list(call),
  "credit_notes.list_lines": (call: StripeCall) =>
    pageOf(call, CREDIT_NOTES.require(call)["lines"], `/v1/credit_notes/${call.id}/lines`),
} as const;

const LINE_BLANK: JsonObject = {
  ...nulls("description quantity taxes unit_amount unit_amount_decimal"),
  amount: 0,
  discount_amount: 0,
  discount_amounts: [],
  pretax_credit_amounts: [],
  tax_rates: [],
  type: "custom_line_item",
};

function newNote(call: StripeCall): StripeObject {
  const { params } = call;
  const invoice = INVOICES.refer(call, text(params, "invoice"), "invoice");
  if (invoice["status"] !== "open" && invoice["status"] !== "paid") {
    throw invalidRequest("Credit notes can only be created for open or paid invoices.", { param: "invoice" });
  }
  const id = CREDIT_NOTES.collection(call).newId("cn");
  const lines = hashesIn(params, "lines").map((line) => noteLine(call, invoice, line));
  const amount = creditedAmount(params, lines);
  const before =
    amountOf(invoice, "pre_payment_credit_notes_amount") +
    amountOf(invoice, "post_payment_credit_notes_amount");
  if (before + amount > amountOf(invoice, "total")) {
    throw invalidRequest("The sum of credit notes cannot exceed the total of the invoice.", {
      param: "amount",
    });
  }
  const prePayment = Math.min(amount, amountOf(invoice, "amount_remaining"));
  const postPayment = amount - prePayment;
  checkSettlement(params, postPayment);
  return CREDIT_NOTES.build(call, {
    id,
    amount,
    currency: invoice["currency"] ?? "usd",
    customer: invoice["customer"] ?? null,
    effective_at: integer(params, "effective_at") ?? call.now,
    invoice: invoice.id,
    lines: listOf(lines, `/v1/credit_notes/${id}/lines`),
    number: `${invoice["number"]}-CN-01`,
    pdf: `https://pay.stripe.com/credit_notes/acct_sandbox/${id}/pdf`,
    post_payment_amount: postPayment,
    pre_payment_amount: prePayment,
    refunds: [],
    subtotal: amount,
    subtotal_excluding_tax: amount,
    total: amount,
    total_excluding_tax: amount,
    total_taxes: [],
    type: postPayment === 0 ? "pre_payment" : prePayment === 0 ? "post_payment" : "mixed",
  });
}

function creditedAmount(params: Params, lines: readonly StripeObject[]): number {
  const amount = integer(params, "amount");
  if (lines.length > 0) return lines.reduce((sum, line) => sum + amountOf(line, "amount"), 0);
  const parts = ["refund_amount", "credit_amount", "out_of_band_amount"].map((name) => integer(params, name));
  const sum = parts.reduce<number>((total, part) => total + (part ?? 0), 0);
  if (amount === undefined && parts.every((part) => part === undefined)) throw missing("amount");
  return amount ?? sum;
}

function noteLine(call: StripeCall, invoice: StripeObject, line: JsonObject): StripeObject {
  const wanted = text(line, "invoice_line_item");
  const billed = linesOf(invoice).find(({ id }) => id === wanted);
  if (wanted !== undefined && billed === undefined) throw noSuch("invoice line item", wanted, "lines", 400);
  const quantity = amountIn(line, "quantity") ?? (billed === undefined ? 1 : amountOf(billed, "quantity"));
  const unit = amountIn(line, "unit_amount");
  const share =
    billed === undefined || amountOf(billed, "quantity") === 0
      ? undefined
      : Math.round((amountOf(billed, "amount") * quantity) / amountOf(billed, "quantity"));
  const amount = amountIn(line, "amount") ?? (unit === undefined ? share : unit * quantity);
  if (amount === undefined) throw missing("lines[amount]");
  return {
    ...LINE_BLANK,
    id: call.account.objects("credit_note_line_item").newId("cnli"),
    object: "credit_note_line_item",
    amount,
    description: text(line, "description") ?? billed?.["description"] ?? null,
    livemode: false,
    metadata: {},
    quantity,
    unit_amount: unit ?? null,
    unit_amount_decimal: unit === undefined ? null : String(unit),
    ...(wanted === undefined ? {} : { invoice_line_item: wanted, type: "invoice_line_item" }),
  };
}

/** What was paid already has to go somewhere: to the card, to the customer's balance or outside of Stripe. */
function checkSettlement(params: Params, postPayment: number): void {
  const settled = ["refund_amount", "credit_amount", "out_of_band_amount"].reduce(
    (sum, name) => sum + (integer(params, name) ?? 0),
    hashesIn(params, "refunds").reduce((sum, refund) => sum + (amountIn(refund, "amount_refunded") ?? 0), 0),
  );
  if (settled === postPayment) return;
  throw invalidRequest(
    `The sum of refund_amount, credit_amount and out_of_band_amount (${settled}) must equal the post payment amount ` +
      `of the credit note (${postPayment}).`,
  );
}

function createNote(call: StripeCall): StripeObject {
  const { account, params } = call;
  const note = newNote(call);
  const invoice = INVOICES.refer(call, note["invoice"], "invoice");
  const refunded = integer(params, "refund_amount") ?? 0;
  const credited = integer(params, "credit_amount") ?? 0;
  const currency = String(note["currency"]);
  if (refunded > 0) {
    account.count(currency, "refunded", refunded);
    account.transact(call, {
      type: "refund",
      reporting_category: "refund",
      amount: -refunded,
      currency,
      source: note.id,
      description: "REFUND BY CREDIT NOTE",
    });
  }
  const customer = findCustomer(call, String(note["customer"]));
  if (credited > 0 && customer !== undefined) {
    account.customers.put({ ...customer, balance: customer.balance - credited });
  }
  const prePayment = amountOf(note, "pre_payment_amount");
  INVOICES.change(call, invoice, {
    amount_due: amountOf(invoice, "amount_due") - prePayment,
    amount_remaining: amountOf(invoice, "amount_remaining") - prePayment,
    post_payment_credit_notes_amount:
      amountOf(invoice, "post_payment_credit_notes_amount") + amountOf(note, "post_payment_amount"),
    pre_payment_credit_notes_amount: amountOf(invoice, "pre_payment_credit_notes_amount") + prePayment,
    ...(invoice["status"] === "open" && prePayment === amountOf(invoice, "amount_remaining")
      ? { status: "paid" }
      : {}),
  });
  return CREDIT_NOTES.add(call, note);
}

function voidNote(call: StripeCall): StripeObject {
  const note = CREDIT_NOTES.require(call);
  if (note["status"] !== "issued" || amountOf(note, "post_payment_amount") > 0) {
    throw invalidRequest("You can only void an issued credit note whose invoice has not been paid.");
  }
  const invoice = INVOICES.refer(call, note["invoice"], "invoice");
  const prePayment = amountOf(note, "pre_payment_amount");
  INVOICES.change(call, invoice, {
    amount_due: amountOf(invoice, "amount_due") + prePayment,
    amount_remaining: amountOf(invoice, "amount_remaining") + prePayment,
    pre_payment_credit_notes_amount: amountOf(invoice, "pre_payment_credit_notes_amount") - prePayment,
    status: "open",
  });
  return CREDIT_NOTES.change(call, note, { status: "void", voided_at: call.now }, "voided");
}
