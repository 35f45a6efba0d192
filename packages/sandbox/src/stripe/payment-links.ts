import type { StripeCall } from "./account.ts";
import { randomText } from "./ids.ts";
import { pageOf } from "./inner-list.ts";
import type { StripeObject } from "./objects.ts";
import { commonCurrency, lineItem, listOf, priceItem } from "./pricing.ts";
import { hashesIn, nulls, Resource } from "./resource.ts";

/** Stripe's PaymentLink. */
export const PAYMENT_LINKS = new Resource({
  kind: "payment_link",
  prefix: "plink",
  url: "/v1/payment_links",
  equal: ["active"],
  blank: {
    ...{
      ...nulls(
        "application application_fee_amount application_fee_percent consent_collection " +
          "inactive_message invoice_creation managed_payments on_behalf_of payment_intent_data " +
          "payment_method_options payment_method_types restrictions shipping_address_collection " +
          "subscription_data transfer_data",
      ),
      active: false,
      after_completion: { type: "hosted_confirmation" },
      allow_promotion_codes: false,
      automatic_tax: { ...nulls("liability"), enabled: false },
      billing_address_collection: "auto",
      currency: "",
      custom_fields: [],
      custom_text: { ...nulls("after_submit shipping_address submit terms_of_service_acceptance") },
      customer_creation: "always",
      payment_method_collection: "always",
      phone_number_collection: { enabled: false },
      shipping_options: [],
      submit_type: "auto",
      tax_id_collection: { enabled: false, required: "if_supported" },
      url: "",
    },
    active: true,
    customer_creation: "if_required",
  },
});

/** The endpoints below `/v1/payment_links`. */
export const PAYMENT_LINK_OPERATIONS = {
  "payment_links.create": createLink,
  "payment_links.retrieve": (call: StripeCall) => withoutLines(PAYMENT_LINKS.require(call)),
  "payment_links.update": (call: StripeCall) => withoutLines(PAYMENT_LINKS.update(call)),
  "payment_links.list": (call: StripeCall) => {
    const page = PAYMENT_LINKS.list(call);
    return { ...page, data: page.data.map(withoutLines) };
  },
  "payment_links.list_lines": (call: StripeCall) =>
    pageOf(call, PAYMENT_LINKS.require(call)["line_items"], `/v1/payment_links/${call.id}/line_items`),
} as const;

function createLink(call: StripeCall): StripeObject {
  const items = hashesIn(call.params, "line_items").map((item) => priceItem(call, item));
  const currency = commonCurrency(items, "line_items");
  const id = PAYMENT_LINKS.collection(call).newId("plink");
  const lines = items.map((item) => lineItem(call, item));
  const link = PAYMENT_LINKS.create(call, {
    id,
    currency,
    line_items: listOf(lines, `/v1/payment_links/${id}/line_items`),
    url: `https://buy.stripe.com/test_${randomText(18)}`,
  });
  return withoutLines(link);
}

function withoutLines(link: StripeObject): StripeObject {
  const { line_items: _, ...rest } = link;
  return rest as StripeObject;
}
