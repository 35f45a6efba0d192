import type { StripeCall } from "./account.ts";
import { requireCustomer } from "./customer-reference.ts";
import { invalidRequest, StripeError } from "./error.ts";
import { randomText } from "./ids.ts";
import type { StripeObject } from "./objects.ts";
import { flag, text } from "./parameters.ts";
import { declineOf, namedPaymentMethod } from "./payment-methods.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's SetupIntent. */
export const SETUP_INTENTS = new Resource({
  kind: "setup_intent",
  prefix: "seti",
  url: "/v1/setup_intents",
  equal: ["customer", "payment_method"],
  blank: {
    ...{
      ...nulls(
        "allowed_payment_method_types application automatic_payment_methods cancellation_reason " +
          "client_secret customer description excluded_payment_method_types last_setup_error " +
          "latest_attempt mandate next_action on_behalf_of payment_method " +
          "payment_method_configuration_details payment_method_options single_use_mandate",
      ),
      payment_method_types: [],
      status: "canceled",
      usage: "",
    },
    usage: "off_session",
  },
});

/** The endpoints below `/v1/setup_intents`. */
export const SETUP_INTENT_OPERATIONS = {
  "setup_intents.create": createSetup,
  "setup_intents.retrieve": (call: StripeCall) => SETUP_INTENTS.require(call),
  "setup_intents.update": (call: StripeCall) => SETUP_INTENTS.update(call),
  "setup_intents.confirm": confirmSetup,
  "setup_intents.cancel": cancelSetup,
  "setup_intents.list": (call: StripeCall) => SETUP_INTENTS.list(call),
} as const;

function createSetup(call: StripeCall): StripeObject {
  const customer = requireCustomer(call);
  const method = namedPaymentMethod(call, customer);
  const id = SETUP_INTENTS.collection(call).newId("seti");
  if (method !== undefined) call.account.paymentMethods.put(method);
  const setup = SETUP_INTENTS.create(call, {
    id,
    automatic_payment_methods: { allow_redirects: "always", enabled: true },
    client_secret: `${id}_secret_${randomText(25)}`,
    payment_method: method?.id ?? null,
    payment_method_types: ["card"],
    status: method === undefined ? "requires_payment_method" : "requires_confirmation",
  });
  return flag(call.params, "confirm") === true ? finishSetup(call, setup) : setup;
}

/** Keeps the card of a setup intent for its customer. Throws the card error when the card refuses. */
export function finishSetup(call: StripeCall, setup: StripeObject): StripeObject {
  const { account } = call;
  const method = account.paymentMethods.get(text(setup, "payment_method") ?? "");
  if (method === undefined) {
    throw invalidRequest("You cannot confirm this SetupIntent because it's missing a payment method.", {
      code: "setup_intent_unexpected_state",
    });
  }
  const decline = declineOf(method);
  if (decline !== null) {
    throw new StripeError(402, {
      type: "card_error",
      code: decline.code,
      message: decline.message,
      details: { setup_intent: setup },
    });
  }
  const customer = text(setup, "customer");
  if (customer !== undefined) account.paymentMethods.put({ ...method, customer });
  return SETUP_INTENTS.change(call, setup, { status: "succeeded" }, "succeeded");
}

function confirmSetup(call: StripeCall): StripeObject {
  const setup = requireOpen(call, "confirm");
  const method = namedPaymentMethod(call, text(setup, "customer") ?? null);
  if (method === undefined) return finishSetup(call, setup);
  call.account.paymentMethods.put(method);
  return finishSetup(call, { ...setup, payment_method: method.id });
}

function requireOpen(call: StripeCall, action: string): StripeObject {
  const setup = SETUP_INTENTS.require(call);
  if (String(setup["status"]).startsWith("requires_")) return setup;
  throw invalidRequest(
    `You cannot ${action} this SetupIntent because it has a status of ${setup["status"]}.`,
    { code: "setup_intent_unexpected_state" },
  );
}

function cancelSetup(call: StripeCall): StripeObject {
  const setup = requireOpen(call, "cancel");
  const reason = text(call.params, "cancellation_reason") ?? null;
  return SETUP_INTENTS.change(call, setup, { cancellation_reason: reason, status: "canceled" }, "canceled");
}
