import { rootOf } from "../../form.ts";
import { type LineSum, sumLines } from "./lines.ts";
import type { Parameters } from "./parameters.ts";
import { FREE, type Priced, type Quoted, sumPrice, unpriced } from "./price.ts";

const MISSING = "the lines must state their currency";
const AMOUNT = /^(?:0|[1-9][0-9]{0,11})$/;
const SESSIONS = /^[1-9][0-9]{0,5}$/;

/** Every parameter of a session and a link that this file takes into account or that adds nothing to the total. */
const KNOWN = new Set(
  `adaptive_pricing after_completion after_expiration allow_promotion_codes allowed_payment_method_types
  application_fee_amount application_fee_percent automatic_tax billing_address_collection branding_settings cancel_url
  client_reference_id consent_collection currency custom_fields custom_text customer customer_account
  customer_creation customer_email customer_update discounts excluded_payment_method_types expand expires_at
  inactive_message integration_identifier invoice_creation line_items locale metadata mode name_collection
  on_behalf_of optional_items origin_context payment_intent_data payment_method_collection
  payment_method_configuration payment_method_data payment_method_options payment_method_types permissions
  phone_number_collection redirect_on_completion restrictions return_url saved_payment_method_options
  setup_intent_data shipping_address_collection shipping_options submit_type subscription_data success_url
  tax_id_collection transfer_data ui_mode wallet_options`.split(/\s+/),
);

/** A session is what its lines and its dearest shipping come to; a person pays it later. */
export function quoteCheckout({ parameters, pricing }: Quoted): Priced {
  if (parameters.values.get("mode") === "setup") return FREE;
  const sum = sumOffer(parameters);
  return typeof sum === "string"
    ? unpriced(sum)
    : { price: sumPrice(sum, pricing, MISSING), exposureId: null };
}

/** A link can be paid any number of times, unless it is restricted. */
export function quotePaymentLink({ parameters, pricing }: Quoted): Priced {
  const limit = parameters.values.get("restrictions[completed_sessions][limit]");
  if (limit === undefined || !SESSIONS.test(limit))
    return unpriced(
      "a link can be paid any number of times: set `restrictions[completed_sessions][limit]`, or `on_unpriced` to `allow`",
    );
  const sum = sumOffer(parameters);
  if (typeof sum === "string") return unpriced(sum);
  const times = BigInt(limit);
  const prices = sum.prices.map(({ id, quantity }) => ({ id, quantity: quantity * times }));
  const total = { amount: sum.amount * times, currency: sum.currency, prices };
  return { price: sumPrice(total, pricing, MISSING), exposureId: null };
}

/** Lines and shipping together, or a sentence that says what leaves the total open. */
function sumOffer(parameters: Parameters): LineSum | string {
  const open = findOpen(parameters);
  if (open !== null) return open;
  if (!parameters.fields.some(({ name }) => rootOf(name) === "line_items"))
    return "the request must state `line_items`";
  const lines = sumLines(parameters, "line_items");
  if (typeof lines === "string") return lines;
  const shipping = dearestShipping(parameters);
  if (typeof shipping === "string") return shipping;
  const currency = parameters.values.get("currency")?.toLowerCase() ?? null;
  if (currency !== null && lines.currency !== null && currency !== lines.currency)
    return "the lines are in more than one currency";
  return { ...lines, amount: lines.amount + shipping, currency: lines.currency ?? currency };
}

/** What a person or a tax authority may add to the lines. */
function findOpen({ fields, values }: Parameters): string | null {
  const roots = new Set(fields.map(({ name }) => rootOf(name)));
  if (roots.has("optional_items")) return "`optional_items` leave the total open: put them into `line_items`";
  if ((values.get("automatic_tax[enabled]") ?? "false") !== "false")
    return "`automatic_tax` is not known beforehand: state prices that include tax";
  if (fields.some(({ name }) => name.startsWith("subscription_data[default_tax_rates]")))
    return "`default_tax_rates` add to the lines: state prices that include tax";
  if (fields.some(({ name }) => /^subscription_data\[(?:items|add_invoice_items)\]/.test(name)))
    return "items of `subscription_data` add to the lines: put them into `line_items`";
  const stray = [...roots].find((root) => !KNOWN.has(root));
  return stray === undefined ? null : `what \`${stray}\` adds to the total is not known: leave it out`;
}

/** The dearest of the shipping options, which are in the currency of the lines. */
function dearestShipping({ fields }: Parameters): bigint | string {
  let dearest = 0n;
  for (const { name, value } of fields) {
    if (rootOf(name) !== "shipping_options") continue;
    if (/^shipping_options\[\d+\]\[shipping_rate\]$/.test(name))
      return "a shipping rate is not known beforehand: state it as `shipping_rate_data`";
    if (!name.endsWith("[fixed_amount][amount]")) continue;
    if (!AMOUNT.test(value)) return "a shipping amount must be a whole number of the smallest unit";
    if (BigInt(value) > dearest) dearest = BigInt(value);
  }
  return dearest;
}
