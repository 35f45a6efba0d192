import { rootOf } from "../../form.ts";
import { type Parameters, partsOf } from "./parameters.ts";
import { FREE, lookUp, type Priced, type Quoted, unpriced } from "./price.ts";

const ID = /^[A-Za-z0-9_]{1,255}$/;

/** Fields of an update that charge nothing by themselves. */
const HARMLESS = new Set(
  "cancel_at cancellation_details days_until_due default_payment_method default_source description expand invoice_settings metadata off_session payment_settings".split(
    " ",
  ),
);
/** Fields that stay as they are in a preview. */
const SAME = new Set("automatic_tax currency customer customer_account on_behalf_of".split(" "));
/** Fields that a preview takes inside of `subscription_details`. Trials and discounts only put off what is charged. */
const DETAILS = new Set("default_tax_rates proration_behavior proration_date items".split(" "));
/** Fields of an update that a preview takes with this value only: any other puts off what is charged. */
const UPDATE_DETAILS = new Map([
  ["billing_cycle_anchor", "now"],
  ["cancel_at_period_end", "false"],
  ["trial_end", "now"],
]);
/** Fields that never raise what is charged, and are left out of a preview. Whatever is in no list has no price. */
const LEFT_OUT = new Set(
  "application_fee_percent billing_cycle_anchor billing_cycle_anchor_config billing_mode billing_thresholds cancel_at_period_end collection_method coupon current_trial discounts pause_collection payment_behavior pending_invoice_item_interval promotion_code subscription transfer_data trial_end trial_from_plan trial_period_days trial_settings".split(
    " ",
  ),
);
const ITEM_LEFT_OUT = new Set("billing_thresholds current_trial discounts metadata period trial".split(" "));
const ITEM = new Set("id price plan price_data quantity tax_rates deleted clear_usage".split(" "));

/**
 * A subscription costs what its next invoice comes to, which Stripe previews without writing anything. What it charges
 * in later periods never passes this proxy. Trials and discounts are left out, so that it is never too little.
 */
export function quoteSubscription(quoted: Quoted): Priced {
  const { endpoint, parameters } = quoted;
  const fields = previewOf(endpoint.quote, parameters);
  if (fields === null) return FREE;
  if (typeof fields === "string") return unpriced(fields);
  const body = fields.map(([name, value]) => `${encodeName(name)}=${encodeURIComponent(value)}`).join("&");
  const read = { method: "POST", path: "/v1/invoices/create_preview", query: null, body } as const;
  return { price: lookUp("preview", [read]), exposureId: null };
}

/** Escapes all but the brackets, so that no name of a free map can become a field of its own. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll("%5B", "[").replaceAll("%5D", "]");
}

type Fields = readonly (readonly [name: string, value: string])[];

/** The preview's form; null when nothing is charged, a sentence when there is no preview of this. */
function previewOf(rule: string, parameters: Parameters): Fields | null | string {
  const { path, values, fields } = parameters;
  const subscription = path.get("subscription") ?? values.get("subscription") ?? "";
  switch (rule) {
    case "subscription_create": {
      const owner = path.get("customer");
      const mapped = mapFields(parameters, false);
      return typeof mapped === "string" || owner === undefined ? mapped : [["customer", owner], ...mapped];
    }
    case "subscription_update": {
      if (fields.every((field) => isHarmless(field.name, field.value))) return null;
      return join(subscription, mapFields(parameters, true));
    }
    case "subscription_cancel": {
      const invoices = ["invoice_now", "prorate"].some((name) => (values.get(name) ?? "false") !== "false");
      return invoices ? join(subscription, [["subscription_details[cancel_now]", "true"]]) : null;
    }
    case "subscription_resume":
      return join(subscription, [["subscription_details[resume_at]", "now"]]);
    default:
      return join(subscription, mapItem(parameters));
  }
}

function join(subscription: string, mapped: Fields | string): Fields | string {
  if (!ID.test(subscription)) return "the request must name one `subscription`";
  return typeof mapped === "string" ? mapped : [["subscription", subscription], ...mapped];
}

function isHarmless(name: string, value: string): boolean {
  const root = rootOf(name);
  return HARMLESS.has(root) || (root === "cancel_at_period_end" && value === "true");
}

function mapFields({ fields }: Parameters, isUpdate: boolean): Fields | string {
  const mapped: [string, string][] = [];
  for (const { name, value } of fields) {
    const parts = partsOf(name);
    const [root = "", , field = ""] = parts;
    const rest = name.slice(root.length);
    if (root === "items" || root === "add_invoice_items") {
      if (!/^\[(?:0|[1-9][0-9]{0,2})\]\[/.test(rest)) return `write \`${root}\` as \`${root}[0][…]\``;
      if (ITEM_LEFT_OUT.has(field)) continue;
      if (!ITEM.has(field)) return unknownField(name);
      mapped.push([(root === "items" ? "subscription_details[items]" : "invoice_items") + rest, value]);
    } else if (SAME.has(root) && !(isUpdate && root.startsWith("customer"))) mapped.push([name, value]);
    else if (DETAILS.has(root) || (isUpdate && UPDATE_DETAILS.get(root) === value))
      mapped.push([`subscription_details[${root}]${rest}`, value]);
    else if (root === "backdate_start_date") mapped.push(["subscription_details[start_date]", value]);
    else if (!LEFT_OUT.has(root) && !HARMLESS.has(root)) return unknownField(name);
  }
  return mapped;
}

/** A new item of a subscription, as the first of a preview's items. */
function mapItem({ fields }: Parameters): Fields | string {
  const mapped: [string, string][] = [];
  for (const { name, value } of fields) {
    const root = rootOf(name);
    if (ITEM.has(root) && root !== "id")
      mapped.push([`subscription_details[items][0][${root}]${name.slice(root.length)}`, value]);
    else if (root.startsWith("proration_")) mapped.push([`subscription_details[${root}]`, value]);
    else if (!LEFT_OUT.has(root) && !HARMLESS.has(root)) return unknownField(name);
  }
  return mapped;
}

function unknownField(name: string): string {
  return `what \`${name}\` charges is not known beforehand: leave it out`;
}
