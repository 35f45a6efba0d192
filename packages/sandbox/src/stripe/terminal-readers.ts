import type { Json, JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest, noSuch } from "./error.ts";
import type { PaymentIntent, StripeObject } from "./objects.ts";
import { text } from "./parameters.ts";
import { OPEN_STATUSES, payIntent, unexpectedState } from "./payment-intent-state.ts";
import { findPaymentMethod } from "./payment-methods.ts";
import { refundCharge } from "./refunds.ts";
import { nulls, Resource } from "./resource.ts";
import { finishSetup, SETUP_INTENTS } from "./setup-intents.ts";

/** Stripe's terminal Reader. Somebody presents a Visa at once, so an action has succeeded when the call returns. */
export const READERS = new Resource({
  kind: "terminal.reader",
  prefix: "tmr",
  url: "/v1/terminal/readers",
  equal: ["device_type", "location", "serial_number", "status"],
  ranges: [],
  blank: {
    ...{
      ...nulls("action device_sw_version ip_address last_seen_at location status"),
      device_type: "bbpos_chipper2x",
      label: "",
      serial_number: "",
    },
    device_type: "simulated_wisepos_e",
    status: "online",
  },
});

/** The endpoints below `/v1/terminal/readers`. */
export const TERMINAL_READER_OPERATIONS = {
  "terminal_readers.create": (call: StripeCall) =>
    READERS.create(call, {
      label: text(call.params, "label") ?? "Sandbox reader",
      serial_number: "SANDBOX-1",
    }),
  "terminal_readers.retrieve": (call: StripeCall) => READERS.require(call),
  "terminal_readers.update": (call: StripeCall) => READERS.update(call),
  "terminal_readers.list": (call: StripeCall) => READERS.list(call),
  "terminal_readers.process_payment_intent": (call: StripeCall) =>
    payAtReader(call, "process_payment_intent"),
  "terminal_readers.confirm_payment_intent": (call: StripeCall) =>
    payAtReader(call, "confirm_payment_intent"),
  "terminal_readers.process_setup_intent": setUpAtReader,
  "terminal_readers.refund_payment": refundAtReader,
  "terminal_readers.cancel_action": (call: StripeCall) =>
    READERS.change(call, READERS.require(call), { action: null }),
} as const;

/** Shows what the reader did. */
function act(call: StripeCall, reader: StripeObject, type: string, details: JsonObject): StripeObject {
  const action: JsonObject = {
    failure_code: null,
    failure_message: null,
    status: "succeeded",
    type,
    [type]: details,
  };
  return READERS.change(call, reader, { action, last_seen_at: call.now * 1_000 }, "action_succeeded");
}

function payAtReader(call: StripeCall, type: string): StripeObject {
  const reader = READERS.require(call);
  const intent = requireIntent(call);
  if (!OPEN_STATUSES.includes(intent.status)) {
    throw unexpectedState(
      intent,
      `This PaymentIntent has a status of ${intent.status} and cannot be collected.`,
    );
  }
  const method = findPaymentMethod(call, intent.payment_method ?? "pm_card_visa", intent.customer);
  call.account.paymentMethods.put(method);
  const paid = payIntent(call, intent, method);
  return act(call, reader, type, {
    payment_intent: paid.id,
    ...(type === "process_payment_intent" ? { process_config: {} } : {}),
  });
}

function requireIntent(call: StripeCall): PaymentIntent {
  const id = text(call.params, "payment_intent") ?? "";
  const intent = call.account.paymentIntents.get(id);
  if (intent === undefined) throw noSuch("payment_intent", id, "payment_intent", 400);
  return intent;
}

function setUpAtReader(call: StripeCall): StripeObject {
  const reader = READERS.require(call);
  const setup = SETUP_INTENTS.refer(call, text(call.params, "setup_intent"), "setup_intent");
  if (!String(setup["status"]).startsWith("requires_")) {
    throw invalidRequest(`This SetupIntent has a status of ${setup["status"]} and cannot be processed.`);
  }
  const method = findPaymentMethod(
    call,
    text(setup, "payment_method") ?? "pm_card_visa",
    text(setup, "customer") ?? null,
  );
  call.account.paymentMethods.put(method);
  const done = finishSetup(call, { ...setup, payment_method: method.id });
  return act(call, reader, "process_setup_intent", {
    generated_card: method.id,
    process_config: {},
    setup_intent: done.id,
  });
}

function refundAtReader(call: StripeCall): StripeObject {
  const reader = READERS.require(call);
  const refund = refundCharge(call);
  return act(call, reader, "refund_payment", {
    amount: refund.amount,
    charge: refund.charge,
    metadata: refund.metadata as Json,
    payment_intent: refund.payment_intent,
    refund: refund.id,
  });
}
