const OBJECT =
  "what the object that it completes comes to, read at Stripe; an amount counts once over create, confirm and capture";
const PREVIEW = "what Stripe's own preview of the next invoice says";

/** How each rule that the catalogue's column `quote` names prices a call. */
export const STRIPE_PRICE_RULES: Readonly<Record<string, string>> = {
  none: "free",
  amount: "the `amount` and `currency` of the request",
  signed_amount: "the `amount` of the request, with either sign",
  raise:
    "the amount that the request states, else the object's, read at Stripe; only what was not counted before costs",
  whole: OBJECT,
  reader: OBJECT,
  refund:
    "the `amount` of the request, at most what is left of the charge; without one all that is left, read at Stripe",
  rest: "the `amount` of the request, at most what is left of the object; without one all that is left, read at Stripe",
  object: "the object's whole amount, read at Stripe",
  named: "the whole amount of the object that the request names, read at Stripe",
  customer: "free; with `balance` it has no price",
  invoice: "what is due on the invoice, read at Stripe",
  invoice_create: "free as a draft; one that advances by itself must be created empty",
  invoice_update:
    "free for a draft; what is due on the invoice, read at Stripe, when the update lets it advance by itself",
  invoice_lines: "the invoice's total with the lines that the request adds, its prices read at Stripe",
  invoice_item: "the item's amount, its price read at Stripe",
  invoice_item_update: "the item's new `amount`",
  subscription_create: PREVIEW,
  subscription_update: `${PREVIEW}; free when the update charges nothing`,
  subscription_cancel: `${PREVIEW}; free when nothing is invoiced`,
  subscription_resume: PREVIEW,
  subscription_item: PREVIEW,
  checkout: "the sum of the session's lines, their prices read at Stripe",
  payment_link:
    "the sum of the link's lines times the payments that it is restricted to, their prices read at Stripe",
  quote: "the quote's total, read at Stripe",
  credit_note: "what Stripe's own preview of the credit note says",
  credit_grant: "the monetary amount of the request",
  charge_dispute: "the dispute's amount, read at Stripe",
  approval: "the `amount` of the request, else that of the authorization, read at Stripe",
  climate_order: "the `amount` and `currency` of the request",
  flat: "two deposits of less than a dollar, counted as two dollars",
  v2_amount: "the `amount` of the request",
  v2_object: "the object's amount, read at Stripe",
  v2_update: "the object's amount, read at Stripe; free when the update moves nothing",
  unpriced: "not known beforehand",
};
