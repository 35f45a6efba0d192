import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import { randomText } from "./ids.ts";
import { pageOf } from "./inner-list.ts";
import type { ObjectList } from "./listing.ts";
import type { StripeObject } from "./objects.ts";
import { integer, missing, text } from "./parameters.ts";
import { commonCurrency, lineItem, listOf, priceItem, sumOf } from "./pricing.ts";
import { hashesIn, nulls, Resource } from "./resource.ts";

/** Stripe's checkout Session, which nobody ever completes here. */
export const CHECKOUT_SESSIONS = new Resource({
  kind: "checkout.session",
  prefix: "cs_test",
  url: "/v1/checkout/sessions",
  equal: ["customer", "payment_intent", "payment_link", "status", "subscription"],
  blank: {
    ...nulls(
      "adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types " +
        "amount_subtotal amount_total billing_address_collection cancel_url client_reference_id " +
        "client_secret collected_information consent consent_collection currency currency_conversion " +
        "customer customer_account customer_creation customer_details customer_email discounts " +
        "integration_identifier invoice invoice_creation locale managed_payments origin_context " +
        "payment_intent payment_link payment_method_collection payment_method_configuration_details " +
        "payment_method_options permissions recovered_from saved_payment_method_options setup_intent " +
        "shipping_address_collection shipping_cost status submit_type subscription success_url " +
        "total_details ui_mode url wallet_options",
    ),
    automatic_tax: { ...nulls("liability provider status"), enabled: false },
    custom_fields: [],
    custom_text: { ...nulls("after_submit shipping_address submit terms_of_service_acceptance") },
    expires_at: 0,
    mode: "payment",
    payment_method_types: [],
    payment_status: "no_payment_required",
    shipping_options: [],
  },
});

/** The endpoints below `/v1/checkout/sessions`. */
export const CHECKOUT_SESSION_OPERATIONS = {
  "checkout_sessions.create": createSession,
  "checkout_sessions.retrieve": (call: StripeCall) => withoutLines(CHECKOUT_SESSIONS.require(call)),
  "checkout_sessions.update": (call: StripeCall) => withoutLines(CHECKOUT_SESSIONS.update(call)),
  "checkout_sessions.expire": expireSession,
  "checkout_sessions.list": (call: StripeCall) => {
    const page = CHECKOUT_SESSIONS.list(call);
    return { ...page, data: page.data.map(withoutLines) };
  },
  "checkout_sessions.list_lines": (call: StripeCall): ObjectList<StripeObject> =>
    pageOf(
      call,
      CHECKOUT_SESSIONS.require(call)["line_items"],
      `/v1/checkout/sessions/${call.id}/line_items`,
    ),
} as const;

const DAY_SECONDS = 86_400;

function createSession(call: StripeCall): StripeObject {
  const { params } = call;
  const mode = text(params, "mode") ?? "payment";
  const items = hashesIn(params, "line_items").map((item) => priceItem(call, item));
  if (items.length === 0 && mode !== "setup") throw missing("line_items");
  const currency =
    mode === "setup" ? (text(params, "currency") ?? null) : commonCurrency(items, "line_items");
  const id = CHECKOUT_SESSIONS.collection(call).newId("cs_test");
  const total = mode === "setup" ? null : sumOf(items);
  const session = CHECKOUT_SESSIONS.create(call, {
    id,
    amount_subtotal: total,
    amount_total: total,
    currency,
    expires_at: integer(params, "expires_at") ?? call.now + DAY_SECONDS,
    line_items: listOf(
      items.map((item) => lineItem(call, item)),
      `/v1/checkout/sessions/${id}/line_items`,
    ),
    mode,
    payment_method_types: ["card"],
    payment_status: total === null || total === 0 ? "no_payment_required" : "unpaid",
    status: "open",
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    url: `https://checkout.stripe.com/c/pay/${id}#${randomText(24)}`,
  });
  return withoutLines(session);
}

function expireSession(call: StripeCall): StripeObject {
  const session = CHECKOUT_SESSIONS.require(call);
  if (session["status"] !== "open") {
    throw invalidRequest(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ` +
        `${session["status"]}.`,
    );
  }
  return withoutLines(CHECKOUT_SESSIONS.change(call, session, { status: "expired", url: null }, "expired"));
}

/** Line items are in the answer only when expanded; they have a list of their own. */
function withoutLines(session: StripeObject): StripeObject {
  const { line_items: _, ...rest } = session;
  return rest as StripeObject;
}
