import type { StripeCall } from "./account.ts";
import type { StripeObject } from "./objects.ts";
import { text } from "./parameters.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's issuing Card. Cardholders are not kept: every id has one. */
export const ISSUING_CARDS = new Resource({
  kind: "issuing.card",
  prefix: "ic",
  url: "/v1/issuing/cards",
  equal: ["last4", "status", "type"],
  blank: {
    ...{
      ...nulls(
        "cancellation_reason latest_fraud_warning lifecycle_controls personalization_design " +
          "replaced_by replacement_for replacement_reason second_line shipping wallets",
      ),
      brand: "",
      cardholder: "",
      currency: "",
      exp_month: 0,
      exp_year: 0,
      last4: "",
      spending_controls: {
        ...nulls(
          "allowed_card_presences allowed_categories allowed_merchant_countries blocked_card_presences " +
            "blocked_categories blocked_merchant_countries spending_limits spending_limits_currency",
        ),
      },
      status: "active",
      type: "physical",
    },
    brand: "Visa",
    exp_month: 12,
    exp_year: 2_034,
    last4: "4242",
  },
});

/** The endpoints below `/v1/issuing/cards`. */
export const ISSUING_CARD_OPERATIONS = {
  "issuing_cards.create": createCard,
  "issuing_cards.retrieve": (call: StripeCall) => ISSUING_CARDS.require(call),
  "issuing_cards.update": updateCard,
  "issuing_cards.list": (call: StripeCall) => {
    const cardholder = text(call.params, "cardholder");
    return ISSUING_CARDS.list(
      call,
      (card) => cardholder === undefined || (card["cardholder"] as StripeObject).id === cardholder,
    );
  },
} as const;

function createCard(call: StripeCall): StripeObject {
  return ISSUING_CARDS.create(call, {
    cardholder: cardholder(call, text(call.params, "cardholder") ?? "ich_3SandboxCardholder0000001"),
    status: text(call.params, "status") ?? "inactive",
  });
}

function updateCard(call: StripeCall): StripeObject {
  const card = ISSUING_CARDS.require(call);
  return ISSUING_CARDS.update(call, { cardholder: card["cardholder"] ?? null });
}

function cardholder(call: StripeCall, id: string): StripeObject {
  const address = {
    city: "Anytown",
    country: "US",
    line1: "1 Main Street",
    line2: null,
    postal_code: "00000",
    state: "CA",
  };
  return {
    ...nulls("company email individual phone_number preferred_locales spending_controls"),
    id,
    object: "issuing.cardholder",
    billing: { address },
    created: call.now,
    livemode: false,
    metadata: {},
    name: "Sandbox Cardholder",
    requirements: { disabled_reason: null, past_due: [] },
    status: "active",
    type: "individual",
  };
}
