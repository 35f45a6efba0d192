import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { chargeCard } from "./charging.ts";
import { findCustomer } from "./customer-reference.ts";
import { invalidRequest, StripeError } from "./error.ts";
import type { PaymentMethod, StripeObject } from "./objects.ts";
import { text } from "./parameters.ts";
import { type Decline, findPaymentMethod } from "./payment-methods.ts";
import { amountOf } from "./resource.ts";

interface InvoicePayment {
  /** Somebody paid elsewhere: no card is charged. */
  readonly isOutOfBand: boolean;
  /** The payment method to charge; the invoice's or customer's default when undefined. */
  readonly method: string | undefined;
}

/** Pays an open invoice. Throws the card error when declined and Stripe's error when there is no card. */
export function payInvoice(call: StripeCall, invoice: StripeObject, payment: InvoicePayment): StripeObject {
  const amount = amountOf(invoice, "amount_remaining");
  if (amount > 0 && !payment.isOutOfBand) chargeInvoice(call, invoice, amount, payment.method);
  const paid: StripeObject = {
    ...invoice,
    amount_paid: payment.isOutOfBand ? 0 : amountOf(invoice, "amount_paid") + amount,
    amount_remaining: 0,
    attempt_count: amountOf(invoice, "attempt_count") + (amount > 0 && !payment.isOutOfBand ? 1 : 0),
    attempted: true,
    auto_advance: false,
    status: "paid",
    status_transitions: { ...(invoice["status_transitions"] as JsonObject), paid_at: call.now },
  };
  call.account.objects("invoice").put(paid);
  call.account.emit(call, "invoice.paid", paid);
  return paid;
}

/** The card that an invoice of this customer is charged to; undefined when there is none. */
export function defaultMethod(
  call: StripeCall,
  customerId: string,
  preferred: string | undefined,
): PaymentMethod | undefined {
  const customer = findCustomer(call, customerId);
  const id =
    preferred ??
    text(customer?.invoice_settings ?? {}, "default_payment_method") ??
    customer?.default_source ??
    undefined;
  return id === undefined ? undefined : findPaymentMethod(call, id, customerId);
}

function chargeInvoice(
  call: StripeCall,
  invoice: StripeObject,
  amount: number,
  wanted: string | undefined,
): void {
  const customer = String(invoice["customer"]);
  const method = defaultMethod(call, customer, wanted ?? text(invoice, "default_payment_method"));
  if (method === undefined) {
    throw invalidRequest(
      "This customer has no attached payment source or default payment method. Please consider adding a default " +
        "payment method. For more information, visit https://stripe.com/docs/billing/customer.",
      { code: "resource_missing" },
    );
  }
  const { charge, decline } = chargeCard(call, {
    amount,
    currency: String(invoice["currency"]),
    method,
    capture: true,
    paymentIntent: null,
    customer,
    description: `Payment for Invoice ${invoice["number"]}`,
    metadata: {},
    applicationFeeAmount: null,
    onBehalfOf: text(invoice, "on_behalf_of") ?? null,
    receiptEmail: null,
    shipping: null,
    statementDescriptor: text(invoice, "statement_descriptor") ?? null,
    statementDescriptorSuffix: null,
    transferData: null,
    transferGroup: null,
  });
  if (decline === null) return;
  const failed: StripeObject = {
    ...invoice,
    attempt_count: amountOf(invoice, "attempt_count") + 1,
    attempted: true,
  };
  call.account.objects("invoice").put(failed);
  call.account.emit(call, "invoice.payment_failed", failed);
  throw declined(charge.id, decline);
}

function declined(charge: string, { code, declineCode, message }: Decline): StripeError {
  return new StripeError(402, {
    type: "card_error",
    code,
    message,
    details: { charge, ...(declineCode === null ? {} : { decline_code: declineCode }) },
  });
}
