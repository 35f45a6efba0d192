/** How the value of a parameter is read. */
export type ParameterType =
  | "text"
  /** A whole number. */
  | "integer"
  /** A whole number from 0. */
  | "natural"
  /** A whole number from 1. */
  | "positive"
  | "boolean"
  | "list"
  | "metadata"
  /** Text, list or hash: whatever was sent. */
  | "any"
  | { readonly oneOf: readonly string[] }
  /** A hash; with `parts` only these, `*` marks a required one. */
  | { readonly parts: Readonly<Record<string, ParameterType>> | null; readonly required?: readonly string[] }
  /** A number, or a hash of bounds. */
  | { readonly range: Readonly<Record<string, ParameterType>> };

const HASH: ParameterType = { parts: null };
const TIME_RANGE: ParameterType = {
  range: { gt: "integer", gte: "integer", lt: "integer", lte: "integer" },
};
const CAPTURE_METHOD: ParameterType = { oneOf: ["automatic", "automatic_async", "manual"] };

/** The types that an endpoint can name after a parameter. */
export const NAMED_TYPES: Readonly<Record<string, ParameterType>> = {
  any: "any",
  boolean: "boolean",
  hash: HASH,
  integer: "integer",
  list: "list",
  natural: "natural",
  range: TIME_RANGE,
  text: "text",
};

/** Types by parameter name: Stripe gives a name the same type wherever it stands. What is missing here is text. */
export const PARAMETER_TYPES: Readonly<Record<string, ParameterType>> = {
  address: HASH,
  allowed_payment_method_types: "list",
  amount: "positive",
  amount_details: HASH,
  amount_to_capture: "natural",
  amount_to_confirm: "positive",
  application_fee: "natural",
  application_fee_amount: "natural",
  arrival_date: TIME_RANGE,
  automatic_payment_methods: {
    parts: { enabled: "boolean", allow_redirects: { oneOf: ["always", "never"] } },
    required: ["enabled"],
  },
  balance: "integer",
  cancellation_reason: { oneOf: ["duplicate", "fraudulent", "requested_by_customer", "abandoned"] },
  capture: "boolean",
  capture_method: CAPTURE_METHOD,
  cash_balance: HASH,
  confirm: "boolean",
  confirmation_method: { oneOf: ["automatic", "manual"] },
  created: TIME_RANGE,
  delivery_success: "boolean",
  destination: "any",
  error_on_requires_action: "boolean",
  excluded_payment_method_types: "list",
  expand: "list",
  final_capture: "boolean",
  fraud_details: HASH,
  hooks: HASH,
  invoice_settings: HASH,
  limit: "positive",
  mandate_data: HASH,
  metadata: "metadata",
  method: { oneOf: ["standard", "instant"] },
  next_invoice_sequence: "positive",
  off_session: "any",
  origin: { oneOf: ["customer_balance"] },
  payment_details: HASH,
  payment_method_data: HASH,
  payment_method_options: HASH,
  payment_method_types: "list",
  preferred_locales: "list",
  radar_options: HASH,
  reason: { oneOf: ["duplicate", "fraudulent", "requested_by_customer"] },
  refund_application_fee: "boolean",
  reverse_transfer: "boolean",
  setup_future_usage: { oneOf: ["off_session", "on_session"] },
  shipping: HASH,
  source: "any",
  source_type: { oneOf: ["bank_account", "card", "fpx"] },
  tax: HASH,
  tax_exempt: { oneOf: ["none", "exempt", "reverse"] },
  tax_id_data: "list",
  transfer_data: { parts: { destination: "text", amount: "positive" } },
  types: "list",
  use_stripe_sdk: "boolean",
  validate: "boolean",
};
