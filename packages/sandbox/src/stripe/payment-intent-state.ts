import type { StripeCall } from "./account.ts";
import { captureCharge, chargeCard, releaseCharge } from "./charging.ts";
import { StripeError } from "./error.ts";
import type { Charge, IntentStatus, PaymentIntent, PaymentMethod } from "./objects.ts";
import type { Decline } from "./payment-methods.ts";

/** The states in which an intent has not been paid and can still be changed. */
export const OPEN_STATUSES: readonly IntentStatus[] = ["requires_payment_method", "requires_confirmation"];

/** Stripe's refusal of an action in the intent's present state; carries the intent. */
export function unexpectedState(intent: PaymentIntent, message: string): StripeError {
  return new StripeError(400, {
    type: "invalid_request_error",
    code: "payment_intent_unexpected_state",
    message,
    details: { payment_intent: intent },
  });
}

/** Pays an open intent with a card: to succeeded or requires_capture. Throws the card error when declined. */
export function payIntent(call: StripeCall, intent: PaymentIntent, method: PaymentMethod): PaymentIntent {
  const { account } = call;
  const isManual = intent.capture_method === "manual";
  const { charge, decline } = chargeCard(call, {
    amount: intent.amount,
    currency: intent.currency,
    method,
    capture: !isManual,
    paymentIntent: intent.id,
    customer: intent.customer,
    description: intent.description,
    metadata: intent.metadata,
    applicationFeeAmount: intent.application_fee_amount,
    onBehalfOf: intent.on_behalf_of,
    receiptEmail: intent.receipt_email,
    shipping: intent.shipping,
    statementDescriptor: intent.statement_descriptor,
    statementDescriptorSuffix: intent.statement_descriptor_suffix,
    transferData: intent.transfer_data,
    transferGroup: intent.transfer_group,
  });
  if (decline !== null) throw declineIntent(call, intent, method, charge, decline);
  const paid = account.paymentIntents.put({
    ...intent,
    amount_capturable: isManual ? intent.amount : 0,
    amount_received: isManual ? 0 : intent.amount,
    last_payment_error: null,
    latest_charge: charge.id,
    payment_method: method.id,
    status: isManual ? "requires_capture" : "succeeded",
  });
  account.emit(
    call,
    isManual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded",
    paid,
  );
  return paid;
}

/** Captures `amount` of an authorized intent; `isFinal` releases the rest and ends the intent. */
export function captureIntent(
  call: StripeCall,
  intent: PaymentIntent,
  amount: number,
  isFinal: boolean,
): PaymentIntent {
  const charge = chargeOf(call, intent);
  if (charge !== undefined) captureCharge(call, charge, amount, isFinal);
  const rest = intent.amount_capturable - amount;
  const isDone = isFinal || rest === 0;
  const captured = call.account.paymentIntents.put({
    ...intent,
    amount_capturable: isDone ? 0 : rest,
    amount_received: intent.amount_received + amount,
    status: isDone ? "succeeded" : "requires_capture",
  });
  const event = isDone ? "payment_intent.succeeded" : "payment_intent.amount_capturable_updated";
  call.account.emit(call, event, captured);
  return captured;
}

/** Cancels an intent and releases what it holds on the card. */
export function cancelIntent(call: StripeCall, intent: PaymentIntent, reason: string | null): PaymentIntent {
  const charge = intent.status === "requires_capture" ? chargeOf(call, intent) : undefined;
  if (charge !== undefined && charge.amount_captured === 0) releaseCharge(call, charge);
  const canceled = call.account.paymentIntents.put({
    ...intent,
    amount_capturable: 0,
    canceled_at: call.now,
    cancellation_reason: reason,
    status: "canceled",
  });
  call.account.emit(call, "payment_intent.canceled", canceled);
  return canceled;
}

/** Raises the authorized amount of an intent that waits for its capture. */
export function raiseIntent(call: StripeCall, intent: PaymentIntent, amount: number): PaymentIntent {
  const added = amount - intent.amount;
  const charge = chargeOf(call, intent);
  if (charge !== undefined) call.account.charges.put({ ...charge, amount: charge.amount + added });
  const raised = call.account.paymentIntents.put({
    ...intent,
    amount,
    amount_capturable: intent.amount_capturable + added,
  });
  call.account.emit(call, "payment_intent.amount_capturable_updated", raised);
  return raised;
}

function chargeOf(call: StripeCall, intent: PaymentIntent): Charge | undefined {
  return intent.latest_charge === null ? undefined : call.account.charges.get(intent.latest_charge);
}

function declineIntent(
  call: StripeCall,
  intent: PaymentIntent,
  method: PaymentMethod,
  charge: Charge,
  decline: Decline,
): StripeError {
  const reason = {
    charge: charge.id,
    ...(decline.declineCode === null ? {} : { decline_code: decline.declineCode }),
  };
  const failed = call.account.paymentIntents.put({
    ...intent,
    last_payment_error: {
      ...reason,
      code: decline.code,
      doc_url: `https://stripe.com/docs/error-codes/${decline.code.replaceAll("_", "-")}`,
      message: decline.message,
      payment_method: method,
      type: "card_error",
    },
    latest_charge: charge.id,
    payment_method: null,
    status: "requires_payment_method",
  });
  call.account.emit(call, "payment_intent.payment_failed", failed);
  return new StripeError(402, {
    type: "card_error",
    code: decline.code,
    message: decline.message,
    details: { ...reason, payment_intent: failed, payment_method: method },
  });
}
